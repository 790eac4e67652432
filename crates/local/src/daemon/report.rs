//! What the daemon says of itself and of all that it runs.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Instant;

use plimsoll_bundle::canonical;
use plimsoll_bundle::local::{GatewayTable, Header, TlsIssuer};
use plimsoll_deploy::{Group, Observed, ObservedResource};
use plimsoll_stdx::process;
use plimsoll_stdx::usage::{self, ticks_to_ms};
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::{IsolationClass, Kind, ProcessStatus as Supervised};

use super::intent::{Intent, Wanted};
use super::world::World;
use crate::LocalError;
use crate::desired::listen_digest;
use crate::resources::order_id;
use crate::status::{Phase, ProcessKind, ProcessState, ProcessStatus, ServiceImage, Status};

/// What there is, for the planner.
pub(crate) async fn observed(world: &World) -> Result<Observed, LocalError> {
    let intent = world.intent();
    let processes = world.supervisor.status().await?;
    let mut observed = Observed {
        release: intent.release.clone(),
        shift: intent.shift.clone(),
        migrated: intent.migrated.clone(),
        seeded: intent.seeded.clone(),
        ..Observed::default()
    };
    if let Some(id) = &intent.listening {
        let kept = world.documents.release(id)?;
        observed.listening = Some((id.clone(), listen_digest(&kept.bundle)?));
    }
    if let Some(id) = &intent.routed {
        let kept = world.documents.release(id)?;
        observed.routed = Some((id.clone(), canonical::digest(&kept.bundle.gateway)?));
    }
    for (name, release) in &intent.resources {
        let kept = world.documents.release(release)?;
        let Some(document) = kept.bundle.resources.get(name) else {
            continue;
        };
        let id = order_id(name);
        let ready = processes
            .iter()
            .any(|one| one.id == id && one.state == State::Ready);
        let document = canonical::digest(document)?;
        let there = ObservedResource {
            release: release.clone(),
            document,
            ready,
        };
        observed.resources.insert(name.clone(), there);
    }
    for (service, groups) in &intent.services {
        let groups: Vec<Group> = groups
            .iter()
            // One that is on its way out is the daemon's to end.
            .filter(|wanted| wanted.replicas > 0)
            .map(|wanted| group((service, wanted), &intent, &processes))
            .collect();
        if !groups.is_empty() {
            observed.services.insert(service.clone(), groups);
        }
    }
    Ok(observed)
}

fn group((service, wanted): (&str, &Wanted), intent: &Intent, processes: &[Supervised]) -> Group {
    let is_ready = |process: &&Supervised| {
        process.kind == Kind::Replica
            && process.service == service
            && process.release == wanted.release.as_str()
            && intent.cohort(service, &process.release, &process.id) == wanted.cohort
            && process.state == State::Ready
    };
    let ready = processes.iter().filter(is_ready).count();
    Group {
        revision: wanted.revision.clone(),
        release: wanted.release.clone(),
        cohort: wanted.cohort,
        wanted: wanted.replicas,
        ready: u32::try_from(ready).unwrap_or(u32::MAX),
    }
}

/// Every process of ours.
pub(crate) async fn status(world: &World) -> Result<Status, LocalError> {
    let intent = world.intent();
    let supervised = world.supervisor.status().await?;
    let mut processes = vec![own(world)];
    for process in &supervised {
        describe(process, &mut processes);
    }
    rates(world, &mut processes);
    let table = match intent.routed.as_ref().or(intent.release.as_ref()) {
        Some(id) => Some(world.documents.release(id)?),
        None => None,
    };
    let images = match &intent.release {
        Some(id) => ServiceImage::of(&world.documents.release(id)?.release),
        None => Vec::new(),
    };
    Ok(Status {
        images,
        header: Header::new(Status::FORMAT, Status::VERSION),
        app: world.file.app.clone(),
        environment: world.file.environment.clone(),
        instance: world.file.instance.clone(),
        phase: phase(&observed(world).await?, &supervised),
        release: intent.release.map(|release| release.to_string()),
        processes,
        urls: table.map_or_else(Vec::new, |kept| urls(&kept.bundle.gateway)),
    })
}

fn phase(observed: &Observed, processes: &[Supervised]) -> Phase {
    let asked = observed.listening.is_some()
        || !observed.resources.is_empty()
        || !observed.services.is_empty();
    if !asked && processes.is_empty() {
        return Phase::Down;
    }
    let groups = observed.services.values().flatten();
    let ready = observed.resources.values().all(|there| there.ready)
        && groups.into_iter().all(|group| group.ready == group.wanted)
        && observed.routed.is_some();
    if ready { Phase::Up } else { Phase::Changing }
}

fn own(world: &World) -> ProcessStatus {
    let pid = std::process::id();
    let (cpu_ms, rss_bytes) = alone(pid);
    ProcessStatus {
        kind: ProcessKind::Supervisor,
        name: "supervisor".into(),
        of: None,
        pid: Some(pid),
        state: ProcessState::Ready,
        isolation: IsolationClass::ByConvention.to_string(),
        runtime: None,
        cpu_ms,
        cpu_millis: None,
        rss_bytes,
        restarts: 0,
        release: world.intent().release.map(|release| release.to_string()),
        reason: None,
        last_exit: None,
        controls: Vec::new(),
        group: None,
    }
}

/// CPU time in milliseconds and resident bytes of one process without its children.
fn alone(pid: u32) -> (u64, u64) {
    process::stat(pid).map_or((0, 0), |stat| {
        let bytes = stat
            .rss_pages
            .saturating_mul(rustix::param::page_size() as u64);
        (ticks_to_ms(stat.cpu_ticks), bytes)
    })
}

/// A process and the shim above it; a keeper and the gateway below it.
fn describe(process: &Supervised, processes: &mut Vec<ProcessStatus>) {
    let main = main_process(process);
    let shim_kind = match process.kind {
        Kind::Keeper => ProcessKind::Keeper,
        Kind::Replica | Kind::Resource | Kind::Job => ProcessKind::Shim,
    };
    if let Some(pid) = process.shim_pid {
        let (cpu_ms, rss_bytes) = alone(pid);
        let name = match process.kind {
            Kind::Keeper => "keeper".to_owned(),
            Kind::Replica | Kind::Resource | Kind::Job => format!("{}/shim", main.name),
        };
        processes.push(ProcessStatus {
            kind: shim_kind,
            name,
            pid: Some(pid),
            state: ProcessState::Ready,
            isolation: IsolationClass::ByConvention.to_string(),
            runtime: None,
            cpu_ms,
            rss_bytes,
            restarts: 0,
            reason: None,
            last_exit: None,
            controls: Vec::new(),
            group: None,
            ..main.clone()
        });
    }
    processes.push(main);
}

fn main_process(process: &Supervised) -> ProcessStatus {
    let (kind, name) = match process.kind {
        Kind::Replica => (ProcessKind::Replica, process.id.clone()),
        Kind::Resource => (ProcessKind::Resource, process.service.clone()),
        Kind::Job => (ProcessKind::Job, process.id.clone()),
        Kind::Keeper => (ProcessKind::Gateway, "gateway".to_owned()),
    };
    // What is measured is the whole tree below the shim; the shim's own part is shown apart.
    let tree = process.pid.and_then(|pid| process::ProcessId::of(pid).ok());
    let usage = tree
        .and_then(|root| usage::of_tree(root).ok())
        .unwrap_or_default();
    ProcessStatus {
        kind,
        name,
        of: (!process.service.is_empty()).then(|| process.service.clone()),
        pid: process.pid,
        state: in_words(&process.state),
        isolation: process
            .class
            .unwrap_or(IsolationClass::ByConvention)
            .to_string(),
        runtime: process.runtime.clone(),
        cpu_ms: usage.cpu_ms,
        cpu_millis: None,
        rss_bytes: usage.rss_bytes,
        restarts: u32::try_from(process.restarts).unwrap_or(u32::MAX),
        release: (!process.release.is_empty()).then(|| process.release.clone()),
        reason: reason(process),
        last_exit: process
            .last_exit
            .as_ref()
            .map(|exit| exit.reason.to_string()),
        controls: process.controls.clone(),
        group: process.group,
    }
}

/// A state as people see it.
pub(crate) fn in_words(state: &State) -> ProcessState {
    match state {
        State::Spawning | State::Starting | State::WarmingUp => ProcessState::Starting,
        State::Ready => ProcessState::Ready,
        State::Unready => ProcessState::Unready,
        State::Draining | State::Ending => ProcessState::Draining,
        State::Backoff => ProcessState::Restarting,
        State::Idle | State::Stopped => ProcessState::Stopped,
        State::Failed { .. } => ProcessState::Failed,
    }
}

fn reason(process: &Supervised) -> Option<String> {
    match &process.state {
        State::Failed { reason } => Some(reason.clone()),
        State::Backoff => process
            .last_exit
            .as_ref()
            .map(|exit| exit.reason.to_string()),
        State::Idle
        | State::Spawning
        | State::Starting
        | State::WarmingUp
        | State::Ready
        | State::Unready
        | State::Draining
        | State::Ending
        | State::Stopped => None,
    }
}

/// CPU use since the last look.
fn rates(world: &World, processes: &mut [ProcessStatus]) {
    let now = Instant::now();
    let mut looks = world.looks.lock().unwrap_or_else(PoisonError::into_inner);
    let mut next = BTreeMap::new();
    for process in processes {
        let key = format!("{} {}", process.name, process.pid.unwrap_or(0));
        if let Some((then, cpu_ms)) = looks.get(&key) {
            let wall = now.duration_since(*then).as_millis().max(1);
            let used = u128::from(process.cpu_ms.saturating_sub(*cpu_ms));
            process.cpu_millis = u32::try_from(used * 1000 / wall).ok();
        }
        next.insert(key, (now, process.cpu_ms));
    }
    *looks = next;
}

/// Where the app is reached, the address that most people want first.
fn urls(table: &GatewayTable) -> Vec<String> {
    let mut hosts: Vec<&str> = Vec::new();
    for route in &table.routes {
        if route.hosts.is_empty() && !hosts.contains(&"localhost") {
            hosts.push("localhost");
        }
        for host in route.hosts.iter().map(String::as_str) {
            let fits = table.tls.issuer != TlsIssuer::Local || is_here(host);
            if fits && !host.starts_with('*') && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    hosts.sort_by_key(|host| (*host != "localhost", *host == "127.0.0.1"));
    let mut urls = Vec::new();
    for (scheme, port, usual) in [
        ("https", table.listeners.https, 443),
        ("http", table.listeners.http, 80),
    ] {
        let Some(port) = port else { continue };
        if scheme == "http" && table.tls.redirect && table.listeners.https.is_some() {
            continue;
        }
        let suffix = if port == usual {
            String::new()
        } else {
            format!(":{port}")
        };
        urls.extend(
            hosts
                .iter()
                .map(|host| format!("{scheme}://{host}{suffix}/")),
        );
    }
    urls
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.")
}
