//! Orders of the keeper and of the gateway behind it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use plimsoll_bundle::local::{GatewayTable, TlsIssuer};
use plimsoll_supervisor::order::{Bind, Kind, Listener, Order};

use super::layout::Layout;
use super::{tool, uids};
use crate::{EnvDir, LocalError};

/// The keeper's id among the orders.
pub(crate) const ID: &str = "gateway";
/// What the gateway is asked to do before it ends: a farewell to its connections.
const GRACE_MS: u64 = 15_000;
/// Connections of clients and of replicas; clamped by this machine.
const OPEN_FILES: u64 = 65_536;
/// Accepting threads, one per CPU; more than this many share nothing but a lock.
const ACCEPTORS_MAX: usize = 16;

/// The keeper's orders. `tool` is this program as the gateway sees it.
pub(crate) fn order(
    env: &EnvDir,
    layout: &Layout,
    table: &GatewayTable,
    tool: &std::path::Path,
) -> Result<Order, LocalError> {
    let dir = env.gateway();
    crate::resources::ensure_dir(&dir, 0o700)?;
    layout.give(&dir, &uids::gateway())?;
    let images = env.state_root().join(crate::state::ARTEFACTS);
    let keeper = env.path().join("keeper");
    // The gateway's user reads files there; the state directory above keeps everybody else out.
    crate::resources::ensure_dir(&images, 0o755)?;
    crate::resources::ensure_dir(&keeper, 0o700)?;
    let command = vec![
        tool.to_string_lossy().into_owned(),
        "__gateway".to_owned(),
        dir.to_string_lossy().into_owned(),
    ];
    let mut order = Order::new(ID, Kind::Keeper, command);
    order.root = layout.tools();
    order.user = layout.user(uids::gateway());
    order.secrets_dir = layout.secrets_dir(ID);
    order.limits.open_files = OPEN_FILES;
    order.grace_ms = GRACE_MS;
    order.binds = vec![
        same(dir, true),
        same(images, false),
        // The gateway asks its keeper for the listening sockets.
        same(keeper, true),
    ];
    order
        .binds
        .extend(layout.seen_doors().map(|doors| same(doors, false)));
    let tool = tool::shown(env, tool);
    order.binds.extend(tool.map(|tool| same(tool, false)));
    order.listeners = listeners(table);
    Ok(order)
}

/// Names of this machine are reached from this machine: their listeners are on loopback. Others are for everybody.
pub(crate) fn listeners(table: &GatewayTable) -> Vec<Listener> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let edge = match table.tls.issuer {
        TlsIssuer::Local => loopback,
        TlsIssuer::Acme | TlsIssuer::Files => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let mut listeners = Vec::new();
    for (name, port, address, count) in [
        ("http", table.listeners.http, edge, acceptors()),
        ("https", table.listeners.https, edge, acceptors()),
        ("metrics", table.listeners.metrics, loopback, 1),
    ] {
        if let Some(port) = port {
            let address = SocketAddr::new(address, port);
            listeners.push(Listener {
                name: name.to_owned(),
                address,
                count,
            });
        }
    }
    listeners
}

/// Seen at the path where it lies, so that documents hold one path.
fn same(path: PathBuf, writable: bool) -> Bind {
    Bind {
        source: path.clone(),
        target: path,
        writable,
    }
}

fn acceptors() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cpus.min(ACCEPTORS_MAX)).unwrap_or(1)
}
