//! The database's end in the middle of its work.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_local::ProcessState;

use crate::project::{Project, Spec, kill, wait};

const WRITERS: usize = 4;
const TRIES: usize = 5;
/// What a restart of the database may cost an app, from the kill to the first query.
const WITHIN: Duration = Duration::from_secs(5);

/// `psql` as the app's own role.
pub(crate) struct Client {
    sockets: PathBuf,
    password: String,
}

impl Client {
    pub(crate) fn of(project: &Project) -> Self {
        let address = project.get("/database");
        let password = address
            .strip_prefix("postgres://shop:")
            .and_then(|rest| rest.split_once('@'))
            .unwrap()
            .0;
        Self {
            sockets: project
                .local
                .state()
                .path()
                .join("env/development/resources/db/run"),
            password: password.replace("%2B", "+").replace("%3D", "="),
        }
    }

    fn command(&self, sql: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args([
            "-X", "-q", "-A", "-t", "-U", "shop", "-d", "shop", "-c", sql,
        ])
        .arg("-h")
        .arg(&self.sockets)
        .env("PGPASSWORD", &self.password)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
        psql
    }

    /// The answer, or nothing while nobody answers.
    pub(crate) fn ask(&self, sql: &str) -> Option<String> {
        let output = self.command(sql).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim().to_owned())
    }

    /// One that writes until it is cut off: a backend that hears nothing but the kernel meanwhile.
    fn write(&self, table: usize) -> Child {
        let sql = format!(
            "INSERT INTO load{table} SELECT n, repeat(md5(n::text), 8) FROM (SELECT generate_series(1, 100000000) n) s"
        );
        self.command(&sql).spawn().unwrap()
    }
}

#[test]
fn a_postmaster_killed_under_load_is_back_within_five_seconds() {
    let Some(project) = Project::new(&Spec::with_resources()) else {
        return;
    };
    if Command::new("psql").arg("--version").output().is_err() {
        eprintln!("skipped: needs psql");
        return;
    }
    project.up();
    let client = Client::of(&project);
    for table in 0..WRITERS {
        client
            .ask(&format!("CREATE TABLE load{table} (n int, text text)"))
            .unwrap();
    }
    client.ask("CREATE TABLE kept (n int)").unwrap();
    let mut took = Vec::new();
    for number in 1..=TRIES {
        let mut writers: Vec<Child> = (0..WRITERS).map(|table| client.write(table)).collect();
        let growing = || {
            let sql = "SELECT sum(pg_relation_size(c)) > 8000000 \
                 FROM unnest(ARRAY['load0','load1','load2','load3']::regclass[]) c";
            client.ask(sql).unwrap() == "t"
        };
        wait("writers at work", growing);
        client
            .ask(&format!("INSERT INTO kept VALUES ({number})"))
            .unwrap();
        let db = project.process("db").pid.unwrap();
        let began = Instant::now();
        kill(db);
        wait("an answer", || client.ask("SELECT 1").is_some());
        wait("the word of the supervisor", || {
            let now = project.process("db");
            now.state == ProcessState::Ready && now.pid.is_some_and(|pid| pid != db)
        });
        took.push(began.elapsed());
        for writer in &mut writers {
            assert!(!writer.wait().unwrap().success(), "cut off");
        }
        assert_eq!(
            client.ask("SELECT count(*) FROM kept").unwrap(),
            number.to_string()
        );
        client.ask("TRUNCATE load0, load1, load2, load3").unwrap();
    }
    eprintln!("back after SIGKILL under {WRITERS} writers: {took:?}");
    assert!(took.iter().all(|took| *took < WITHIN), "{took:?}");
}
