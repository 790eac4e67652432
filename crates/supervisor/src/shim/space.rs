//! What a shim enters for a contained program: a network of nothing but loopback, in which it stays, and a process
//! namespace for the one child that it starts.
//!
//! That the shim lives in the program's network is what makes dialling simple: it connects, and passes the socket on.
//! It needs no other network itself, since its own sockets are files. Without root it gets a user namespace first, in
//! which it is root over these two and nothing else.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

use super::{loopback, observed, sys, users};

/// What this machine shares with everybody.
#[derive(Debug)]
pub(crate) struct Outside {
    /// The number of each namespace, by its name below `/proc/self/ns`.
    pub(crate) namespaces: BTreeMap<String, u64>,
    /// Whether the shim is root only in a user namespace of its own.
    pub(crate) rootless: bool,
}

/// Enters, for good; every child from here on is in the new process namespace, and the first is its process 1.
pub(super) fn enter() -> Result<Outside, String> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let outside = Outside {
        namespaces: observed::namespaces(),
        rootless: uid != 0,
    };
    let refused = |error| format!("this machine allows no namespaces of its own: {error}");
    if outside.rootless {
        sys::unshare(UnshareFlags::NEWUSER).map_err(refused)?;
        users::map((0, 0), (uid, gid))?;
    }
    sys::unshare(UnshareFlags::NEWPID).map_err(refused)?;
    network()?;
    Ok(outside)
}

/// Enters the network alone, for good: an OCI runtime is told to put the program there, and makes the rest itself.
pub(super) fn enter_network() -> Result<Outside, String> {
    let outside = Outside {
        namespaces: observed::namespaces(),
        rootless: false,
    };
    network()?;
    Ok(outside)
}

fn network() -> Result<(), String> {
    sys::unshare(UnshareFlags::NEWNET)
        .map_err(|error| format!("this machine allows no network of its own: {error}"))?;
    loopback::up().map_err(|error| format!("cannot switch loopback on: {error}"))?;
    open_low_ports();
    Ok(())
}

/// Low ports are for root where there is somebody to take them from. Here everything is the program's own, and images
/// made elsewhere listen on 80. A kernel that refuses leaves those to higher ports.
fn open_low_ports() {
    let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    if let Ok(mut file) = OpenOptions::new().write(true).open(path) {
        let _ = file.write_all(b"0");
    }
}
