//! What a test needs: a database of its own, and replicas.

pub(crate) mod client;
mod replica;
mod servers;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) use replica::{Replica, ready};
pub(crate) use servers::Servers;

use client::Session;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// The database that others are copies of: migrated and seeded once, because hashing the passwords of six logins
/// takes seconds.
const SEEDED: &str = "seeded";

pub(crate) struct Needs {
    pub(crate) servers: &'static Servers,
    dir: TempDir,
    database: String,
    nth: u32,
}

impl Needs {
    /// A database with the schema and the seed; `None` when something is missing.
    pub(crate) fn seeded() -> Option<Self> {
        static ONCE: Once = Once::new();
        let servers = Servers::shared()?;
        ONCE.call_once(|| Self::of(servers, SEEDED, "template0").migrate_and_seed());
        let name = format!("test_{}", servers.next_test());
        Some(Self::of(servers, &name, SEEDED))
    }

    /// A database without anything.
    pub(crate) fn empty() -> Option<Self> {
        let servers = Servers::shared()?;
        let name = format!("test_{}", servers.next_test());
        Some(Self::of(servers, &name, "template0"))
    }

    /// The same as `seeded` on servers that the test may kill.
    pub(crate) fn alone() -> Option<Self> {
        let needs = Self::of(Servers::alone()?, "recon", "template0");
        needs.migrate_and_seed();
        Some(needs)
    }

    fn of(servers: &'static Servers, database: &str, template: &str) -> Self {
        servers.create_database(database, template);
        Self {
            servers,
            dir: tempfile::tempdir().unwrap(),
            database: database.to_owned(),
            nth: servers.next_test(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn migrate_and_seed(&self) {
        run(self.recon().args(["migrate", "up"]));
        run(self.recon().arg("seed").stdout(Stdio::null()));
    }

    /// The answer to a query, as `psql` prints it without decoration.
    pub(crate) fn try_psql(&self, query: &str) -> Result<String, String> {
        let mut psql = self.servers.psql(&self.database);
        let output = psql.arg("-c").arg(query).output().unwrap();
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
        let mut psql = self.servers.psql(&self.database);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped());
        psql.spawn().unwrap()
    }

    /// `recon` with the settings of this test; the caller adds arguments.
    pub(crate) fn recon(&self) -> Command {
        let mut recon = Command::new(env!("CARGO_BIN_EXE_recon"));
        recon
            .env("DATABASE_URL", self.servers.database_url(&self.database))
            .env("REDIS_URL", self.servers.redis_url(self.nth))
            .env("JWT_SECRET", SECRET)
            .env("SEED_PASSWORD", PASSWORD)
            .env("DB_POOL_SIZE", "2")
            .env("UPLOAD_DIR", self.path())
            .env("METRICS_PORT", "0");
        recon
    }

    /// A replica that is ready.
    pub(crate) fn replica(&self, name: &str) -> Replica {
        self.replica_with(name, &[])
    }

    /// A replica with other settings.
    pub(crate) fn replica_with(&self, name: &str, settings: &[(&str, &str)]) -> Replica {
        let mut serve = self.recon();
        serve.arg("serve").envs(settings.iter().copied());
        Replica::start(serve, &self.path().join(format!("{name}.log")))
    }
}

/// A seeded database and a replica.
pub(crate) fn started() -> Option<(Needs, Replica)> {
    let needs = Needs::seeded()?;
    let replica = needs.replica("a");
    Some((needs, replica))
}

/// Generates the two files of a run.
pub(crate) fn generate(needs: &Needs, rows: &str) -> [Vec<u8>; 2] {
    let out = needs.path().join("data");
    let mut generate = needs.recon();
    generate.args(["gen", "--rows", rows, "--seed", "11", "--out"]);
    run(generate.arg(&out));
    ["left.csv", "right.csv"].map(|file| std::fs::read(out.join(file)).unwrap())
}

/// Generates data, uploads both files and returns the sources.
pub(crate) fn upload_both(needs: &Needs, session: &Session, rows: &str) -> (String, String) {
    let [left_file, right_file] = generate(needs, rows);
    let (left, right) = (session.source("Bank"), session.source("Ledger"));
    for (source, name, bytes) in [
        (&left, "left.csv", left_file),
        (&right, "right.csv", right_file),
    ] {
        let answer = session.upload(source, name, &bytes);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 201, "{text}");
    }
    (left, right)
}

/// Sends a line to an open session and waits for a word of the answer.
pub(crate) fn say(session: &mut Child, line: &str, word: &str) {
    use std::io::{BufRead as _, BufReader, Write as _};
    writeln!(session.stdin.as_mut().unwrap(), "{line}").unwrap();
    let answers = BufReader::new(session.stdout.as_mut().unwrap());
    assert!(answers.lines().any(|answer| answer.unwrap().contains(word)));
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
