//! The second stage of a contained program, from a plain child of the shim to a process that can do no harm.
//!
//! The order matters. Mounts are made while this process still may; they belong to the user namespace of the shim, so
//! that nobody in the program's own could ever undo them. Then it becomes the user, and only then gets a user
//! namespace in which that one user exists and root does not. Capabilities go last, because a new user namespace gives
//! all of them back.

use rustix::fd::AsFd;
use rustix::process::{DumpableBehavior, Gid, Uid, getegid, geteuid, set_dumpable_behavior};
use rustix::system::sethostname;
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::handoff::{Applied, Run};
use super::init::{tie, write_secrets};
use super::space::Outside;
use super::{confine, image, observed, root, seccomp, sys, users};
use crate::order::{Order, Root, User};
use crate::record::IsolationClass;

/// Applies everything that the program and its init have in common, and looks what holds.
pub(super) fn hold(run: &Run<'_>, outside: &Outside, talk: impl AsFd) -> Result<Applied, String> {
    let order = run.order;
    if !outside.rootless && order.user.is_none() {
        return Err("a contained program is not root: its orders name no user".to_owned());
    }
    let flags =
        UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    sys::unshare(flags)
        .map_err(|error| format!("this machine allows no namespaces of its own: {error}"))?;
    sethostname(order.id.as_bytes()).map_err(|error| format!("cannot set a name: {error}"))?;
    let tree = match &order.root {
        Root::Tools => {
            root::assemble(order, run.token, run.mount_point)?;
            "the tree of this machine's tools".to_owned()
        }
        Root::Image(image) => {
            image::enter(order, image, run.token, run.mount_point)?;
            format!("the tree of image {}", image.digest.short())
        }
        Root::Host => return Err("a contained program has a file tree of its own".to_owned()),
    };
    write_secrets(run)?;
    let mut controls = become_nobody_else(order)?;
    controls.push(tree);
    drop_capabilities()?;
    tie(talk)?;
    let applied = confine::apply(order)?;
    controls.extend(applied.controls);
    seccomp::apply()?;
    // Of this process, which has read the secrets, the program shall see nothing.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())?;
    let observed = observed::look(&outside.namespaces);
    let mount_ns = observed.mount_ns;
    controls.extend(observed.controls);
    let class = if observed.complete {
        IsolationClass::Contained
    } else {
        applied.class
    };
    Ok(Applied {
        class,
        controls,
        mount_ns,
    })
}

/// Becomes the program's user in a user namespace of its own. What it says is what came of it.
fn become_nobody_else(order: &Order) -> Result<Vec<String>, String> {
    if let Some(user) = &order.user {
        become_with_capabilities(user)?;
    }
    let outside = (geteuid().as_raw(), getegid().as_raw());
    let (uid, gid, _) = users::inside(order);
    match sys::unshare(UnshareFlags::NEWUSER) {
        Ok(()) => users::map((uid, gid), outside)?,
        // The class will say that this is missing; another user than anybody's it is all the same.
        Err(error) => return Ok(vec![format!("no user namespace: {error}")]),
    }
    Ok(vec![format!("outside user {}", outside.0)])
}

/// As [`confine::become_user`], but keeps what the next steps need.
fn become_with_capabilities(user: &User) -> Result<(), String> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let refused = |error| format!("cannot become user {}: {error}", user.uid);
    set_keep_capabilities(true).map_err(refused)?;
    set_thread_groups(&[]).map_err(refused)?;
    set_thread_res_gid(gid, gid, gid).map_err(refused)?;
    set_thread_res_uid(uid, uid, uid).map_err(refused)?;
    let mut sets = capabilities(None).map_err(refused)?;
    sets.effective = sets.permitted;
    set_capabilities(None, sets).map_err(refused)
}

/// Gives up every capability in every set.
fn drop_capabilities() -> Result<(), String> {
    let refused = |error| format!("cannot give up capabilities: {error}");
    for capability in CapabilitySet::all().iter() {
        // Of one that this kernel does not know there is nothing to give up; `observed` looks at what is left.
        let _ = remove_capability_from_bounding_set(capability);
    }
    // Without a kernel that knows ambient capabilities there are none to clear.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(refused)
}
