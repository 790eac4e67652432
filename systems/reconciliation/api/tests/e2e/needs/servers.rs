//! One PostgreSQL and one Redis for all tests of the binary, on Unix sockets in a temporary directory.
//!
//! They are started by the first test that needs them. A shell holds them and reads from a pipe that only this
//! process writes to:
//! however the process ends, the pipe ends too, and the shell stops them and removes the directory.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{run, until};

/// Databases of Redis, one per test.
const REDIS_DATABASES: u32 = 64;

/// Waits for the end of its input, then cleans up. `$1` is the directory, `$2` the one of PostgreSQL's programs,
/// the rest becomes
/// another user where there is need to.
const KEEPER: &str = r#"
trap '' INT TERM HUP
dir=$1; bin=$2; shift 2
redis-server --port 0 --save '' --appendonly no --requirepass rpw --databases 64 --dir "$dir" --unixsocket "$dir/redis.sock" &
redis=$!
cat
kill $redis
"$@" "$bin/pg_ctl" -D "$dir/pg" -m immediate -w stop
wait $redis
rm -rf "$dir"
"#;

pub(crate) struct Servers {
    dir: PathBuf,
    bin: PathBuf,
    /// Its input ends with this process.
    _keeper: Child,
    tests: AtomicU32,
}

impl Servers {
    /// Those that all tests share; `None`, and said once for each test, when something is missing.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Servers>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| found().map(|bin| Self::start(bin, "off")));
        if shared.is_none() {
            println!("skipped: needs postgresql and redis-server");
        }
        shared.as_ref()
    }

    /// Servers of its own, for a test that kills them.
    pub(crate) fn alone() -> Option<&'static Self> {
        let Some(bin) = found() else {
            println!("skipped: needs postgresql and redis-server");
            return None;
        };
        Some(Box::leak(Box::new(Self::start(bin, "on"))))
    }

    /// `sync` is whether a commit waits for the disk: only where a test is about that.
    fn start(bin: PathBuf, sync: &str) -> Self {
        // Not under a home directory: the postgres user must reach it.
        let builder = tempfile::Builder::new()
            .prefix("recon")
            .disable_cleanup(true)
            .tempdir_in("/tmp");
        let dir = builder.unwrap().path().to_owned();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&dir, open).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&dir)
            .arg(&bin)
            .args(as_postgres())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let servers = Self {
            dir,
            bin,
            _keeper: keeper,
            tests: AtomicU32::new(0),
        };
        servers.init_postgres(sync);
        assert!(servers.try_start_postgres(), "postgresql does not start");
        until("redis listens", || servers.redis_socket().exists());
        servers
    }

    fn init_postgres(&self, sync: &str) {
        let mut init = self.as_postgres("initdb");
        init.arg("-D").arg(self.data());
        run(init.args(["-U", "recon", "-A", "trust", "-E", "UTF8", "--no-sync"]));
        // Owned by another user, which root may write all the same, and nobody else is another user.
        let conf = self.data().join("postgresql.conf");
        let mut conf = std::fs::OpenOptions::new().append(true).open(conf).unwrap();
        writeln!(conf, "fsync = {sync}\nlisten_addresses = ''").unwrap();
    }

    /// Starts it; false while the backends of a killed postmaster are still there.
    pub(crate) fn try_start_postgres(&self) -> bool {
        let mut start = self.as_postgres("pg_ctl");
        start.arg("-D").arg(self.data()).arg("-o");
        start.arg(format!("-c unix_socket_directories={}", self.dir.display()));
        start.arg("-l").arg(self.dir.join("pg.log"));
        let started = start.args(["-w", "start"]).stderr(Stdio::null()).status();
        started.unwrap().success()
    }

    pub(crate) fn kill_postmaster(&self) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let mut kill = Command::new("kill");
        run(kill.arg("-9").arg(pid.lines().next().unwrap()));
    }

    /// `psql` in a database, printing answers without decoration.
    pub(crate) fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(&self.dir).args(["-U", "recon", "-d"]);
        psql.args([database, "-XqtA", "-v", "ON_ERROR_STOP=1"]);
        psql
    }

    /// A new database, as a copy of another one.
    pub(crate) fn create_database(&self, name: &str, template: &str) {
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        run(self.psql("postgres").arg("-c").arg(create));
    }

    /// A number for the databases of a test.
    pub(crate) fn next_test(&self) -> u32 {
        let nth = self.tests.fetch_add(1, Ordering::Relaxed);
        assert!(nth < REDIS_DATABASES, "more tests than databases of Redis");
        nth
    }

    pub(crate) fn database_url(&self, name: &str) -> String {
        format!(
            "postgres://recon@localhost/{name}?host={}",
            self.dir.display()
        )
    }

    pub(crate) fn redis_url(&self, nth: u32) -> String {
        format!(
            "redis+unix://{}?db={nth}&pass=rpw",
            self.redis_socket().display()
        )
    }

    fn redis_socket(&self) -> PathBuf {
        self.dir.join("redis.sock")
    }

    fn data(&self) -> PathBuf {
        self.dir.join("pg")
    }

    fn as_postgres(&self, tool: &str) -> Command {
        let words = as_postgres();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(self.bin.join(tool));
        command.current_dir("/tmp").stdout(Stdio::null());
        command
    }
}

/// What goes before a program of PostgreSQL: it refuses to run as root.
fn as_postgres() -> &'static [&'static str] {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root {
        &["runuser", "-u", "postgres", "--"]
    } else {
        &["env"]
    }
}

/// The directory of PostgreSQL's programs, when Redis is here too.
fn found() -> Option<PathBuf> {
    let redis = Command::new("redis-server").arg("--version").output();
    redis.ok()?;
    let has_initdb = |bin: &PathBuf| bin.join("initdb").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(has_initdb)
        .collect();
    places.sort();
    places
        .pop()
        .or_else(|| std::env::split_paths(&path).find(has_initdb))
}
