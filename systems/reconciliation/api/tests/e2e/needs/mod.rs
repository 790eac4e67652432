//! A PostgreSQL, a Redis and replicas of their own for each test: on Unix sockets in a temporary directory, gone at its end.

pub(crate) mod client;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Needs {
    dir: TempDir,
    bin: PathBuf,
    redis: Option<Child>,
}

impl Needs {
    /// Starts both, or says what is missing.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = postgres_bin() else {
            println!("skipped: needs postgresql");
            return None;
        };
        if Command::new("redis-server")
            .arg("--version")
            .output()
            .is_err()
        {
            println!("skipped: needs redis-server");
            return None;
        }
        // Not under a home directory: the postgres user must reach it.
        let dir = tempfile::Builder::new()
            .prefix("recon")
            .tempdir_in("/tmp")
            .unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let mut needs = Self {
            dir,
            bin,
            redis: None,
        };
        needs.init_postgres();
        assert!(needs.try_start_postgres(), "postgresql does not start");
        needs.start_redis();
        Some(needs)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("pg")
    }

    fn init_postgres(&self) {
        let data = self.data();
        let init = [
            "-D",
            data.to_str().unwrap(),
            "-U",
            "recon",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ];
        run(self.as_postgres("initdb").args(init));
    }

    /// Starts it; false while the backends of a killed postmaster are still there.
    pub(crate) fn try_start_postgres(&self) -> bool {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={}",
            self.path().display()
        );
        let log = self.path().join("pg.log");
        let mut start = self.as_postgres("pg_ctl");
        start
            .arg("-D")
            .arg(self.data())
            .arg("-o")
            .arg(options)
            .arg("-l")
            .arg(log);
        if !start
            .args(["-w", "start"])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
        {
            return false;
        }
        let mut create = self.as_postgres("createdb");
        // There already after a restart.
        let _ = create
            .arg("-h")
            .arg(self.path())
            .args(["-U", "recon", "recon"])
            .output();
        true
    }

    /// The answer to a query, as `psql` prints it without decoration.
    pub(crate) fn try_psql(&self, query: &str) -> Result<String, String> {
        let output = self.psql_command().arg("-c").arg(query).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    pub(crate) fn psql(&self, query: &str) -> String {
        self.try_psql(query).unwrap()
    }

    /// A session that stays open, to hold a lock.
    pub(crate) fn psql_session(&self) -> Child {
        self.psql_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn psql_command(&self) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(self.path()).args([
            "-U",
            "recon",
            "-d",
            "recon",
            "-XqtA",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        psql
    }

    pub(crate) fn kill_postmaster(&self) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        run(Command::new("kill")
            .arg("-9")
            .arg(pid.lines().next().unwrap()));
    }

    fn start_redis(&mut self) {
        let socket = self.path().join("redis.sock");
        let mut redis = Command::new("redis-server");
        redis.args([
            "--port",
            "0",
            "--save",
            "",
            "--appendonly",
            "no",
            "--requirepass",
            "rpw",
        ]);
        redis
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(self.path());
        self.redis = Some(redis.stdout(Stdio::null()).spawn().unwrap());
        until("redis listens", || socket.exists());
    }

    pub(crate) fn database_url(&self) -> String {
        format!(
            "postgres://recon@localhost/recon?host={}",
            self.path().display()
        )
    }

    /// `recon` with the settings of this test; the caller adds arguments.
    pub(crate) fn recon(&self) -> Command {
        let mut recon = Command::new(env!("CARGO_BIN_EXE_recon"));
        let redis = format!(
            "redis+unix://{}?pass=rpw",
            self.path().join("redis.sock").display()
        );
        recon
            .env("DATABASE_URL", self.database_url())
            .env("REDIS_URL", redis);
        recon
            .env("JWT_SECRET", SECRET)
            .env("SEED_PASSWORD", PASSWORD)
            .env("DB_POOL_SIZE", "2");
        recon
            .env("UPLOAD_DIR", self.path())
            .env("ENABLE_METRICS", "false");
        recon
    }

    pub(crate) fn migrate_and_seed(&self) {
        run(self.recon().args(["migrate", "up"]));
        run(self.recon().arg("seed").stdout(Stdio::null()));
    }

    /// A replica that listens on a port of the kernel's choice and is ready.
    pub(crate) fn replica(&self, name: &str) -> Replica {
        let log = self.path().join(format!("{name}.log"));
        let out = std::fs::File::create(&log).unwrap();
        let mut serve = self.recon();
        serve.arg("serve").env("PORT", "0").stdout(out);
        let mut replica = Replica {
            child: serve.spawn().unwrap(),
            address: String::new(),
        };
        until("the replica listens", || {
            let text = std::fs::read_to_string(&log).unwrap();
            let Some((_, rest)) = text.split_once("\"address\":\"") else {
                return false;
            };
            rest.split('"')
                .next()
                .unwrap()
                .clone_into(&mut replica.address);
            true
        });
        until("the replica is ready", || ready(&replica.address));
        replica
    }

    fn as_postgres(&self, tool: &str) -> Command {
        let tool = self.bin.join(tool);
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = if root {
            // PostgreSQL refuses to run as root.
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(tool);
            command
        } else {
            Command::new(tool)
        };
        command.current_dir("/tmp").stdout(Stdio::null());
        command
    }
}

impl Drop for Needs {
    fn drop(&mut self) {
        if let Some(redis) = &mut self.redis {
            let _ = redis.kill();
            let _ = redis.wait();
        }
        let mut stop = self.as_postgres("pg_ctl");
        let _ = stop
            .arg("-D")
            .arg(self.data())
            .args(["-m", "immediate", "-w", "stop"])
            .output();
    }
}

pub(crate) struct Replica {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Replica {
    pub(crate) fn signal(&self, signal: &str) {
        run(Command::new("kill")
            .arg(signal)
            .arg(self.child.id().to_string()));
    }

    pub(crate) fn kill(&mut self) {
        self.signal("-9");
        self.child.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a line to an open session and waits for a word of the answer.
pub(crate) fn say(session: &mut Child, line: &str, word: &str) {
    use std::io::{BufRead as _, BufReader, Write as _};
    writeln!(session.stdin.as_mut().unwrap(), "{line}").unwrap();
    let answers = BufReader::new(session.stdout.as_mut().unwrap());
    assert!(answers.lines().any(|answer| answer.unwrap().contains(word)));
}

pub(crate) fn ready(address: &str) -> bool {
    client::get(address, "/readyz").is_some_and(|answer| answer.status == 200)
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

fn postgres_bin() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop()
}
