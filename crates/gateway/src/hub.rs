//! The control side: takes documents, keeps them, swaps snapshots on all cores, probes, drains ([`farewell`]), holds
//! requests ([`pause`]).

mod farewell;
mod pause;
mod stores;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Endpoints;
use plimsoll_bundle::local::{GatewayTable, TlsVersion};
use plimsoll_files::Folder;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::control::{Health, Refusal, Sample};
use crate::edge::core::{Command, Shared};
use crate::health::Probers;
use crate::identity::Identity;
use crate::snapshot::{Listed, Registry, Snapshot, artefacts};
use crate::stored::{self, StoredTable};
use crate::tls::Certificates;

/// A core that does not take a snapshot within this is stuck; the others have it already.
const SWAP: Duration = Duration::from_secs(5);
/// How long first probes may hold up the first accept, or a swap. Meanwhile clients wait in the listen queue, or are
/// served by the replicas of before; the bar for a gateway that was killed is a second.
const FIRST_PROBES: Duration = Duration::from_millis(400);
/// Notes kept for the status.
const MAX_NOTES: usize = 20;

/// A refusal with its words.
pub(crate) type Refused = (Refusal, String);

/// The control side of a running gateway.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) dir: PathBuf,
    pub(crate) shared: Arc<Shared>,
    pub(crate) certificates: Arc<Certificates>,
    identity: Arc<Identity>,
    /// Woken when the gateway is to end.
    pub(crate) ending: Notify,
    cores: SyncMutex<Vec<mpsc::Sender<Command>>>,
    current: RwLock<Arc<Snapshot>>,
    notes: SyncMutex<Vec<String>>,
    state: Mutex<State>,
    draining: std::sync::atomic::AtomicBool,
    /// Whether another gateway serves the same sockets already.
    succeeded: std::sync::atomic::AtomicBool,
}

#[derive(Debug)]
struct State {
    registry: Registry,
    probers: Probers,
    epoch: u64,
    table: Option<StoredTable>,
    endpoints: Endpoints,
}

/// Generations and epoch, for a hello.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generations {
    pub(crate) table: u64,
    pub(crate) endpoints: u64,
    pub(crate) epoch: u64,
}

impl Hub {
    /// A hub for the gateway in `dir`, with nothing in force.
    pub(crate) fn new(dir: &Path, shared: Arc<Shared>) -> Self {
        let cores = shared.gauges.len();
        let identity = Arc::new(Identity::new(&dir.join("upstream")));
        Self {
            identity: Arc::clone(&identity),
            dir: dir.to_owned(),
            shared,
            certificates: Arc::new(Certificates::new(&dir.join("tls"))),
            ending: Notify::new(),
            cores: SyncMutex::default(),
            current: RwLock::default(),
            notes: SyncMutex::default(),
            state: Mutex::new(State {
                registry: Registry::new(cores, identity),
                probers: Probers::default(),
                epoch: 0,
                table: None,
                endpoints: Endpoints::empty(),
            }),
            draining: false.into(),
            succeeded: false.into(),
        }
    }

    /// Puts the last good documents in force, and notes what is wrong with the others. No core runs yet.
    pub(crate) async fn recover(&self) {
        let dir = self.dir.clone();
        let read =
            spawn_blocking(move || (stored::read_tables(&dir), stored::read_endpoints(&dir)));
        let Ok(((tables, errors), endpoints)) = read.await else {
            self.note("the stored documents could not be read".to_owned());
            return;
        };
        for error in errors {
            self.note(format!("{error}; using the one before"));
        }
        let mut state = self.state.lock().await;
        match endpoints {
            Ok(endpoints) => state.endpoints = endpoints.unwrap_or_else(Endpoints::empty),
            Err(error) => self.note(format!("{error}; no replica is known until the next put")),
        }
        for stored in tables {
            let endpoints = state.endpoints.clone();
            if let Err(error) = read_folders(&mut state.registry, &stored.table, &endpoints).await {
                self.note(error);
            }
            self.refresh_identity(&stored.table).await;
            let stores = self.stores(&stored.table).await;
            state.registry.set_stores(stores);
            match state.registry.compile(&stored.table, &endpoints) {
                Ok(snapshot) => {
                    state.epoch = stored.epoch;
                    state.probers.follow(&stored.table, &snapshot);
                    self.refresh_certificates(stored.table.tls.min).await;
                    state.table = Some(stored);
                    self.set_current(snapshot);
                    return;
                }
                Err(error) => self.note(format!("a stored table cannot be used: {error}")),
            }
        }
    }

    /// Waits until every replica in force was probed once; see [`probed`].
    pub(crate) async fn first_probes(&self) {
        probed(&self.current()).await;
    }

    /// The snapshot in force.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_current(&self, snapshot: Snapshot) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// A core that runs from now on.
    pub(crate) fn add_core(&self, commands: mpsc::Sender<Command>) {
        self.cores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(commands);
    }

    fn cores(&self) -> Vec<mpsc::Sender<Command>> {
        self.cores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What a person should know.
    pub(crate) fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < MAX_NOTES && !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// The notes so far.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self
            .notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        notes.extend(
            self.certificates
                .error()
                .filter(|_| self.certificates.status().is_some()),
        );
        notes
    }

    /// Generations in force.
    pub(crate) async fn generations(&self) -> Generations {
        let state = self.state.lock().await;
        Generations {
            table: state.table.as_ref().map_or(0, |stored| stored.generation),
            endpoints: state.endpoints.generation,
            epoch: state.epoch,
        }
    }

    /// Whether the gateway says farewell.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Puts a table in force: judged, stored, swapped on all cores, in this order.
    pub(crate) async fn put_table(
        &self,
        epoch: u64,
        generation: u64,
        table: GatewayTable,
    ) -> Result<(), Refused> {
        let checked = table
            .header
            .ensure(GatewayTable::FORMAT, GatewayTable::VERSION);
        checked.map_err(|error| (Refusal::Invalid, error.to_string()))?;
        let mut state = self.state.lock().await;
        state.fence(epoch)?;
        if let Some(known) = &state.table {
            if generation == known.generation && table == known.table {
                return Ok(());
            }
            if generation <= known.generation {
                return Err(stale("table", generation, known.generation));
            }
        }
        let endpoints = state.endpoints.clone();
        read_folders(&mut state.registry, &table, &endpoints)
            .await
            .map_err(|error| (Refusal::Invalid, error))?;
        state.registry.set_stores(self.stores(&table).await);
        self.refresh_identity(&table).await;
        state.registry.forget_answers();
        let snapshot = state
            .registry
            .compile(&table, &endpoints)
            .map_err(|error| (Refusal::Invalid, error.to_string()))?;
        let stored = StoredTable::new(state.epoch, generation, table);
        let (dir, writing) = (self.dir.clone(), stored.clone());
        store(spawn_blocking(move || stored::write_table(&dir, &writing)).await)?;
        state.probers.follow(&stored.table, &snapshot);
        self.refresh_certificates(stored.table.tls.min).await;
        state.table = Some(stored);
        self.swap(snapshot).await;
        Ok(())
    }

    /// Puts an endpoints document in force; as [`Hub::put_table`].
    pub(crate) async fn put_endpoints(
        &self,
        epoch: u64,
        endpoints: Endpoints,
    ) -> Result<(), Refused> {
        let checked = endpoints
            .header
            .ensure(Endpoints::FORMAT, Endpoints::VERSION);
        checked.map_err(|error| (Refusal::Invalid, error.to_string()))?;
        let mut state = self.state.lock().await;
        state.fence(epoch)?;
        let known = state.endpoints.generation;
        if endpoints == state.endpoints {
            return Ok(());
        }
        if endpoints.generation <= known {
            return Err(stale("endpoints", endpoints.generation, known));
        }
        let table = state.table.clone();
        let snapshot = match &table {
            Some(stored) => {
                read_folders(&mut state.registry, &stored.table, &endpoints)
                    .await
                    .map_err(|error| (Refusal::Invalid, error))?;
                let compiled = state.registry.compile(&stored.table, &endpoints);
                Some(compiled.map_err(|error| (Refusal::Invalid, error.to_string()))?)
            }
            None => None,
        };
        let (dir, writing) = (self.dir.clone(), endpoints.clone());
        store(spawn_blocking(move || stored::write_endpoints(&dir, &writing)).await)?;
        state.endpoints = endpoints;
        if let (Some(stored), Some(snapshot)) = (table, snapshot) {
            state.probers.follow(&stored.table, &snapshot);
            // The replicas of before serve until the new ones can.
            probed(&snapshot).await;
            self.swap(snapshot).await;
        }
        Ok(())
    }

    async fn swap(&self, snapshot: Snapshot) {
        self.set_current(snapshot);
        let mut waiting = Vec::new();
        for core in self.cores() {
            let (done, swapped) = oneshot::channel();
            if core.send(Command::Swap(self.current(), done)).await.is_ok() {
                waiting.push(swapped);
            }
        }
        for swapped in waiting {
            if timeout(SWAP, swapped).await.is_err() {
                self.note("a core did not take a new table in time".to_owned());
            }
        }
    }

    /// Looks for a new certificate.
    pub(crate) async fn refresh_certificates(&self, min: TlsVersion) {
        let certificates = Arc::clone(&self.certificates);
        // A panic there would leave the old certificate in force.
        let _ = spawn_blocking(move || certificates.refresh(min)).await;
    }

    /// Looks for a new certificate of the gateway for services, where one asks for it.
    async fn refresh_identity(&self, table: &GatewayTable) {
        if table
            .services
            .values()
            .any(|service| service.mutual_tls.is_some())
        {
            let identity = Arc::clone(&self.identity);
            let refreshed = spawn_blocking(move || identity.refresh()).await;
            if let Ok(Err(error)) = refreshed {
                self.note(error);
            }
        }
    }

    /// Looks for a new certificate and forgets rate-limited clients, for as long as the gateway runs.
    pub(crate) async fn keep_house(self: Arc<Self>) {
        loop {
            sleep(Duration::from_secs(1)).await;
            let state = self.state.lock().await;
            let tls = state.table.as_ref().map(|stored| {
                let listens = stored.table.listeners.https.is_some();
                (stored.table.tls.min, listens)
            });
            if let Some(stored) = &state.table {
                self.refresh_identity(&stored.table).await;
            }
            let now = self.shared.nanoseconds(Instant::now());
            for (_, limiter) in state.registry.limiters() {
                limiter.forget_expired(now);
            }
            drop(state);
            if let Some((min, true)) = tls {
                self.refresh_certificates(min).await;
            }
        }
    }

    /// Clients that the rate limits remember, by limit.
    pub(crate) async fn limited_clients(&self) -> Vec<(String, usize)> {
        let state = self.state.lock().await;
        let count = |(name, limiter): (&String, &Arc<_>)| {
            let limiter: &crate::edge::limit::Limiter = limiter;
            (name.clone(), limiter.clients())
        };
        state.registry.limiters().map(count).collect()
    }

    /// What the replicas did: see [`crate::samples::Samples::page`].
    pub(crate) async fn samples(&self, after: &str) -> (Vec<Sample>, bool) {
        self.state.lock().await.registry.samples().page(after)
    }

    /// Bytes of the answers that are kept.
    pub(crate) async fn kept_bytes(&self) -> usize {
        self.state.lock().await.registry.answers().bytes()
    }

    /// The port of the metrics listener, where the table wants one.
    pub(crate) async fn metrics_port(&self) -> Option<u16> {
        let state = self.state.lock().await;
        state
            .table
            .as_ref()
            .and_then(|stored| stored.table.listeners.metrics)
    }
}

impl State {
    /// Lets the newest epoch through and no older one.
    fn fence(&mut self, epoch: u64) -> Result<(), Refused> {
        if epoch < self.epoch {
            let message = format!("epoch {epoch} is over: epoch {} has spoken", self.epoch);
            return Err((Refusal::StaleEpoch, message));
        }
        self.epoch = epoch;
        Ok(())
    }
}

/// Waits until every replica was probed once, but not for long: those that do not answer get no traffic anyway, and
/// join when they do.
async fn probed(snapshot: &Snapshot) {
    let unknown = |listed: &Listed| listed.endpoint.health() == Health::Unknown;
    let all_probed = async {
        while snapshot.endpoints.iter().any(unknown) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let _ = timeout(FIRST_PROBES, all_probed).await;
}

fn stale(what: &str, generation: u64, known: u64) -> Refused {
    let message = format!("generation {generation} of the {what} is not above {known}");
    (Refusal::StaleGeneration, message)
}

fn store<E: std::fmt::Display, J>(written: Result<Result<(), E>, J>) -> Result<(), Refused> {
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err((Refusal::Storage, error.to_string())),
        Err(_) => Err((Refusal::Storage, "the write was broken off".to_owned())),
    }
}

/// Reads the folders that the table serves, the endpoints document names, and the registry does not have.
async fn read_folders(
    registry: &mut Registry,
    table: &GatewayTable,
    endpoints: &Endpoints,
) -> Result<(), String> {
    let missing: Vec<(Digest, PathBuf)> = artefacts(table)
        .into_iter()
        .filter(|digest| !registry.has_folder(digest))
        .filter_map(|digest| Some((digest.clone(), endpoints.files.get(digest)?.clone())))
        .collect();
    for (digest, path) in missing {
        let read = spawn_blocking(move || Folder::read(&path)).await;
        let folder = read.map_err(|error| error.to_string())?;
        registry.keep_folder(digest, folder.map_err(|error| described(&error))?);
    }
    Ok(())
}

fn described(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
