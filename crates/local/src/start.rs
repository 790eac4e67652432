//! Starting the daemon, and finding the one that lives.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_stdx::fs::{at, read_bounded};
use plimsoll_stdx::process::ProcessId;
use plimsoll_store::state::{self, Format};
use serde::{Deserialize, Serialize};

use crate::control::client::{Cancel, Client};
use crate::daemon::intent::Intent;
use crate::event::{Event, Sink};
use crate::{EnvDir, LocalError, replace};

/// The verb of the daemon.
pub(crate) const VERB: &str = "__supervisor";
/// From the fork to the socket: milliseconds on an idle machine, adoption of some dozens of processes at up to
/// 10 s in the worst case.
const START: Duration = Duration::from_secs(30);
/// Between two tries: short, because every `up` waits for it.
const RETRY: Duration = Duration::from_millis(3);
/// From the answer to a shutdown to the end of the process.
const GONE: Duration = Duration::from_secs(10);
/// What is shown of the daemon's output when it does not start.
const LAST_WORDS: usize = 2000;
/// Output of a daemon that says too much is not read.
const LOG_MAX: u64 = 16 << 20;

const FORMAT: Format = Format {
    name: "plimsoll.daemon",
    version: 1,
};

/// What the daemon needs to know, written before it is started, because its arguments are only a path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DaemonFile {
    /// The app's name.
    pub(crate) app: String,
    /// The environment.
    pub(crate) environment: String,
    /// The app's name and a hash of the project's path.
    pub(crate) instance: String,
    /// [`crate::Settings::tool`].
    pub(crate) executable: PathBuf,
    /// [`crate::Settings::tool_version`].
    pub(crate) tool_version: String,
    /// [`crate::Settings::key_file`].
    pub(crate) key_file: PathBuf,
    /// [`crate::Settings::runtime_dir`].
    pub(crate) runtime_dir: PathBuf,
    /// [`crate::Settings::runtime`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) runtime: Option<PathBuf>,
}

impl DaemonFile {
    fn path(env: &EnvDir) -> PathBuf {
        env.path().join("daemon.json")
    }

    /// What the last command that started the daemon wrote.
    pub(crate) fn load(env: &EnvDir) -> Result<Self, LocalError> {
        Ok(state::load(&Self::path(env), FORMAT)?)
    }

    pub(crate) fn save(&self, env: &EnvDir) -> Result<(), LocalError> {
        Ok(state::save(&Self::path(env), FORMAT, self)?)
    }
}

/// A connection to the daemon of `env`, which is started when none lives.
pub(crate) fn supervisor(
    env: &EnvDir,
    daemon: &DaemonFile,
    cancel: &Cancel,
    sink: &mut Sink<'_>,
) -> Result<Client, LocalError> {
    let started = match Client::connect(env, &daemon.tool_version, cancel) {
        Ok(client) => return Ok(attached(client, false, sink)),
        // Nobody listens there, or somebody who is dying.
        Err(LocalError::Connect(_) | LocalError::Lost(_)) => spawn(env, daemon)?,
        Err(error) => return Err(error),
    };
    let client = wait(env, &daemon.tool_version, cancel, started)?;
    Ok(attached(client, true, sink))
}

/// Whether this daemon may go on with what another runs. Two replicas of a service that are not contained alike would
/// be a choice that nobody made.
fn ensure_same_runtime(env: &EnvDir, daemon: &DaemonFile) -> Result<(), LocalError> {
    let Ok(before) = DaemonFile::load(env) else {
        return Ok(());
    };
    if before.runtime == daemon.runtime || Intent::load(env)?.is_idle() {
        return Ok(());
    }
    Err(LocalError::OtherRuntime {
        running: before.runtime,
    })
}

/// As [`supervisor`], but a daemon of another build of this tool gives way first, and what it runs goes on. For
/// commands that change something, and hold the lease `token`; one that only follows must not undo an upgrade that
/// happened since.
pub(crate) fn supervisor_of_this_build(
    env: &EnvDir,
    daemon: &DaemonFile,
    (cancel, token): (&Cancel, u64),
    sink: &mut Sink<'_>,
) -> Result<Client, LocalError> {
    ensure_same_runtime(env, daemon)?;
    if let Ok(client) = Client::connect(env, &daemon.tool_version, cancel) {
        replace::unless_same(env, client.holding(token), daemon)?;
    }
    Ok(supervisor(env, daemon, cancel, sink)?.holding(token))
}

fn attached(client: Client, started: bool, sink: &mut Sink<'_>) -> Client {
    let welcome = client.welcome();
    sink(Event::Attached {
        pid: welcome.pid,
        started,
        adopted: welcome.adopted,
    });
    client
}

/// The daemon leaves our session by itself; its output goes to a file, because nobody may be there to read it.
fn spawn(env: &EnvDir, daemon: &DaemonFile) -> Result<Child, LocalError> {
    daemon.save(env)?;
    let log = env.supervisor_log();
    let output = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&log)
        .map_err(at("open", &log))?;
    let second = output.try_clone().map_err(at("open", &log))?;
    Command::new(&daemon.executable)
        .arg(VERB)
        .arg(env.path())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(second)
        .spawn()
        .map_err(|error| at("start", &daemon.executable)(error).into())
}

fn wait(
    env: &EnvDir,
    tool_version: &str,
    cancel: &Cancel,
    mut child: Child,
) -> Result<Client, LocalError> {
    let deadline = Instant::now() + START;
    loop {
        match Client::connect(env, tool_version, cancel) {
            Ok(client) => {
                // Reaped when it ends, so that it is no zombie while this process lives.
                std::thread::spawn(move || child.wait());
                return Ok(client);
            }
            Err(LocalError::Connect(_) | LocalError::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        let ended = child.try_wait().map_err(LocalError::Connect)?.is_some();
        if ended || Instant::now() > deadline {
            return Err(LocalError::Start {
                log: last_words(env),
            });
        }
        if cancel.is_cancelled() {
            return Err(LocalError::Interrupted);
        }
        std::thread::sleep(RETRY);
    }
}

fn last_words(env: &EnvDir) -> String {
    let bytes = read_bounded(&env.supervisor_log(), LOG_MAX).unwrap_or_default();
    let from = bytes.len().saturating_sub(LAST_WORDS);
    String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
}

/// Waits until the daemon `pid`, which has said that it ends, has ended.
pub(crate) fn ensure_gone(env: &EnvDir, pid: u32) -> Result<(), LocalError> {
    let Ok(process) = ProcessId::of(pid) else {
        return Ok(());
    };
    let deadline = Instant::now() + GONE;
    while process.is_alive() {
        if Instant::now() > deadline {
            return Err(LocalError::Start {
                log: last_words(env),
            });
        }
        std::thread::sleep(RETRY);
    }
    Ok(())
}
