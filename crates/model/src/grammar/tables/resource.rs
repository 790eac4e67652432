//! `resource`, `secret`.

use super::{Fill, Form, Kind, Table, key};

const REPLICAS: Table = Table {
    doc: "Copies of a resource.",
    keys: &[
        key("read", Kind::Int(0, 15), Fill::Value("0"), "Copies that answer reads."),
        key("standby", Kind::Int(0, 5), Fill::Value("0"), "Copies that take over."),
    ],
};

pub(super) static RESOURCE: Table = Table {
    doc: "What the app needs and does not build: run by Plimsoll, or somebody else's by its `address`.",
    keys: &[
        key("kind", Kind::Choice(&["postgres", "redis", "sqlite", "s3", "smtp", "http"]), Fill::Required, "What it is."),
        key("version", Kind::Text(Form::Free), Fill::Value("\"\""), "Major version, as its makers write it. Empty: whatever is there."),
        key("address", Kind::Text(Form::HostPort), Fill::Absent, "Where it is, when somebody else runs it."),
        key("secret", Kind::Text(Form::Slug), Fill::Absent, "Secret with the password or key for `address`."),
        key("name", Kind::Text(Form::Text), Fill::Derived("the app's name, with `_` for `-`"), "Database or bucket."),
        key("user", Kind::Text(Form::Text), Fill::Derived("the same as `name`"), "User that the app is there."),
        key("max_connections", Kind::Int(1, 10_000), Fill::Value("100"), "PostgreSQL: connections that it accepts at most."),
        key("reserve", Kind::Int(0, 1000), Fill::Value("5"), "PostgreSQL: connections left to people, backups and migrations."),
        key("extensions", Kind::List(&Kind::Text(Form::Text)), Fill::Empty, "PostgreSQL: extensions made before the first migration."),
        key("statement_timeout", Kind::Between(Form::Time, "0s", "24h"), Fill::Value("\"0s\""), "PostgreSQL: a query is cancelled after this. `0s`: never."),
        key("slow_query", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"0s\""), "PostgreSQL: slower statements are logged. `0s`: none."),
        key("settings", Kind::Map(Form::Label, &Kind::Text(Form::Free)), Fill::Empty, "Other settings of the server."),
        key("storage", Kind::Between(Form::Bytes, "1Mi", "64Ti"), Fill::Value("\"1Gi\""), "Disk."),
        key("memory", Kind::Between(Form::Bytes, "1Mi", "4Ti"), Fill::Value("\"256Mi\""), "Memory: of Redis for its data, of PostgreSQL as a whole."),
        key("cpu", Kind::Between(Form::Cpu, "1m", "256"), Fill::Value("\"250m\""), "CPU that it asks for."),
        key("class", Kind::Choice(&["state", "cache"]), Fill::Value("\"state\""), "`state` survives and is never evicted; `cache` may be lost and is restored empty."),
        key("replicas", Kind::Table(&REPLICAS), Fill::Empty, "Copies of it."),
        key("tls", Kind::Bool, Fill::Value("true"), "Whether clients have to use TLS, where there is a network between."),
        key("region", Kind::Text(Form::Text), Fill::Absent, "Region of an object store."),
    ],
};

pub(super) static SECRET: Table = Table {
    doc: "Where a secret's value comes from: made at random, or asked of a person.",
    keys: &[
        key("generate", Kind::Text(Form::Generate), Fill::Absent, "Made at random: `48 bytes` (base64) or `20 chars` (letters and digits)."),
        key("ask", Kind::Text(Form::Text), Fill::Absent, "Asked of a person once, with this prompt."),
        key("rotate", Kind::Between(Form::Time, "1h", "3650d"), Fill::Absent, "How often it has to change."),
        key("show_once", Kind::Bool, Fill::Value("false"), "Whether `up` prints it once, in development only."),
        key("optional", Kind::Bool, Fill::Value("false"), "Whether the app runs without it."),
    ],
};
