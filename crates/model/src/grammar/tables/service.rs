//! `service`, `job`.

use super::build::BUILD;
use super::{Fill, Form, Kind, NAMES, TEXTS, Table, key};

const CPU: Table = Table {
    doc: "CPU of one replica.",
    keys: &[
        key("request", Kind::Between(Form::Cpu, "1m", "256"), Fill::Value("\"100m\""), "What it can count on."),
        key("limit", Kind::Between(Form::Cpu, "1m", "256"), Fill::Same("request"), "What it is held to."),
    ],
};

const MEMORY: Table = Table {
    doc: "Memory of one replica.",
    keys: &[
        key("request", Kind::Between(Form::Bytes, "4Mi", "16Ti"), Fill::Value("\"128Mi\""), "What it can count on."),
        key("limit", Kind::Between(Form::Bytes, "4Mi", "16Ti"), Fill::Same("request"), "What it is held to."),
    ],
};

const UP: Table = Table {
    doc: "How the count grows.",
    keys: &[
        key("hold", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"0s\""), "How long the need has to last."),
        key("step", Kind::Between(Form::Share, "1%", "1000%"), Fill::Value("\"100%\""), "The most that one period adds, as a share of the count."),
        key("every", Kind::Between(Form::Time, "1s", "30min"), Fill::Value("\"15s\""), "The period."),
    ],
};

const DOWN: Table = Table {
    doc: "How the count shrinks.",
    keys: &[
        key("hold", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"300s\""), "How long the lack of need has to last."),
        key("step", Kind::Between(Form::Share, "1%", "100%"), Fill::Value("\"25%\""), "The most that one period takes away, as a share of the count."),
        key("every", Kind::Between(Form::Time, "1s", "30min"), Fill::Value("\"60s\""), "The period."),
    ],
};

const SCALE: Table = Table {
    doc: "How many replicas.",
    keys: &[
        key("min", Kind::Int(1, 1000), Fill::Value("1"), "At least."),
        key("max", Kind::Int(1, 1000), Fill::Same("min"), "At most."),
        key("initial", Kind::Int(1, 1000), Fill::Same("min"), "At the first start."),
        key("cpu", Kind::Between(Form::Share, "1%", "100%"), Fill::Absent, "Target of CPU used over CPU requested."),
        key("memory", Kind::Between(Form::Share, "1%", "100%"), Fill::Absent, "Target of memory used over memory requested."),
        key("up", Kind::Table(&UP), Fill::Empty, "How the count grows."),
        key("down", Kind::Table(&DOWN), Fill::Empty, "How the count shrinks."),
    ],
};

const DISRUPTION: Table = Table {
    doc: "What a drain of machines has to leave.",
    keys: &[key("keep", Kind::Int(0, 1000), Fill::Derived("one less than `scale.min`"), "Ready replicas that have to stay. Below `scale.min`, or nothing could ever be drained.")],
};

const SPREAD: Table = Table {
    doc: "Where replicas go.",
    keys: &[
        key("nodes", Kind::Bool, Fill::Value("true"), "Onto different machines, where there are enough."),
        key("zones", Kind::Bool, Fill::Value("false"), "Into different zones, where there are enough."),
    ],
};

const LOGS: Table = Table {
    doc: "Logs of one replica.",
    keys: &[
        key("format", Kind::Choice(&["json", "text"]), Fill::Value("\"json\""), "What a line is."),
        key("keep", Kind::Between(Form::Time, "1h", "3650d"), Fill::Value("\"30d\""), "How long they are kept."),
        key("max", Kind::Between(Form::Bytes, "1Mi", "1Ti"), Fill::Value("\"200Mi\""), "The most disk that they take."),
    ],
};

const DRAIN: Table = Table {
    doc: "How a replica says farewell: no new requests, then these three budgets, one after the other.",
    keys: &[
        key("requests", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"30s\""), "Time for requests in flight."),
        key("sockets", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"60s\""), "Time for WebSocket and event-stream connections."),
        key("grace", Kind::Between(Form::Time, "1s", "1h"), Fill::Value("\"30s\""), "Time from SIGTERM to SIGKILL."),
    ],
};

const NEED: Table = Table {
    doc: "A resource, or another service, that has to be there first. Start order, network edge and injected address in one place.",
    keys: &[
        key("to", Kind::Text(Form::Port), Fill::Derived("the need's own name"), "The resource, or a service's port (`api:http`)."),
        key("as", Kind::Text(Form::Variable), Fill::Required, "Variable with the address."),
        key("by", Kind::Choice(&["file", "env"]), Fill::Value("\"file\""), "Whether the address, which may hold a password, comes as a file (in `NAME_FILE`) or in the environment."),
        key("over", Kind::Choice(&["unix", "tcp"]), Fill::Absent, "How PostgreSQL or Redis of Plimsoll is reached on this machine: `unix`, by its socket, or, for a client that knows none, `tcp`. Left out: `unix`. On other targets, and of everything else, it is TCP."),
        key("pool", Kind::Pool, Fill::Absent, "Connections that each replica may open. `auto`: connections less reserve, over the most replicas that a rollout can have at once."),
        key("pool_as", Kind::Text(Form::Variable), Fill::Absent, "Variable with the size of the pool."),
        key("pool_min", Kind::Int(0, 10_000), Fill::Value("0"), "Connections that each replica keeps open when idle."),
        key("pool_min_as", Kind::Text(Form::Variable), Fill::Absent, "Variable with `pool_min`."),
        key("max_as", Kind::Text(Form::Variable), Fill::Absent, "Variable with the resource's greatest number of connections."),
        key("read_as", Kind::Text(Form::Variable), Fill::Absent, "Variable with the address of a read replica."),
        key("ttl", Kind::Map(Form::Slug, &Kind::Between(Form::Time, "1s", "365d")), Fill::Empty, "Times to live of what is cached there, by what it is."),
        key("optional", Kind::Bool, Fill::Value("false"), "Whether the service starts without it."),
    ],
};

const SECRET_USE: Table = Table {
    doc: "A secret that the service reads. The name is that of the secret.",
    keys: &[
        key("as", Kind::Text(Form::Variable), Fill::Required, "Variable. With `by = \"file\"`, `NAME_FILE` holds the path."),
        key("by", Kind::Choice(&["file", "env"]), Fill::Value("\"file\""), "How it is handed over. `env` only where the program can do no better: certificates say so."),
    ],
};

const EVERY: Kind = Kind::Between(Form::Time, "100ms", "1h");
const GET: Kind = Kind::Text(Form::Path);
const GET_DOC: &str =
    "Path of the request; 200 to 399 is success. Left out: a connection is enough.";

const STARTUP: Table = Table {
    doc: "Has the replica started? Asked until the first success.",
    keys: &[
        key("get", GET, Fill::Absent, GET_DOC),
        key("port", Kind::Text(Form::Slug), Fill::Value("\"http\""), "Name of the port."),
        key("every", EVERY, Fill::Value("\"1s\""), "Time between two questions."),
        key("timeout", EVERY, Fill::Value("\"1s\""), "Time for one answer."),
        key("within", Kind::Between(Form::Time, "1s", "1h"), Fill::Value("\"60s\""), "Time for the whole start."),
    ],
};

const READINESS: Table = Table {
    doc: "May the replica have traffic? Failure withdraws traffic and nothing else.",
    keys: &[
        key("get", GET, Fill::Absent, GET_DOC),
        key("port", Kind::Text(Form::Slug), Fill::Value("\"http\""), "Name of the port."),
        key("every", EVERY, Fill::Value("\"2s\""), "Time between two questions."),
        key("timeout", EVERY, Fill::Value("\"1s\""), "Time for one answer."),
        key("fail", Kind::Int(1, 100), Fill::Value("2"), "Failures in a row that withdraw traffic."),
        key("pass", Kind::Int(1, 100), Fill::Value("1"), "Successes in a row that give it back."),
    ],
};

const LIVENESS: Table = Table {
    doc: "Must the replica be restarted?",
    keys: &[
        key("get", GET, Fill::Absent, GET_DOC),
        key("port", Kind::Text(Form::Slug), Fill::Value("\"http\""), "Name of the port."),
        key("every", EVERY, Fill::Value("\"10s\""), "Time between two questions."),
        key("timeout", EVERY, Fill::Value("\"2s\""), "Time for one answer."),
        key("fail", Kind::Int(1, 100), Fill::Value("3"), "Failures in a row that restart it."),
    ],
};

const HEALTH: Table = Table {
    doc: "Three questions to a replica, asked from outside it for as long as it lives.",
    keys: &[
        key("startup", Kind::Table(&STARTUP), Fill::Empty, "Has it started?"),
        key("readiness", Kind::Table(&READINESS), Fill::Empty, "May it have traffic?"),
        key("liveness", Kind::Table(&LIVENESS), Fill::Empty, "Must it be restarted?"),
    ],
};

const WARM_UP: Table = Table {
    doc: "Requests sent to a replica before it may be ready.",
    keys: &[
        key("requests", Kind::Some(&Kind::Text(Form::Request)), Fill::Required, "Method and path of each."),
        key("within", Kind::Between(Form::Time, "100ms", "1h"), Fill::Value("\"10s\""), "Time for all of them."),
    ],
};

const MIGRATE: Table = Table {
    doc: "Database migration, once per release and before its replicas.",
    keys: &[
        key("run", Kind::Command, Fill::Required, "Program and arguments."),
        key("status", Kind::MaybeCommand, Fill::Empty, "Program and arguments that print `{\"head\":\"0007\",\"compatible_from\":\"0005\"}`."),
        key("down", Kind::MaybeCommand, Fill::Empty, "Program and arguments that go back one step."),
        key("dry_run", Kind::Bool, Fill::Value("true"), "Whether it is tried on a copy of the schema first, without rows. Say `false` where a migration needs rows."),
        key("lock_timeout", Kind::Between(Form::Time, "100ms", "10min"), Fill::Value("\"5s\""), "Time to wait for locks."),
        key("within", Kind::Between(Form::Time, "1s", "24h"), Fill::Value("\"10min\""), "Time for the whole migration."),
    ],
};

const SEED: Table = Table {
    doc: "Data for development: run once there, and nowhere else.",
    keys: &[
        key("run", Kind::Command, Fill::Required, "Program and arguments."),
        key("within", Kind::Between(Form::Time, "1s", "1h"), Fill::Value("\"60s\""), "Time for it."),
    ],
};

const VOLUME: Table = Table {
    doc: "A folder that outlives a replica.",
    keys: &[
        key("mount", Kind::Text(Form::Mount), Fill::Required, "Where it is inside."),
        key("size", Kind::Between(Form::Bytes, "1Mi", "64Ti"), Fill::Required, "Its size."),
        key("access", Kind::Choice(&["one", "many"]), Fill::Value("\"one\""), "How many replicas may write it at once."),
        key("as", Kind::Text(Form::Variable), Fill::Absent, "Variable with the path."),
    ],
};

const METRICS: Table = Table {
    doc: "Where metrics are, in Prometheus' text format.",
    keys: &[
        key("port", Kind::Text(Form::Slug), Fill::Value("\"metrics\""), "Name of the port. Without such a port nothing is scraped."),
        key("path", Kind::Text(Form::Path), Fill::Value("\"/metrics\""), "The path."),
    ],
};

pub(super) static SERVICE: Table = Table {
    doc: "A long-running program, or a folder of static files.",
    keys: &[
        key("build", BUILD, Fill::Derived("`{ image = … }`, when `image` is given"), "Where its files come from: `{ cargo = … }`, `{ command = …, out = … }` (perhaps with a `base` image), `{ static = … }`, `{ dockerfile = … }` or `{ image = … }`."),
        key("image", Kind::Text(Form::Image), Fill::Absent, "Short for `build = { image = … }`."),
        key("run", Kind::MaybeCommand, Fill::Empty, "Program and arguments. Left out: the image's own, or the binary of a Cargo build."),
        key("port", Kind::Map(Form::Slug, &Kind::Int(1, 65_535)), Fill::Empty, "Ports by name: `http` takes requests, `metrics` is scraped. A replica learns its own from `PORT` and `METRICS_PORT`."),
        key("env", TEXTS, Fill::Empty, "Variables."),
        key("flags", TEXTS, Fill::Empty, "Feature flags: variables too, listed apart, changed without a build."),
        key("settings", TEXTS, Fill::Empty, "Settings of a static service, served as `/config.json`: changed without a build."),
        key("cpu", Kind::Table(&CPU), Fill::Empty, "CPU of one replica."),
        key("memory", Kind::Table(&MEMORY), Fill::Empty, "Memory of one replica."),
        key("pids", Kind::Int(1, 32_768), Fill::Value("128"), "Processes and threads of one replica."),
        key("files", Kind::Int(16, 1_048_576), Fill::Value("4096"), "Open files of one replica."),
        key("scale", Kind::Table(&SCALE), Fill::Empty, "How many replicas."),
        key("disruption", Kind::Table(&DISRUPTION), Fill::Empty, "What a drain of machines has to leave."),
        key("spread", Kind::Table(&SPREAD), Fill::Empty, "Where replicas go."),
        key("logs", Kind::Table(&LOGS), Fill::Empty, "Logs of one replica."),
        key("egress", Kind::List(&Kind::Text(Form::HostPort)), Fill::Empty, "Addresses outside the app that it may reach, beside those of its needs. Empty: none."),
        key("drain", Kind::Table(&DRAIN), Fill::Empty, "How a replica says farewell."),
        key("needs", Kind::Named(Form::Slug, &NEED), Fill::Empty, "Resources and services that have to be there first."),
        key("secrets", Kind::Named(Form::Slug, &SECRET_USE), Fill::Empty, "Secrets that it reads."),
        key("health", Kind::Table(&HEALTH), Fill::Empty, "Probes."),
        key("warm_up", Kind::Table(&WARM_UP), Fill::Absent, "Requests before a replica may be ready."),
        key("migrate", Kind::Table(&MIGRATE), Fill::Absent, "Database migration."),
        key("seed", Kind::Table(&SEED), Fill::Absent, "Data for development."),
        key("volume", Kind::Named(Form::Slug, &VOLUME), Fill::Empty, "Folders that outlive a replica."),
        key("metrics", Kind::Table(&METRICS), Fill::Empty, "Where metrics are."),
        key("user", Kind::Int(1, 65_534), Fill::Derived("a given image's own, if that is not root, or 1001"), "User id inside. Never root."),
        key("group", Kind::Int(1, 65_534), Fill::Derived("the user's number"), "Group id inside."),
        key("writable", Kind::Map(Form::Mount, &Kind::Between(Form::Bytes, "4Ki", "64Gi")), Fill::Empty, "Folders in memory that it may write, with their size; they count as its memory. All else is read-only, but for a small `/tmp`."),
        key("owner", Kind::Text(Form::Email), Fill::Absent, "Who answers for it, if not the app's owner."),
    ],
};

pub(super) static JOB: Table = Table {
    doc: "A program that runs at times, in the image and with the needs of a service.",
    keys: &[
        key("at", Kind::Text(Form::Cron), Fill::Required, "When, in UTC."),
        key("of", Kind::Text(Form::Subject), Fill::Required, "Whose image, needs and secrets: `service.NAME`."),
        key("run", Kind::Command, Fill::Required, "Program and arguments."),
        key("env", TEXTS, Fill::Empty, "More variables."),
        key("within", Kind::Between(Form::Time, "1s", "7d"), Fill::Value("\"1h\""), "Time for one run."),
        key("tries", Kind::Int(1, 10), Fill::Value("1"), "Tries of one run."),
        key("overlap", Kind::Bool, Fill::Value("false"), "Whether a run may start while the one before still runs."),
        key("failure", Kind::Choice(&["notify", "ignore"]), Fill::Value("\"notify\""), "What a failed run does."),
        key("notify", NAMES, Fill::Empty, "Names of `notify` that hear of a failure."),
    ],
};
