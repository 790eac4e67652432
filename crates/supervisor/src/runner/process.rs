//! The process runner: a process behind a shim, shared with this machine or contained.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{self, at};
use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::net::unix;
use plimsoll_stdx::process::{boot_id, raw};
use plimsoll_stdx::usage;
use plimsoll_store::state::{self, MAX_LEN};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Signal, WaitOptions, pidfd_open, waitpid};

use super::ports::{self, Ports};
use super::{Found, Prepared, Runner, RunnerError, Running, Stats, Tool, leftovers};
use crate::cgroup::{self, Group, GroupUsage, Hierarchies};
use crate::dispatch::{KEEPER, SHIM};
use crate::order::{Backend, Isolation, Kind, Limits, Order, Root};
use crate::protocol::{Request, Response};
use crate::record::{
    EXIT_FILE, EXIT_FORMAT, ExitRecord, IsolationClass, LOG_DIR, SHIM_FILE, SHIM_FORMAT, SPEC_FILE,
    SPEC_FORMAT, ShimRecord, Spec, socket_name,
};
use crate::runtimes;
use crate::secrets::Secrets;
use crate::shim::{self, Started};

/// From the start of a shim to its word that the program runs. Building a root takes milliseconds; 15 s covers a
/// machine that starts everything at once on a slow disk.
const START_WITHIN: Duration = Duration::from_secs(15);
/// A shim answers within a poll round, unless the machine is overloaded.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A shim that was killed by us is gone within this.
const DEATH_WITHIN: Duration = Duration::from_secs(2);

/// Runs processes behind shims.
#[derive(Debug, Clone)]
pub struct ProcessRunner {
    tool: Tool,
    ports: Arc<Ports>,
    capabilities: Arc<OnceLock<Capabilities>>,
    hierarchies: Arc<OnceLock<Hierarchies>>,
}

/// What this machine lets us apply, tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether we are root and can run programs as other users.
    pub root: bool,
    /// Whether a process can have a file tree of its own; if not, why.
    pub tools: Result<(), String>,
    /// The version of Landlock's rules, 0 without.
    pub landlock: u32,
    /// Whether a process can be contained, limits apart; if not, why.
    pub contained: Result<(), String>,
}

impl Default for ProcessRunner {
    fn default() -> Self {
        Self::of(Tool::own())
    }
}

impl ProcessRunner {
    /// A runner whose shims are the program in the file `tool`, which calls [`crate::dispatch::dispatch`].
    pub fn new(tool: PathBuf) -> Self {
        Self::of(Tool::at(tool))
    }

    /// A runner whose shims are `tool`.
    pub fn of(tool: Tool) -> Self {
        Self {
            tool,
            ports: Arc::default(),
            capabilities: Arc::default(),
            hierarchies: Arc::default(),
        }
    }

    /// What this machine lets us apply. Tried once, by a process of its own; blocks for some milliseconds.
    pub fn capabilities(&self) -> &Capabilities {
        self.capabilities.get_or_init(|| {
            let checked = shim::check(self.tool.path());
            let tools = checked.no_root.map_or(Ok(()), Err);
            Capabilities {
                root: rustix::process::geteuid().is_root(),
                contained: tools.clone().and(checked.no_namespaces.map_or(Ok(()), Err)),
                tools,
                landlock: checked.landlock,
            }
        })
    }

    fn hierarchies(&self) -> &Hierarchies {
        self.hierarchies.get_or_init(Hierarchies::here)
    }

    fn group(&self, spec: &Spec) -> Option<Group> {
        Some(self.hierarchies().group(spec.group.as_ref()?))
    }

    fn group_usage(&self, running: &Running) -> Option<GroupUsage> {
        let group = self.group(&running.spec)?;
        let mut usage = group.usage()?;
        let init = running.record.program.as_ref().and_then(|it| it.init);
        if let (false, Some(init)) = (group.counts_cpu(), init) {
            usage.cpu_ms = usage::cpu_ms_with_the_dead(init).unwrap_or(0);
        }
        Some(usage)
    }

    /// Gives back the ports that were taken on this machine.
    fn give_back(&self, spec: &Spec) {
        if spec.order.isolation == Isolation::Shared {
            self.ports.give_back(spec.ports.values());
        }
    }

    fn launch(&self, prepared: &Prepared) -> Result<Child, RunnerError> {
        let errors = prepared.dir.join("shim.err");
        let errors = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&errors)
            .map_err(at("open", &errors))?;
        let verb = match prepared.spec.order.kind {
            Kind::Keeper => KEEPER,
            Kind::Replica | Kind::Resource | Kind::Job => SHIM,
        };
        Command::new(self.tool.path())
            .arg0("plimsoll")
            .arg(verb)
            .arg(&prepared.dir)
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(io_error("start the shim"))
    }
}

/// The environment of a start: its folder is `<env>/replicas/<instance>`.
fn env_of(dir: &Path) -> &Path {
    dir.parent().and_then(Path::parent).unwrap_or(dir)
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> RunnerError {
    move |source| RunnerError::Io { action, source }
}

impl Runner for ProcessRunner {
    fn class(&self, order: &Order) -> IsolationClass {
        let capabilities = self.capabilities();
        let walled = match order.root {
            Root::Host => capabilities.landlock > 0,
            Root::Tools | Root::Image(_) => capabilities.tools.is_ok(),
        };
        // Without root an OCI runtime gives less than we do, and is not asked.
        let possible = order.backend.is_own() || capabilities.root;
        match order.isolation {
            Isolation::Contained if capabilities.contained.is_ok() && possible => {
                IsolationClass::Contained
            }
            Isolation::Shared if walled => IsolationClass::Confined,
            Isolation::Contained | Isolation::Shared => IsolationClass::ByConvention,
        }
    }

    fn prepare(&self, mut spec: Spec, dir: &Path) -> Result<Prepared, RunnerError> {
        if let Backend::Oci { runtime } = &spec.order.backend {
            runtimes::ensure(runtime).map_err(|error| RunnerError::Orders {
                id: spec.order.id.clone(),
                reason: error.to_string(),
            })?;
        }
        fs::create_dir_private(dir)?;
        fs::create_dir_private(&dir.join(LOG_DIR))?;
        if spec.order.root != Root::Host {
            fs::create_dir_private(&dir.join(shim::MOUNT_POINT))?;
        }
        match spec.order.isolation {
            Isolation::Shared => {
                for name in spec.order.ports.keys() {
                    spec.ports.insert(name.clone(), self.ports.take()?);
                }
            }
            Isolation::Contained => {
                spec.ports = ports::of_its_own(&spec.order)?;
                spec.group = Some(cgroup::name(env_of(dir), &spec.instance()));
                spec.hierarchies = self.hierarchies().clone();
            }
        }
        remove_if_there(&dir.join(EXIT_FILE))?;
        state::save(&dir.join(SPEC_FILE), SPEC_FORMAT, &spec)?;
        Ok(Prepared {
            dir: dir.to_owned(),
            spec,
        })
    }

    fn start(&self, prepared: Prepared, secrets: &Secrets) -> Result<Running, RunnerError> {
        let mut child = self.launch(&prepared)?;
        let started = converse(&mut child, secrets);
        let outcome = match started {
            Ok(Started::Running(record)) => match handle(&child) {
                Ok(handle) => Ok((*record, handle)),
                Err(error) => Err(io_error("watch the shim")(error)),
            },
            Ok(Started::Failed { reason }) => Err(RunnerError::NotStarted(reason)),
            Err(source) => Err(RunnerError::Shim {
                dir: prepared.dir.clone(),
                source,
            }),
        };
        match outcome {
            Ok((record, handle)) => Ok(Running {
                dir: prepared.dir,
                spec: prepared.spec,
                record,
                handle,
            }),
            Err(error) => {
                let _ = child.kill();
                leftovers::kill(&prepared.dir, &prepared.spec, None, true);
                // Reaps it; it has been killed, so this does not wait.
                let _ = child.wait();
                self.give_back(&prepared.spec);
                Err(error)
            }
        }
    }

    fn adopt(&self, dir: &Path) -> Result<Found, RunnerError> {
        let Ok(spec) = state::load::<Spec>(&dir.join(SPEC_FILE), SPEC_FORMAT) else {
            // Written before anything is started, atomically: without it nothing was.
            return Ok(Found::Dead {
                spec: None,
                exit: None,
                killed: None,
            });
        };
        let record: Option<ShimRecord> = state::load(&dir.join(SHIM_FILE), SHIM_FORMAT).ok();
        let exit = read_exit(dir, &spec);
        if exit.is_some() {
            // A shim writes its last word when nothing of the program is left.
            return Ok(Found::Dead {
                spec: Some(Box::new(spec)),
                exit,
                killed: None,
            });
        }
        let same_boot = match (&record, boot_id()) {
            (Some(record), Ok(boot)) => record.boot_id == boot,
            (None, _) | (_, Err(_)) => false,
        };
        let judged = match &record {
            None => Err("its record is missing or half-written".to_owned()),
            Some(record) => judge(dir, &spec, record, same_boot),
        };
        match judged {
            Ok((record, handle)) => {
                if spec.order.isolation == Isolation::Shared {
                    self.ports.keep(spec.ports.values().copied());
                }
                Ok(Found::Alive(Box::new(Running {
                    dir: dir.to_owned(),
                    spec,
                    record,
                    handle,
                })))
            }
            Err(reason) => {
                let killed = leftovers::kill(dir, &spec, record.as_ref(), same_boot);
                Ok(Found::Dead {
                    exit: read_exit(dir, &spec),
                    killed: (killed > 0).then_some(reason),
                    spec: Some(Box::new(spec)),
                })
            }
        }
    }

    fn signal(&self, running: &Running, signal: i32) -> Result<(), RunnerError> {
        let answer = ask(&running.dir, &running.spec, &Request::Signal { signal });
        match answer {
            Ok(_) => Ok(()),
            // A shim that does not answer because it is gone has done what was asked.
            Err(_) if !running.record.shim.is_alive() => Ok(()),
            Err(source) => Err(RunnerError::Shim {
                dir: running.dir.clone(),
                source,
            }),
        }
    }

    fn destroy(&self, running: &Running) -> Result<(), RunnerError> {
        running
            .record
            .shim
            .signal(Signal::KILL)
            .map_err(io_error("kill the shim"))?;
        leftovers::kill(&running.dir, &running.spec, Some(&running.record), true);
        Ok(())
    }

    fn bury(&self, running: &Running) -> Result<Option<ExitRecord>, RunnerError> {
        reap(running.record.shim.pid);
        let exit = read_exit(&running.dir, &running.spec);
        // A keeper's program outlives a killed keeper on purpose: the next keeper ends it.
        if exit.is_none() && running.spec.order.kind != Kind::Keeper {
            leftovers::kill(&running.dir, &running.spec, Some(&running.record), true);
        }
        self.give_back(&running.spec);
        Ok(exit)
    }

    fn stats(&self, running: &[&Running]) -> Result<Vec<Stats>, RunnerError> {
        let shims: Vec<_> = running.iter().map(|running| running.record.shim).collect();
        let usages = usage::of_trees(&shims).map_err(io_error("read /proc"))?;
        let stats = running.iter().zip(usages).map(|(running, usage)| Stats {
            usage,
            group: self.group_usage(running),
        });
        Ok(stats.collect())
    }

    fn update(&self, running: &Running, limits: &Limits) -> Result<Vec<String>, RunnerError> {
        let refused = |reason: String| RunnerError::Orders {
            id: running.spec.order.id.clone(),
            reason,
        };
        let group = self
            .group(&running.spec)
            .ok_or_else(|| refused("it has no kernel group".to_owned()))?;
        Ok(group.set(limits).map_err(refused)?.controls)
    }

    fn sweep(&self, env: &Path, alive: &[&Running]) {
        let kept: Vec<&String> = alive
            .iter()
            .filter_map(|running| running.spec.group.as_ref())
            .collect();
        for name in self.hierarchies().names(&cgroup::parent(env)) {
            if !kept.contains(&&name) {
                // Nobody remembers who made it, and in which hierarchies.
                leftovers::empty(&Hierarchies::every().group(&name));
            }
        }
    }

    fn record(&self, running: &Running) -> Result<ShimRecord, RunnerError> {
        Ok(state::load(&running.dir.join(SHIM_FILE), SHIM_FORMAT)?)
    }
}

/// A handle of a child, also of one that has ended already: until it is waited for, its number is nobody else's.
fn handle(child: &Child) -> io::Result<OwnedFd> {
    let pid = raw(child.id()).ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Hands over the secrets and waits for the word.
fn converse(child: &mut Child, secrets: &Secrets) -> Result<Started, FrameError> {
    let closed = || FrameError::Closed;
    let mut stdin = child.stdin.take().ok_or_else(closed)?;
    let mut stdout = child.stdout.take().ok_or_else(closed)?;
    frame::write(&mut stdin, secrets)?;
    drop(stdin);
    let mut waited = [PollFd::new(&stdout, PollFlags::IN)];
    let timeout = Timespec::try_from(START_WITHIN).map_err(|_| FrameError::Closed)?;
    let ready =
        rustix::io::retry_on_intr(|| poll(&mut waited, Some(&timeout))).map_err(io::Error::from)?;
    if ready == 0 {
        return Err(io::Error::from(io::ErrorKind::TimedOut).into());
    }
    // One short frame, written at once.
    frame::read(&mut stdout)
}

/// Whether what the record names is ours and well; if not, why.
fn judge(
    dir: &Path,
    spec: &Spec,
    record: &ShimRecord,
    same_boot: bool,
) -> Result<(ShimRecord, OwnedFd), String> {
    if !same_boot {
        return Err("it was started before this machine was booted".to_owned());
    }
    if record.instance != spec.instance() {
        return Err("its record belongs to another start".to_owned());
    }
    let bytes =
        fs::read_bounded(&dir.join(SPEC_FILE), MAX_LEN).map_err(|error| error.to_string())?;
    if record.spec != Digest::of(&bytes) {
        return Err("its orders were changed since".to_owned());
    }
    let handle = record.shim.open().map_err(|error| error.to_string())?;
    let Some(handle) = handle else {
        return Err("its shim is dead".to_owned());
    };
    match ask(dir, spec, &Request::Info) {
        Ok(Response::Info(fresh)) if fresh.shim == record.shim && fresh.program.is_some() => {
            Ok((*fresh, handle))
        }
        Ok(Response::Info(_) | Response::Done | Response::Refused { .. }) => {
            Err("another shim answers in its place".to_owned())
        }
        Err(error) => Err(format!("its shim does not answer: {error}")),
    }
}

fn ask(dir: &Path, spec: &Spec, request: &Request) -> Result<Response, FrameError> {
    let mut stream = unix::connect(dir, socket_name(spec.order.kind))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    frame::write(&mut stream, request)?;
    frame::read(&mut stream)
}

fn read_exit(dir: &Path, spec: &Spec) -> Option<ExitRecord> {
    let exit: ExitRecord = state::load(&dir.join(EXIT_FILE), EXIT_FORMAT).ok()?;
    (exit.instance == spec.instance()).then_some(exit)
}

/// Takes the exit status of a shim that was our child; of one that was adopted, process 1 takes it or nobody.
fn reap(pid: u32) {
    let Some(pid) = raw(pid) else {
        return;
    };
    let deadline = Instant::now() + DEATH_WITHIN;
    while let Ok(None) = waitpid(Some(pid), WaitOptions::NOHANG) {
        if Instant::now() > deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn remove_if_there(path: &Path) -> Result<(), RunnerError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at("remove", path)(error).into()),
    }
}
