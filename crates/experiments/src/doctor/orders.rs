//! Orders of a replica under attack: what the local target gives a replica that is a static program and may reach one
//! address outside.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_supervisor::order::{
    Backend, Bind, Edge, ImageRoot, Isolation, Kind, Limits, Order, Root, Towards, User,
};
use plimsoll_supervisor::runner::Capabilities;

use super::stage::Stage;
use crate::attack::{CANARY, CANARY_NAME};

/// The name of this binary among the files of a replica.
pub(super) const PROGRAM: &str = "plimsoll";
/// Where a replica's artefact is.
const APP: &str = "/app";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One CPU; memory, processes and files as the attacks on them say.
const LIMITS: Limits = Limits {
    cpu_millis: 1000,
    memory_bytes: 64 << 20,
    pids: 32,
    open_files: 256,
};

/// What the attack on the CPU limit gets: less than a busy machine leaves it, so that the limit is what holds it back.
pub(super) const LITTLE_CPU_MILLIS: u32 = 50;

/// The user of replicas where we are root.
pub(super) fn user() -> User {
    User {
        uid: 2_100_001_001,
        gid: 2_100_001_001,
        name: "app".to_owned(),
        inside: Some(1001),
    }
}

/// Orders without a program.
pub(super) fn replica(stage: &Stage, machine: &Capabilities) -> Order {
    let mut order = Order::new("attack", Kind::Replica, Vec::new());
    order.root = match (&machine.contained, &machine.tools) {
        (Ok(()), _) => Root::Image(image(&stage.image(), &stage.program)),
        (Err(_), Ok(())) => Root::Tools,
        (Err(_), Err(_)) => Root::Host,
    };
    if machine.contained.is_ok() {
        order.isolation = Isolation::Contained;
    }
    order.user = machine.root.then(user);
    order.limits = LIMITS;
    for (name, value) in [("PATH", PATH), ("HOME", "/tmp"), (CANARY_NAME, CANARY)] {
        order.env.insert(name.to_owned(), value.to_owned());
    }
    order.binds = vec![Bind {
        source: stage.app(),
        target: PathBuf::from(APP),
        writable: false,
    }];
    order.grace_ms = 1000;
    order
}

/// Has this runtime contain the replica, where anything can.
pub(super) fn hand_over(order: &mut Order, runtime: Option<&Path>) {
    if let (Isolation::Contained, Some(runtime)) = (order.isolation, runtime) {
        order.backend = Backend::Oci {
            runtime: runtime.to_owned(),
        };
    }
}

/// Lets the replica reach this address, where it has a network of its own.
pub(super) fn allow(order: &mut Order, address: SocketAddr, machine: &Capabilities) {
    if order.isolation == Isolation::Shared {
        return;
    }
    let (host, port) = (address.ip().to_string(), address.port());
    order.edges = vec![Edge {
        host: host.clone(),
        port,
        to: Towards::Tcp { host, port },
    }];
    order.relay = machine.root.then(relay);
}

/// The user of those that carry connections.
fn relay() -> User {
    User {
        uid: 2_100_001_004,
        gid: 2_100_001_004,
        name: "relay".to_owned(),
        inside: None,
    }
}

fn image(rootfs: &Path, digest: &Digest) -> ImageRoot {
    ImageRoot {
        rootfs: rootfs.to_owned(),
        digest: digest.clone(),
    }
}

/// What follows from the name and from the tree that is seen.
pub(super) fn complete(order: &mut Order, stage: &Stage) {
    order.secrets_dir = secrets_dir(order, &order.id, stage);
    let workdir = if order.root == Root::Host { "/" } else { APP };
    workdir.clone_into(&mut order.workdir);
}

/// Where a process called `id` with otherwise these orders finds its secrets.
pub(super) fn secrets_dir(order: &Order, id: &str, stage: &Stage) -> String {
    match order.root {
        Root::Host => stage
            .scratch()
            .join(format!("secrets-{id}"))
            .to_string_lossy()
            .into_owned(),
        Root::Tools | Root::Image(_) => "/run/secrets".to_owned(),
    }
}

/// Where a process with these orders finds the folder of programs.
pub(super) fn seen_app(order: &Order, stage: &Stage) -> PathBuf {
    match order.root {
        Root::Host => stage.app(),
        Root::Tools | Root::Image(_) => PathBuf::from(APP),
    }
}

/// Where a process with these orders may write.
pub(super) fn seen_scratch(order: &Order, stage: &Stage) -> PathBuf {
    match order.root {
        Root::Host => stage.scratch(),
        Root::Tools | Root::Image(_) => PathBuf::from("/tmp"),
    }
}
