//! The gateway as a process, and as a value for tests.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use plimsoll_stdx::fs::{self, FsError};
use plimsoll_stdx::net::frame::FrameError;
use plimsoll_stdx::net::handover;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::access_log::{LogBuffer, LogWriter};
use crate::control::{Client, Hello, server};
use crate::edge::core::{Command, Core, MAX_COMMANDS, Shared};
use crate::edge::serve::accept;
use crate::hub::Hub;
use crate::metrics;
use crate::snapshot::Snapshot;
use crate::tls::Certificates;

/// The keeper's folder beside the gateway's own, and its socket.
const KEEPER_DIR: &str = "keeper";
const KEEPER_SOCKET: &str = "keeper.sock";
/// The names under which the keeper holds the listening sockets.
pub const HTTP: &str = "http";
/// See [`HTTP`].
pub const HTTPS: &str = "https";
/// See [`HTTP`].
pub const METRICS: &str = "metrics";

/// Threads for reading files and compressing, per core: two cores make eight.
const BLOCKING_THREADS: usize = 4;
/// Time for a predecessor to say hello. One that serves answers within a turn of its loop.
const PREDECESSOR: Duration = Duration::from_secs(1);
/// Time for what the blocking threads still do at the end.
const BLOCKING_END: Duration = Duration::from_secs(1);

/// What a gateway runs with.
#[derive(Debug)]
pub struct Settings {
    /// Its folder: `table.json`, `endpoints.json`, `tls/`, `control.sock`, `access.log`.
    pub dir: PathBuf,
    /// Listening sockets for plain HTTP, at best one per core.
    pub http: Vec<TcpListener>,
    /// Listening sockets for HTTP over TLS, at best one per core.
    pub https: Vec<TcpListener>,
    /// A listening socket for the metrics. Without one the port of the table is bound, if it names one.
    pub metrics: Option<TcpListener>,
}

/// Why a gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its folder.
    #[error(transparent)]
    Files(#[from] FsError),
    /// The keeper did not hand over its sockets.
    #[error("cannot get the listening sockets from the keeper in {}", dir.display())]
    Keeper {
        /// The keeper's folder.
        dir: PathBuf,
        /// What happened.
        #[source]
        source: FrameError,
    },
    /// There is no socket to listen on.
    #[error("there is no listening socket")]
    NoListener,
    /// The system refused something at the start.
    #[error("cannot {action}")]
    System {
        /// What, as a verb.
        action: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

fn system(action: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::System { action, source }
}

/// Runs the gateway whose folder is `dir` until SIGTERM, SIGINT or a `shutdown` over the control socket, then
/// drains. The listening sockets come from the keeper (`../keeper/keeper.sock`), under the names `http`, `https` and
/// `metrics`. Blocks; to be called on the main thread of a process that has no runtime.
pub fn run(dir: &Path) -> Result<(), RunError> {
    let keeper = dir.parent().unwrap_or(dir).join(KEEPER_DIR);
    let groups = handover::fetch(&keeper, KEEPER_SOCKET);
    let groups = groups.map_err(|source| RunError::Keeper {
        dir: keeper,
        source,
    })?;
    let mut settings = Settings {
        dir: dir.to_owned(),
        http: Vec::new(),
        https: Vec::new(),
        metrics: None,
    };
    for group in groups {
        match group.name.as_str() {
            HTTP => settings.http = group.listeners,
            HTTPS => settings.https = group.listeners,
            METRICS => settings.metrics = group.listeners.into_iter().next(),
            // A later keeper may hold more than this build knows.
            _ => {}
        }
    }
    let gateway = Gateway::start(settings)?;
    gateway.wait();
    Ok(())
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    hub: Arc<Hub>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Starts a gateway and returns when it accepts connections. It catches SIGTERM and SIGINT.
    pub fn start(settings: Settings) -> Result<Self, RunError> {
        fs::create_dir_private(&settings.dir)?;
        let plan = Plan::of(settings)?;
        let shared = Arc::new(Shared::new(plan.cores.len()));
        let hub = Arc::new(Hub::new(&plan.dir, Arc::clone(&shared)));
        let log_path = plan.dir.join("access.log");
        let log = LogWriter::start(&log_path, Arc::clone(&shared.log_lost));
        let log = log.map_err(system("open the access log"))?;
        let (started, has_started) = std::sync::mpsc::channel();
        let running = Arc::clone(&hub);
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build();
                let cores = match runtime {
                    Ok(runtime) => runtime.block_on(control(running, plan, &log, started)),
                    // The receiver sees that nothing was sent.
                    Err(_) => Vec::new(),
                };
                for core in cores {
                    // A core that panicked has nothing left to wait for.
                    let _ = core.join();
                }
                log.finish();
            })
            .map_err(system("start a thread"))?;
        let gone = |_| io::Error::other("the control thread ended");
        let outcome = has_started.recv().map_err(gone).map_err(system("start"))?;
        outcome?;
        Ok(Self {
            hub,
            thread: Some(thread),
        })
    }

    /// Waits until the gateway has ended.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic was printed by its hook.
            let _ = thread.join();
        }
    }

    /// Drains and ends.
    pub fn stop(self) {
        self.hub.ending.notify_one();
        self.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.hub.ending.notify_one();
    }
}

/// Which core accepts on which sockets.
struct Plan {
    dir: PathBuf,
    metrics: Option<TcpListener>,
    cores: Vec<Listeners>,
}

#[derive(Default)]
struct Listeners {
    http: Vec<TcpListener>,
    https: Vec<TcpListener>,
}

impl Plan {
    /// One core per CPU. Every socket of a group must be accepted from, because the kernel spreads connections over
    /// all of them; where there are fewer sockets than cores, several cores share one.
    fn of(settings: Settings) -> Result<Self, RunError> {
        if settings.http.is_empty() && settings.https.is_empty() {
            return Err(RunError::NoListener);
        }
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut cores: Vec<Listeners> = (0..count).map(|_| Listeners::default()).collect();
        for (index, listener) in spread(settings.http, count)?.into_iter().enumerate() {
            cores[index % count].http.push(listener);
        }
        for (index, listener) in spread(settings.https, count)?.into_iter().enumerate() {
            cores[index % count].https.push(listener);
        }
        Ok(Self {
            dir: settings.dir,
            metrics: settings.metrics,
            cores,
        })
    }
}

fn spread(mut sockets: Vec<TcpListener>, cores: usize) -> Result<Vec<TcpListener>, RunError> {
    let given = sockets.len();
    for index in given..cores {
        if given > 0 {
            let shared = sockets[index % given].try_clone();
            sockets.push(shared.map_err(system("share a listening socket"))?);
        }
    }
    for socket in &sockets {
        let nonblocking = socket.set_nonblocking(true);
        nonblocking.map_err(system("set up a listening socket"))?;
    }
    Ok(sockets)
}

type Started = std::sync::mpsc::Sender<Result<(), RunError>>;

async fn control(
    hub: Arc<Hub>,
    plan: Plan,
    log: &LogWriter,
    started: Started,
) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    let mut plan = plan;
    let scrapes = plan.metrics.take();
    let listener = match start(&hub, plan, log, &mut threads).await {
        Ok(listener) => listener,
        Err(error) => {
            // Whoever started us is waiting for this.
            let _ = started.send(Err(error));
            return threads;
        }
    };
    let _ = started.send(Ok(()));
    tokio::spawn(server::serve(Arc::clone(&hub), listener));
    tokio::spawn(metrics::listen(Arc::clone(&hub), scrapes));
    tokio::spawn(Arc::clone(&hub).keep_house());
    wait_for_end(&hub).await;
    hub.drain_all().await;
    threads
}

async fn start(
    hub: &Arc<Hub>,
    plan: Plan,
    log: &LogWriter,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<tokio::net::UnixListener, RunError> {
    // It may have run for months and serve while we start; what it knows is on disk.
    let hello = Hello::new("successor", 0);
    let predecessor = timeout(PREDECESSOR, Client::connect(&hub.dir, hello)).await;
    hub.recover().await;
    hub.first_probes().await;
    for (id, listeners) in plan.cores.into_iter().enumerate() {
        let (commands, obeyed) = mpsc::channel(MAX_COMMANDS);
        hub.add_core(commands);
        let seat = Seat {
            id,
            listeners,
            shared: Arc::clone(&hub.shared),
            snapshot: hub.current(),
            certificates: Arc::clone(&hub.certificates),
            log: log.buffer(),
            commands: obeyed,
        };
        let thread = std::thread::Builder::new()
            .name(format!("core-{id}"))
            .spawn(move || seat.run())
            .map_err(system("start a thread"))?;
        threads.push(thread);
    }
    let listener = server::bind(hub).map_err(system("bind the control socket"))?;
    if let Ok(Ok(mut predecessor)) = predecessor {
        tokio::spawn(async move {
            // One that is gone, or too old to know the word, is the keeper's to end.
            let _ = predecessor.succeed().await;
        });
    }
    Ok(listener)
}

async fn wait_for_end(hub: &Hub) {
    let (terminate, interrupt) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        hub.ending.notified().await;
        return;
    };
    tokio::select! {
        () = hub.ending.notified() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// What a core's thread starts with.
struct Seat {
    id: usize,
    listeners: Listeners,
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    certificates: Arc<Certificates>,
    log: LogBuffer,
    commands: mpsc::Receiver<Command>,
}

impl Seat {
    fn run(self) {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build_local(LocalOptions::default());
        // Out of descriptors or threads at the start: the control thread sees that this core takes no command.
        let Ok(runtime) = runtime else {
            return;
        };
        runtime.block_on(self.serve());
        runtime.shutdown_timeout(BLOCKING_END);
    }

    async fn serve(self) {
        let core = Core::new(self.id, self.shared, self.snapshot, self.log);
        tokio::task::spawn_local(Rc::clone(&core).keep_time());
        for listener in self.listeners.http {
            if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                tokio::task::spawn_local(accept(Rc::clone(&core), listener, None));
            }
        }
        for listener in self.listeners.https {
            if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                let certificates = Some(Arc::clone(&self.certificates));
                tokio::task::spawn_local(accept(Rc::clone(&core), listener, certificates));
            }
        }
        core.obey(self.commands).await;
    }
}
