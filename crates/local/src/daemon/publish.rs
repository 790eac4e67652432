//! Telling the gateway where replicas are: endpoints with a generation that only rises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::{Endpoint, Endpoints, Traffic};
use plimsoll_bundle::local::{Destination, GatewayTable, LocalBundle, ServiceSpec};
use plimsoll_deploy::ReleaseId;
use plimsoll_gateway::control::{Client, Health, Hello};
use plimsoll_stdx::fs::{read_bounded, write_atomic, write_atomic_mode};
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::order::Towards;
use plimsoll_supervisor::{Kind, ProcessStatus};
use tokio::time::{Instant, sleep};

use super::intent::Intent;
use super::weights::weigh;
use super::world::World;
use crate::{EnvDir, LocalError};

/// An endpoints document of a thousand replicas is below 1 MiB.
const DOCUMENT_MAX: u64 = 16 << 20;
/// From the start of a keeper to the gateway's answer: it loads its last table and certificates.
const GATEWAY_WITHIN: Duration = Duration::from_secs(15);
/// From the document to the gateway's own word that a replica is ready: a probe each, at once.
const AGREE_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks of a wait.
const LOOK: Duration = Duration::from_millis(5);

/// Speaks to the gateway. One at a time: the world holds it behind a lock.
#[derive(Debug)]
pub(crate) struct Publisher {
    env: EnvDir,
    hello: Hello,
    /// What the gateway was last told.
    last: Endpoints,
    /// A release whose table is about to be put: its files must be known before.
    pub(crate) next: Option<ReleaseId>,
    /// What relays were last told.
    ready: Option<Endpoints>,
    /// The gateway does not know of `last` yet.
    behind: bool,
}

impl Publisher {
    pub(crate) fn new(env: &EnvDir, instance: &str, epoch: u64) -> Self {
        let last = read_bounded(&env.path().join("endpoints.json"), DOCUMENT_MAX)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_else(Endpoints::empty);
        let hello = Hello::new(instance, epoch);
        Self {
            env: env.clone(),
            hello,
            last,
            next: None,
            ready: None,
            behind: true,
        }
    }

    async fn client(&self) -> Result<Client, LocalError> {
        Ok(Client::connect(&self.env.gateway(), self.hello.clone()).await?)
    }

    /// Makes the document of what is there now and, when it says something new, writes it and tells the gateway.
    async fn publish(&mut self, world: &World) -> Result<(), LocalError> {
        let intent = world.intent();
        let processes = world.supervisor.status().await?;
        let services = endpoints(&processes, &self.last, &intent);
        let mut files = BTreeMap::new();
        for id in intent.routed.iter().chain(&self.next) {
            let kept = world.documents.release(id)?;
            files.extend(folders(&self.env, &kept.bundle));
        }
        if services != self.last.services || files != self.last.files {
            let generation = self.last.generation + 1;
            self.last = Endpoints {
                generation,
                services,
                files,
                ..Endpoints::empty()
            };
            self.keep()?;
            self.behind = true;
        }
        self.tell_relays(&processes, (world, &intent))?;
        if self.behind && intent.listening.is_some() {
            self.put().await?;
        }
        Ok(())
    }

    /// Writes the replicas that are ready where the relays of other services read it, when they are others than before.
    fn tell_relays(
        &mut self,
        processes: &[ProcessStatus],
        (world, intent): (&World, &Intent),
    ) -> Result<(), LocalError> {
        let Some(doors) = world.documents.layout.seen_doors() else {
            return Ok(());
        };
        let ready = Endpoints {
            services: ready(processes, &self.last, intent),
            ..Endpoints::empty()
        };
        if self.ready.as_ref() == Some(&ready) {
            return Ok(());
        }
        let text =
            serde_json::to_vec(&ready).map_err(|error| LocalError::Protocol(error.to_string()))?;
        // For users who are not this one; it holds nothing that the names of the doors do not say.
        write_atomic_mode(&doors.join(Towards::READY), &text, 0o644)?;
        self.ready = Some(ready);
        Ok(())
    }

    async fn put(&mut self) -> Result<(), LocalError> {
        let mut client = self.client().await?;
        let known = client.info().endpoints_generation;
        if known > self.last.generation {
            // Our own memory was lost; the gateway's is the one that counts.
            self.last.generation = known + 1;
            self.keep()?;
        }
        client.put_endpoints(&self.last).await?;
        self.behind = false;
        Ok(())
    }

    fn keep(&self) -> Result<(), LocalError> {
        let text = serde_json::to_vec(&self.last)
            .map_err(|error| LocalError::Protocol(error.to_string()))?;
        Ok(write_atomic(
            &self.env.path().join("endpoints.json"),
            &text,
        )?)
    }
}

/// A connection to the gateway.
pub(crate) async fn gateway(world: &World) -> Result<Client, LocalError> {
    world.publisher.lock().await.client().await
}

/// Tells the gateway what is new.
pub(crate) async fn now(world: &World) -> Result<(), LocalError> {
    world.publisher.lock().await.publish(world).await
}

/// Tells the gateway everything again, because it may have forgotten.
pub(crate) async fn again(world: &World) -> Result<(), LocalError> {
    let mut publisher = world.publisher.lock().await;
    if world.intent().listening.is_none() {
        return Ok(());
    }
    let known = publisher.client().await?.info().endpoints_generation;
    publisher.behind |= known != publisher.last.generation;
    publisher.publish(world).await
}

/// Waits until the gateway answers.
pub(crate) async fn wait_for_gateway(world: &World) -> Result<(), LocalError> {
    let deadline = Instant::now() + GATEWAY_WITHIN;
    loop {
        match world.publisher.lock().await.client().await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => {}
        }
        sleep(LOOK).await;
    }
}

/// Puts a table in force, with the files that it names known before it and the old ones forgotten after it.
pub(crate) async fn route(
    world: &World,
    release: &ReleaseId,
    table: &GatewayTable,
) -> Result<(), LocalError> {
    world.publisher.lock().await.next = Some(release.clone());
    let put = put_table(world, table).await;
    world.publisher.lock().await.next = None;
    put?;
    world.ask(|intent| intent.routed = Some(release.clone()))?;
    now(world).await
}

async fn put_table(world: &World, table: &GatewayTable) -> Result<(), LocalError> {
    now(world).await?;
    let mut client = gateway(world).await?;
    let known = client.info().table_generation;
    let generation = world.intent().table_generation.max(known) + 1;
    world.ask(|intent| intent.table_generation = generation)?;
    Ok(client.put_table(generation, table).await?)
}

/// Waits until the gateway's own probe agrees that these replicas are ready. Only those of services that are routed
/// are asked about: the gateway probes no others.
pub(crate) async fn wait_until_agreed(
    world: &World,
    ids: &BTreeSet<String>,
) -> Result<(), LocalError> {
    let deadline = Instant::now() + AGREE_WITHIN;
    loop {
        let mut client = gateway(world).await?;
        let status = client.status().await?;
        let waiting = status
            .endpoints
            .iter()
            .find(|endpoint| ids.contains(&endpoint.id) && endpoint.health != Health::Ready);
        let Some(waiting) = waiting else {
            return Ok(());
        };
        if Instant::now() > deadline {
            let reason = waiting
                .last_error
                .clone()
                .unwrap_or_else(|| "no answer yet".into());
            return Err(LocalError::Refused(crate::error::Refusal {
                message: format!("the gateway does not find {} ready: {reason}", waiting.id),
                hint: None,
                fault: plimsoll_deploy::Fault::App,
            }));
        }
        sleep(LOOK).await;
    }
}

/// Waits until a replica has said its farewell at the gateway, within the budgets of its service.
pub(crate) async fn drain(world: &World, instance: &str) -> Result<(), LocalError> {
    let mut client = gateway(world).await?;
    client.drain(instance).await?;
    Ok(())
}

/// The id of one start of a replica, as endpoints name it.
pub(crate) fn instance(process: &ProcessStatus) -> String {
    format!("{}-{}", process.id, process.generation)
}

/// Replicas that may get requests, or finish some. One that was adopted is asked anew whether it has started; it was
/// in the document that the gateway has, and stays in it meanwhile.
fn endpoints(
    processes: &[ProcessStatus],
    last: &Endpoints,
    intent: &Intent,
) -> BTreeMap<String, Vec<Endpoint>> {
    let known: BTreeSet<&str> = last
        .services
        .values()
        .flatten()
        .map(|endpoint| endpoint.id.as_str())
        .collect();
    let mut services: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
    for process in processes
        .iter()
        .filter(|process| process.kind == Kind::Replica)
    {
        let traffic = match process.state {
            // Whether an unready one gets requests is for the gateway's own probe to say.
            State::Ready | State::Unready => Traffic::Admitted,
            State::Starting | State::WarmingUp if known.contains(instance(process).as_str()) => {
                Traffic::Admitted
            }
            State::Draining => Traffic::Draining,
            State::Starting
            | State::WarmingUp
            | State::Idle
            | State::Spawning
            | State::Ending
            | State::Backoff
            | State::Stopped
            | State::Failed { .. } => continue,
        };
        services
            .entry(process.service.clone())
            .or_default()
            .push(Endpoint {
                id: instance(process),
                release: process.release.clone(),
                ports: process.ports.clone(),
                weight: 0,
                traffic,
                cohort: intent.cohort(&process.service, &process.release, &process.id),
            });
    }
    for endpoints in services.values_mut() {
        endpoints.sort_by(|one, other| one.id.cmp(&other.id));
        weigh(endpoints, intent.share());
    }
    services
}

/// Replicas that other services may call. No probe of a relay's own stands behind this list, so that an unready one is
/// not on it.
fn ready(
    processes: &[ProcessStatus],
    last: &Endpoints,
    intent: &Intent,
) -> BTreeMap<String, Vec<Endpoint>> {
    let ready: Vec<ProcessStatus> = processes
        .iter()
        .filter(|process| process.state != State::Unready)
        .cloned()
        .collect();
    endpoints(&ready, last, intent)
}

/// The folders of every static artefact that a bundle names.
fn folders(env: &EnvDir, bundle: &LocalBundle) -> BTreeMap<Digest, PathBuf> {
    let routed = bundle
        .gateway
        .routes
        .iter()
        .filter_map(|route| match &route.to {
            Destination::Files { artefact, .. } => Some(artefact),
            Destination::Service { .. } => None,
        });
    let declared = bundle
        .services
        .values()
        .filter_map(|service| match service {
            ServiceSpec::Static(files) => Some(&files.artefact),
            ServiceSpec::Program(_) => None,
        });
    routed
        .chain(declared)
        .map(|digest| (digest.clone(), env.artefact(digest)))
        .collect()
}

/// Waits until the gateway's own probe agrees about every replica that there is.
pub(crate) async fn wait_for_all(world: &World) -> Result<(), LocalError> {
    let status = world.supervisor.status().await?;
    let ready =
        |process: &&ProcessStatus| process.kind == Kind::Replica && process.state == State::Ready;
    let ids = status.iter().filter(ready).map(instance).collect();
    wait_until_agreed(world, &ids).await
}
