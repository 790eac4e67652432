//! What the relay gives up before it takes the first connection: everything but the ways of its edges.

use std::fs::File;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit, setsid,
};
use rustix::thread::{clear_ambient_capability_set, set_no_new_privs};

use super::serve::FLOWS;
use super::task::Task;
use crate::order::{MAX_EDGES, Towards};
use crate::shim::{confine_user, seccomp, sys};

/// The newest rules that we know how to name; an older kernel applies what it knows.
const RULES: ABI = ABI::V6;
/// Where the C library looks for how names are resolved, and for what it needs to.
const RESOLVER: &[&str] = &["/etc", "/usr", "/lib", "/lib64", "/run"];
/// Names are asked for over TCP where an answer is too long for a datagram.
const DNS: u16 = 53;

/// Becomes nobody, for good.
pub(super) fn down(task: &Task, folders: &[&File]) -> Result<(), String> {
    let words = |error: std::io::Error| error.to_string();
    sys::unblock_signals().map_err(words)?;
    // No signal that is meant for the shim's group reaches it.
    let _ = setsid();
    limit()?;
    confine_user(task.user.as_ref())?;
    // Sockets are reached through the folders that are open, which who changed its user may not look at otherwise.
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(|error| error.to_string())?;
    // Without a kernel that knows ambient capabilities there are none to clear.
    let _ = clear_ambient_capability_set();
    set_no_new_privs(true).map_err(|error| format!("cannot give up new privileges: {error}"))?;
    // After the change of user, which undoes it. A shim that died before has closed its end, which is read next.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    // A second wall behind that of the user: without it the relay is nobody all the same.
    let _ = rule(task, folders);
    seccomp::apply()
}

fn limit() -> Result<(), String> {
    let set = |resource, value| {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit).map_err(|error| format!("cannot limit itself: {error}"))
    };
    set(Resource::Core, 0)?;
    // Two for each connection, two more while it is opened (a lookup, a door), the listeners, and what a runtime has.
    let wanted = u64::try_from(4 * FLOWS + 2 * MAX_EDGES + 32).unwrap_or(u64::MAX);
    let hard = getrlimit(Resource::Nofile).maximum;
    set(
        Resource::Nofile,
        hard.map_or(wanted, |hard| hard.min(wanted)),
    )
}

/// Files that the resolver reads, folders with sockets, ports of the edges; nothing else.
fn rule(task: &Task, folders: &[&File]) -> Result<(), RulesetError> {
    let reading = AccessFs::from_read(RULES);
    let outside = task.edges.iter().filter_map(|edge| match &edge.to {
        Towards::Tcp { port, .. } => Some(*port),
        Towards::Socket { .. } | Towards::Service { .. } => None,
    });
    let connect = |port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp));
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?
        .add_rules(path_beneath_rules(RESOLVER, reading))?
        .add_rules(
            folders
                .iter()
                .map(|folder| Ok::<_, RulesetError>(PathBeneath::new(*folder, reading))),
        )?
        .add_rules(outside.chain([DNS]).map(connect))?
        .restrict_self()?;
    Ok(())
}
