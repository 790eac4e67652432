//! What is applied to a process that will be the program, and what class that makes.

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Gid, Resource, Rlimit, Uid, getegid, geteuid, getrlimit, setrlimit};
use rustix::thread::{
    clear_ambient_capability_set, no_new_privs, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use super::handoff::Applied;
use crate::order::{Isolation, Order, Root, User};
use crate::record::IsolationClass;

/// The newest rules that we know how to name; an older kernel applies what it knows.
const RULES: ABI = ABI::V6;
/// What every program may read and execute on the host's tree: the system, not the homes.
const HOST_READ: &[&str] = &[
    "/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc", "/opt", "/nix", "/proc", "/sys", "/run",
];
/// Where every program may write on the host's tree, as far as permissions go.
const HOST_WRITE: &[&str] = &["/dev", "/tmp", "/var/tmp"];
/// The same in a root of its own.
const TOOLS_WRITE: &[&str] = &["/dev", "/tmp"];

/// Tries Landlock on this process, for good, and says which version of its rules is in force; 0 is none.
pub(crate) fn try_landlock(order: &Order) -> u32 {
    rules(order).map_or(0, |(_, version)| version)
}

/// The version of Landlock's rules here, 0 without.
fn version(status: &LandlockStatus) -> u32 {
    match *status {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    }
}

/// Becomes `user`, for good: no way back, no other group, no capability.
pub(crate) fn become_user(user: Option<&User>) -> Result<(), String> {
    let Some(user) = user else {
        return Ok(());
    };
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    if geteuid() == uid && getegid() == gid {
        return Ok(());
    }
    let refused = |error| format!("cannot become user {}: {error}", user.uid);
    set_thread_groups(&[]).map_err(refused)?;
    set_thread_res_gid(gid, gid, gid).map_err(refused)?;
    // Takes every capability along, as the last of the three ids that was 0 goes.
    set_thread_res_uid(uid, uid, uid).map_err(refused)?;
    if geteuid() != uid || getegid() != gid {
        return Err(format!("became another user than {}", user.uid));
    }
    Ok(())
}

/// Applies what is left to apply, and looks what holds.
pub(crate) fn apply(order: &Order) -> Result<Applied, String> {
    let mut controls = vec![format!("user {}", geteuid().as_raw())];
    // Without a kernel that knows ambient capabilities there are none to clear.
    let _ = clear_ambient_capability_set();
    set_no_new_privs(true).map_err(|error| format!("cannot give up new privileges: {error}"))?;
    let sealed = no_new_privs().unwrap_or(false);
    if sealed {
        controls.push("no new privileges".to_owned());
    }
    limit(order, &mut controls)?;
    if order.root != Root::Host {
        controls.push("a root of its own".to_owned());
    }
    let ruled = landlock(order, &mut controls);
    let walled = ruled || order.root != Root::Host;
    let class = if sealed && walled && !geteuid().is_root() {
        IsolationClass::Confined
    } else {
        IsolationClass::ByConvention
    };
    // Of a contained program it is looked at with all its other namespaces.
    let looked_at = order.root != Root::Host && order.isolation == Isolation::Shared;
    let mount_ns = looked_at.then(mount_namespace).flatten();
    Ok(Applied {
        class,
        controls,
        mount_ns,
    })
}

fn mount_namespace() -> Option<u64> {
    let link = std::fs::read_link("/proc/self/ns/mnt").ok()?;
    let text = link.to_str()?;
    text.strip_prefix("mnt:[")?.strip_suffix(']')?.parse().ok()
}

fn limit(order: &Order, controls: &mut Vec<String>) -> Result<(), String> {
    let limits = &order.limits;
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).map_err(|error| format!("cannot limit core dumps: {error}"))?;
    controls.push("no core dumps".to_owned());
    if limits.open_files > 0 {
        let hard = getrlimit(Resource::Nofile).maximum;
        let files = hard.map_or(limits.open_files, |hard| hard.min(limits.open_files));
        let wanted = Rlimit {
            current: Some(files),
            maximum: Some(files),
        };
        setrlimit(Resource::Nofile, wanted)
            .map_err(|error| format!("cannot limit open files: {error}"))?;
        let clamped = if files < limits.open_files {
            " (clamped)"
        } else {
            ""
        };
        controls.push(format!("open files {files}{clamped}"));
    }
    if order.root == Root::Host {
        let missing = order.writable.keys();
        controls.extend(missing.map(|path| format!("no {} in memory", path.display())));
    }
    if order.isolation == Isolation::Contained {
        // The shim has made the groups, and says what came of them.
        return Ok(());
    }
    let needs_cgroup = [
        ("memory", limits.memory_bytes > 0),
        ("cpu", limits.cpu_millis > 0),
        ("processes", limits.pids > 0),
    ];
    let missing = needs_cgroup.iter().filter(|(_, wanted)| *wanted);
    controls.extend(missing.map(|(name, _)| format!("{name} not limited: no cgroup")));
    Ok(())
}

/// Applies file rules and scopes as far as the kernel knows them. Whether any are in force.
fn landlock(order: &Order, controls: &mut Vec<String>) -> bool {
    match rules(order) {
        Ok((RulesetStatus::FullyEnforced, version)) => {
            controls.push(format!("landlock {version}"));
            true
        }
        Ok((RulesetStatus::PartiallyEnforced, version)) => {
            controls.push(format!("landlock {version} in part"));
            true
        }
        Ok((RulesetStatus::NotEnforced, _)) => {
            controls.push("landlock not there".to_owned());
            false
        }
        Err(error) => {
            controls.push(format!("landlock refused: {error}"));
            false
        }
    }
}

fn rules(order: &Order) -> Result<(RulesetStatus, u32), RulesetError> {
    let everything = AccessFs::from_all(RULES);
    let reading = AccessFs::from_read(RULES);
    let in_own_root = order.root != Root::Host;
    let paths = |writable: bool| {
        let binds = order
            .binds
            .iter()
            .filter(move |bind| bind.writable == writable);
        binds.map(move |bind| {
            if in_own_root {
                &bind.target
            } else {
                &bind.source
            }
        })
    };
    // Where a rule names a path that is not there, there is nothing to allow.
    let (read, write): (&[&str], &[&str]) = if in_own_root {
        (&["/"], TOOLS_WRITE)
    } else {
        (HOST_READ, HOST_WRITE)
    };
    // In a root of its own everything may be read already, as far as permissions go.
    let secrets = (!in_own_root).then_some(&order.secrets_dir);
    let scratch = order.writable.keys().filter(|_| in_own_root);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)?
        .scope(Scope::from_all(RULES))?
        .create()?
        .add_rules(path_beneath_rules(read, reading))?
        .add_rules(path_beneath_rules(write, everything))?
        .add_rules(path_beneath_rules(secrets, reading))?
        .add_rules(path_beneath_rules(
            paths(false).filter(|_| !in_own_root),
            reading,
        ))?
        .add_rules(path_beneath_rules(paths(true), everything))?
        .add_rules(path_beneath_rules(scratch, everything))?
        .restrict_self()?;
    Ok((status.ruleset, version(&status.landlock)))
}
