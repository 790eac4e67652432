//! The gateway and its keeper: certificates, ports, orders.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use plimsoll_bundle::local::{GatewayTable, TlsIssuer};
use plimsoll_deploy::{Fault, ReleaseId};
use plimsoll_gateway::authority::Authority;
use plimsoll_stdx::fs::write_atomic;
use plimsoll_supervisor::order::Listener;

use super::world::{World, is_wanted};
use super::{publish, steps};
use crate::LocalError;
use crate::error::Refusal;
use crate::orders::{keeper, tool, uids};
use crate::ports;

/// From the keeper's start to its sockets.
const KEEPER_WITHIN: Duration = Duration::from_secs(20);
/// How long a certificate is good for; Apple's clients refuse more than 398 days.
const VALIDITY: Duration = Duration::from_hours(90 * 24);
/// A certificate is made again when it is older than this: a third of its life.
const RENEW_AFTER: Duration = Duration::from_hours(30 * 24);

/// The edge listens where `release` says, or nowhere.
pub(crate) async fn listen(world: &World, release: Option<&ReleaseId>) -> Result<(), LocalError> {
    let Some(release) = release else {
        world.ask(|intent| {
            intent.listening = None;
            intent.routed = None;
        })?;
        return steps::end(world, keeper::ID).await;
    };
    let kept = world.documents.release(release)?;
    let table = &kept.bundle.gateway;
    certificates(world, table)?;
    let documents = &world.documents;
    let tool = tool(world)?;
    let mut order = keeper::order(&documents.env, &documents.layout, table, &tool)?;
    order.release = release.to_string();
    let there = world.supervisor.status_of(keeper::ID).await.ok();
    let there = there.filter(|process| is_wanted(&process.state));
    if there.is_some() && same_listeners(world, table)? {
        // Its orders are of an earlier release, and say the same.
        return opened(world, release).await;
    }
    if there.is_some() {
        steps::end(world, keeper::ID).await?;
    }
    ensure_free(&order.listeners)?;
    world.ask(|intent| intent.listening = Some(release.clone()))?;
    steps::start(world, order).await?;
    steps::ready(world, keeper::ID, KEEPER_WITHIN).await?;
    opened(world, release).await
}

async fn opened(world: &World, release: &ReleaseId) -> Result<(), LocalError> {
    world.ask(|intent| intent.listening = Some(release.clone()))?;
    publish::wait_for_gateway(world).await
}

fn same_listeners(world: &World, table: &GatewayTable) -> Result<bool, LocalError> {
    let Some(open) = world.intent().listening else {
        return Ok(false);
    };
    let kept = world.documents.release(&open)?;
    Ok(keeper::listeners(&kept.bundle.gateway) == keeper::listeners(table))
}

/// The edge routes by the table of `release`, or nothing.
pub(crate) async fn route(world: &World, release: Option<&ReleaseId>) -> Result<(), LocalError> {
    let Some(release) = release else {
        // Without replicas it answers 503 to everything; the last table goes with the gateway.
        world.ask(|intent| intent.routed = None)?;
        return Ok(());
    };
    let kept = world.documents.release(release)?;
    publish::route(world, release, &kept.bundle.gateway).await?;
    publish::wait_for_all(world).await
}

/// This program, where the gateway finds it.
pub(super) fn tool(world: &World) -> Result<PathBuf, LocalError> {
    let documents = &world.documents;
    tool::publish(&documents.env, &documents.layout, &world.file.executable)
}

/// A certificate for the names of the table, by the instance's own authority.
fn certificates(world: &World, table: &GatewayTable) -> Result<(), LocalError> {
    if table.listeners.https.is_none() || table.tls.issuer != TlsIssuer::Local {
        return Ok(());
    }
    let env = &world.documents.env;
    let tls = env.gateway().join("tls");
    crate::resources::ensure_dir(&env.gateway(), 0o700)?;
    crate::resources::ensure_dir(&tls, 0o700)?;
    let names = table.tls.names.join("\n");
    if is_fresh(&tls, &names) {
        return Ok(());
    }
    let authority = Authority::load_or_create(&env.state_root().join("ca"))?;
    let pair = authority.issue(&table.tls.names, VALIDITY)?;
    let user = uids::gateway();
    for (file, text) in [
        ("key.pem", &pair.key),
        ("cert.pem", &pair.certificates),
        ("names", &names),
    ] {
        write_atomic(&tls.join(file), text.as_bytes())?;
        world.documents.layout.give(&tls.join(file), &user)?;
    }
    world.documents.layout.give(&tls, &user)?;
    world.documents.layout.give(&env.gateway(), &user)
}

/// The list of names is written last: with it the other two are whole.
fn is_fresh(tls: &Path, names: &str) -> bool {
    let list = tls.join("names");
    let young = list
        .metadata()
        .and_then(|data| data.modified())
        .is_ok_and(|made| {
            SystemTime::now()
                .duration_since(made)
                .is_ok_and(|age| age < RENEW_AFTER)
        });
    young && std::fs::read_to_string(list).is_ok_and(|there| there == names)
}

/// Says who has a port, before anything else is tried.
fn ensure_free(listeners: &[Listener]) -> Result<(), LocalError> {
    for listener in listeners {
        if listener.address.port() == 0 {
            continue;
        }
        if let Err(error) = TcpListener::bind(listener.address) {
            return Err(LocalError::Refused(taken(listener, &error)));
        }
    }
    Ok(())
}

fn taken(listener: &Listener, error: &std::io::Error) -> Refusal {
    let port = listener.address.port();
    let key = format!("[env.<name>.edge] {} = <port>", listener.name);
    let (message, hint) = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let holder = ports::holder(port)
                .map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
            (
                format!("port {port} ({}) is in use by {holder}", listener.name),
                format!("end it, or choose another port: {key}"),
            )
        }
        std::io::ErrorKind::PermissionDenied => (
            format!("port {port} ({}) needs root", listener.name),
            format!("choose a port from 1024 on: {key}"),
        ),
        _ => (
            format!("cannot listen on {}: {error}", listener.address),
            format!("see {key}"),
        ),
    };
    Refusal {
        message,
        hint: Some(hint),
        fault: Fault::Usage,
    }
}
