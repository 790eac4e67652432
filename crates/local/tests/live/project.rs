//! A project in a temporary directory, with an app made of the fixture.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::{
    Check, CommandSpec, Destination, DrainSpec, GatewayService, GatewayTable, Header, HeaderValue,
    HealthSpec, Limits, Listeners, LocalBundle, LogSpec, MigrateSpec, NeedSpec, Over, PostgresSpec,
    Probe, ProgramSpec, RedisClass, RedisSpec, ResourceSpec, RouteSpec, ScaleSpec, SecretMeans,
    SecretSpec, ServiceSpec, Sticky, TlsIssuer, TlsSpec, TlsVersion,
};
use plimsoll_deploy::Strategy;
use plimsoll_deploy::judge::Rules;
use plimsoll_local::{
    Alphabet, Data, DeployRequest, Event, Local, Outcome, Phase, ProcessKind, ProcessStatus,
    SecretPlan, Settings,
};
use plimsoll_stdx::process::ProcessId;
use plimsoll_store::CrashPoint;
use plimsoll_supervisor::runtimes::{self, RuntimeError};
use rustix::process::Signal;

pub(crate) const FIXTURE: &str = env!("CARGO_BIN_EXE_plimsoll-local-fixture");
const ROLLING: Strategy = Strategy::Rolling {
    surge: 1,
    unavailable: 0,
};
/// Whatever is waited for in a test comes within this or never.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn kill(pid: u32) {
    ProcessId::of(pid).unwrap().signal(Signal::KILL).unwrap();
}

/// A request through the gateway, which succeeds.
pub(crate) fn get(port: u16, path: &str) -> String {
    let text = ask(port, path);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn ask(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// What a request through the gateway is answered with, whatever it is.
pub(crate) fn answer(port: u16, path: &str) -> (u16, String) {
    let text = ask(port, path);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or(0), body.to_owned())
}

fn artefact() -> Digest {
    Digest::of(b"fixture")
}

/// What differs between the apps of the tests.
pub(crate) struct Spec {
    pub(crate) command: &'static str,
    pub(crate) resources: bool,
    /// What its replicas answer to `/release`.
    pub(crate) release: &'static str,
    pub(crate) replicas: u32,
}

impl Spec {
    pub(crate) fn plain() -> Self {
        Self {
            command: "serve",
            resources: false,
            release: "one",
            replicas: 2,
        }
    }

    pub(crate) fn with_resources() -> Self {
        Self {
            resources: true,
            ..Self::plain()
        }
    }
}

pub(crate) struct Project {
    dir: PathBuf,
    /// Whose end is the project's end; nothing where somebody else has it.
    owned: Option<tempfile::TempDir>,
    pub(crate) local: Local,
    pub(crate) port: u16,
    artefact: Digest,
    spec: Spec,
    upgrades: u8,
    /// How changes are made.
    pub(crate) strategy: Strategy,
    pub(crate) rules: Rules,
    /// Whether a change that fails is taken back as a whole.
    pub(crate) undo: bool,
    /// Whether WebSockets go through.
    pub(crate) upgrades_sockets: bool,
    /// Changes the program of every bundle.
    pub(crate) edit: Box<dyn Fn(&mut ProgramSpec) + Sync>,
}

/// The OCI runtime that every test here is made with, where one is named; else they are made with our own containment.
fn chosen() -> Option<Result<PathBuf, RuntimeError>> {
    let name = std::env::var("PLIMSOLL_TEST_OCI").ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    Some(runtimes::find(&name, &path))
}

fn open(dir: &Path, tool: PathBuf, crash: Option<CrashPoint>) -> Local {
    let settings = Settings {
        tool,
        tool_version: "0.1.0".into(),
        key_file: dir.join("key"),
        runtime_dir: dir.join("run"),
        runtime: chosen(),
        deadline: Duration::from_mins(1),
        crash,
    };
    Local::open(dir, "shop", "development", settings).unwrap()
}

impl Project {
    /// Nothing, with a line that says why, where this machine has no servers and the app needs them.
    pub(crate) fn new(spec: &Spec) -> Option<Self> {
        if spec.resources {
            let postgres = std::fs::read_dir("/usr/lib/postgresql").is_ok();
            for (name, there) in [
                ("postgresql", postgres),
                ("redis-server", Path::new("/usr/bin/redis-server").is_file()),
            ] {
                if !there {
                    eprintln!("skipped: needs {name}");
                    return None;
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let local = open(dir.path(), FIXTURE.into(), None);
        let artefact = artefact();
        let folder = local.state().artefacts().join(artefact.hex());
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("fixture");
        std::fs::copy(FIXTURE, &program).unwrap();
        for path in [&folder, &program] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let spec = Spec { ..*spec };
        Some(Self {
            dir: dir.path().to_owned(),
            owned: Some(dir),
            local,
            port,
            artefact,
            spec,
            upgrades: 0,
            strategy: ROLLING,
            rules: Rules::default(),
            undo: true,
            upgrades_sockets: false,
            edit: Box::new(|_| {}),
        })
    }

    /// A project that is another process's, in a process that dies at `crash`.
    pub(crate) fn of_another(dir: &Path, port: u16, crash: CrashPoint) -> Self {
        Self {
            dir: dir.to_owned(),
            owned: None,
            local: open(dir, FIXTURE.into(), Some(crash)),
            port,
            artefact: artefact(),
            spec: Spec::plain(),
            upgrades: 0,
            strategy: ROLLING,
            rules: Rules::default(),
            undo: true,
            upgrades_sockets: false,
            edit: Box::new(|_| {}),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn up(&self) -> Outcome {
        self.up_with(&mut |_| {})
    }

    pub(crate) fn up_with(&self, sink: &mut dyn FnMut(Event)) -> Outcome {
        self.up_spec(&self.spec, sink)
    }

    pub(crate) fn up_bundle(&self, spec: &Spec) -> Outcome {
        self.up_spec(spec, &mut |_| {})
    }

    /// A file of the environment, aged: as if nobody had touched it for a while.
    pub(crate) fn age(&self, is_it: impl Fn(&str) -> bool) {
        let env = self.local.state().path().join("env/development");
        let entries = std::fs::read_dir(&env).unwrap().map(Result::unwrap);
        let old = std::time::SystemTime::now() - Duration::from_hours(1);
        for entry in entries.filter(|entry| is_it(&entry.file_name().to_string_lossy())) {
            std::fs::File::open(entry.path())
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
    }

    pub(crate) fn up_spec(&self, spec: &Spec, sink: &mut dyn FnMut(Event)) -> Outcome {
        self.local
            .deploy(&self.request(spec), sink)
            .unwrap_or_else(|error| {
                panic!(
                    "{} ({:?})",
                    plimsoll_local::error::chain(&error),
                    error.hint()
                )
            })
    }

    /// A deploy whose caller wants to stop as soon as an event is one that `now` waits for, and whether there was one.
    pub(crate) fn up_until(&self, spec: &Spec, now: &dyn Fn(&Event) -> bool) -> (Outcome, bool) {
        let local = open(&self.dir, FIXTURE.into(), None);
        let cancel = local.canceller();
        let mut sink = |event| {
            if now(&event) {
                cancel.cancel();
            }
        };
        let outcome = local.deploy(&self.request(spec), &mut sink).unwrap();
        (outcome, cancel.is_cancelled())
    }

    /// The tool is another build from now on, of these bytes.
    pub(crate) fn upgrade_tool(&mut self) -> Vec<u8> {
        self.upgrades += 1;
        let program = self.dir.join(format!("tool-{}", self.upgrades));
        let mut bytes = std::fs::read(FIXTURE).unwrap();
        // What stands behind the last section changes nothing but the bytes.
        bytes.extend(self.upgrades.to_be_bytes());
        plimsoll_stdx::fs::write_atomic(&program, &bytes).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.local = open(&self.dir, program, None);
        bytes
    }

    /// A file of the environment.
    pub(crate) fn read(&self, path: &str) -> String {
        let env = self.local.state().path().join("env/development");
        std::fs::read_to_string(env.join(path)).unwrap()
    }

    /// A request through the gateway.
    pub(crate) fn get(&self, path: &str) -> String {
        get(self.port, path)
    }

    /// A header of an answer of the gateway.
    pub(crate) fn header(&self, name: &str) -> String {
        let text = ask(self.port, "/");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default()
            .trim_start_matches(':')
            .trim()
            .to_owned()
    }

    pub(crate) fn pids(&self, kind: ProcessKind) -> Vec<u32> {
        let status = self.local.status().unwrap();
        let of_kind = status
            .processes
            .iter()
            .filter(|process| process.kind == kind);
        of_kind.filter_map(|process| process.pid).collect()
    }

    pub(crate) fn process(&self, name: &str) -> ProcessStatus {
        let status = self.local.status().unwrap();
        status
            .processes
            .into_iter()
            .find(|process| process.name == name)
            .unwrap()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.local.status().unwrap().phase
    }

    /// Every socket file in the project.
    pub(crate) fn sockets(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.dir.clone()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(&dir).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    open.push(entry.path());
                } else if kind.is_socket() {
                    found.push(entry.path().display().to_string());
                }
            }
        }
        found
    }

    pub(crate) fn request(&self, spec: &Spec) -> DeployRequest {
        let generate = SecretPlan::Generate {
            length: 48,
            alphabet: Alphabet::Base64,
        };
        DeployRequest {
            bundle: self.bundle(spec),
            secrets: BTreeMap::from([("jwt".to_owned(), generate)]),
            strategy: self.strategy.clone(),
            seed: true,
            judge: self.rules,
            undo: self.undo,
            within: None,
            watch: None,
        }
    }

    fn bundle(&self, spec: &Spec) -> LocalBundle {
        let mut program = self.program(spec);
        (self.edit)(&mut program);
        let readiness = program.health.readiness.clone();
        let drain = program.drain;
        let service = ServiceSpec::Program(Box::new(program));
        LocalBundle {
            header: Header::new(LocalBundle::FORMAT, LocalBundle::VERSION),
            app: "shop".into(),
            environment: "development".into(),
            services: BTreeMap::from([("api".into(), service)]),
            resources: if spec.resources {
                resources()
            } else {
                BTreeMap::new()
            },
            jobs: BTreeMap::new(),
            gateway: self.table(
                GatewayService {
                    readiness,
                    drain,
                    sticky: Sticky::None,
                    mutual_tls: None,
                },
                spec.release,
            ),
        }
    }

    fn program(&self, spec: &Spec) -> ProgramSpec {
        let command = |verb: &str| vec!["/app/fixture".to_owned(), verb.to_owned()];
        let migrate = MigrateSpec {
            command: command("migrate"),
            status: command("schema"),
            lock_timeout_ms: 5000,
            within_ms: 20_000,
            dry_run: true,
        };
        let seed = CommandSpec {
            command: command("seed"),
            within_ms: 20_000,
        };
        let secret = SecretSpec {
            variable: "JWT_SECRET".into(),
            by: SecretMeans::File,
        };
        ProgramSpec {
            artefact: Some(self.artefact.clone()),
            image: None,
            command: command(spec.command),
            env: BTreeMap::from([("RELEASE".into(), spec.release.into())]),
            ports: BTreeMap::from([("http".into(), 2000), ("metrics".into(), 9091)]),
            needs: if spec.resources {
                needs()
            } else {
                BTreeMap::new()
            },
            secrets: BTreeMap::from([("jwt".into(), secret)]),
            volumes: BTreeMap::new(),
            limits: Limits {
                cpu_request_millis: 100,
                cpu_limit_millis: 200,
                memory_request_bytes: 32 << 20,
                memory_limit_bytes: 64 << 20,
                pids: 64,
                files: 256,
            },
            scale: ScaleSpec {
                min: 1,
                max: 4,
                initial: spec.replicas,
                cpu_target: None,
                memory_target: None,
            },
            health: HealthSpec {
                startup: probe(),
                readiness: probe(),
                liveness: probe(),
                start_within_ms: 3000,
            },
            warm_up: None,
            migrate: spec.resources.then_some(migrate),
            seed: spec.resources.then_some(seed),
            logs: LogSpec {
                max_bytes: 1 << 20,
                keep_ms: 86_400_000,
            },
            drain: DrainSpec {
                requests_ms: 2000,
                sockets_ms: 1000,
                grace_ms: 2000,
            },
            egress: Vec::new(),
            writable: BTreeMap::new(),
        }
    }

    fn table(&self, api: GatewayService, release: &str) -> GatewayTable {
        let header = HeaderValue {
            name: "x-table".into(),
            value: release.into(),
            tls_only: false,
        };
        let route = RouteSpec {
            name: "all".into(),
            hosts: vec!["localhost".into()],
            path: "/".into(),
            exact: false,
            methods: Vec::new(),
            strip: false,
            to: Destination::Service {
                service: "api".into(),
                port: "http".into(),
            },
            limit: None,
            body_bytes: 1 << 20,
            timeout_ms: 10_000,
            cors: None,
            upgrade: self.upgrades_sockets,
            allow: Vec::new(),
            headers: Vec::new(),
            stream: false,
            cache_control: None,
            keep_ms: None,
        };
        GatewayTable {
            header: Header::new(GatewayTable::FORMAT, GatewayTable::VERSION),
            app: "shop".into(),
            environment: "development".into(),
            listeners: Listeners {
                http: Some(self.port),
                https: None,
                metrics: None,
            },
            tls: TlsSpec {
                min: TlsVersion::V1_2,
                issuer: TlsIssuer::Local,
                names: vec!["localhost".into()],
                redirect: false,
            },
            headers: vec![header],
            compress: Vec::new(),
            limits: BTreeMap::new(),
            routes: vec![route],
            services: BTreeMap::from([("api".into(), api)]),
            trusted: Vec::new(),
            allow: Vec::new(),
            maintenance: None,
            cache_hashed_s: 31_536_000,
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // The directory goes next: nothing may run in it.
        if self.owned.is_none() {
            return;
        }
        let _ = self.local.down(Data::Keep, &mut |_| {});
    }
}

pub(crate) fn need(to: &str, variable: &str) -> NeedSpec {
    NeedSpec {
        to: to.into(),
        port: None,
        variable: variable.into(),
        by: SecretMeans::File,
        over: Over::Unix,
        optional: false,
        pool: None,
        env: BTreeMap::new(),
    }
}

fn needs() -> BTreeMap<String, NeedSpec> {
    BTreeMap::from([
        ("db".into(), need("db", "DATABASE_URL")),
        ("cache".into(), need("cache", "REDIS_URL")),
    ])
}

fn resources() -> BTreeMap<String, ResourceSpec> {
    let db = PostgresSpec {
        version: String::new(),
        database: "shop".into(),
        user: "shop".into(),
        max_connections: 20,
        reserve: 3,
        extensions: vec!["citext".into(), "pg_trgm".into()],
        statement_timeout_ms: 30_000,
        slow_query_ms: 0,
        settings: BTreeMap::new(),
        memory_bytes: 128 << 20,
        storage_bytes: 1 << 30,
    };
    let cache = RedisSpec {
        memory_bytes: 32 << 20,
        class: RedisClass::State,
        settings: BTreeMap::new(),
    };
    BTreeMap::from([
        ("db".into(), ResourceSpec::Postgres(db)),
        ("cache".into(), ResourceSpec::Redis(cache)),
    ])
}

fn probe() -> Probe {
    Probe {
        check: Check::Get {
            port: "http".into(),
            path: "/".into(),
        },
        every_ms: 200,
        timeout_ms: 1000,
        failures: 2,
    }
}
