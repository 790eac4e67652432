//! `limit`, `route`.

use super::{Fill, Form, Kind, NAMES, NETWORKS, Table, key};

pub(super) static LIMIT: Table = Table {
    doc: "A bucket per client. Only the limit of the most specific route is charged.",
    keys: &[
        key("rate", Kind::Text(Form::Rate), Fill::Required, "Requests in a span of time."),
        key("burst", Kind::Int(1, 1_000_000), Fill::Derived("the count of `rate`"), "Requests that may come at once."),
        key("by", Kind::Some(&Kind::Choice(&["user", "key", "ip"])), Fill::Value("[\"ip\"]"), "What makes a client: the first that a request has."),
        key("when", Kind::Text(Form::Scope), Fill::Absent, "For which tokens it is, of those that its route sees. Left out: all."),
        key("shared", Kind::Text(Form::Slug), Fill::Absent, "Resource (Redis) in which replicas of the edge share the buckets."),
    ],
};

const METHODS: Kind = Kind::List(&Kind::Text(Form::Method));
const HEADERS: Kind = Kind::List(&Kind::Text(Form::Header));

const CORS: Table = Table {
    doc: "Cross-origin rules.",
    keys: &[
        key("origins", Kind::Some(&Kind::Text(Form::Origin)), Fill::Required, "Exact origins."),
        key("methods", METHODS, Fill::Value("[\"GET\", \"HEAD\", \"POST\"]"), "Methods."),
        key("headers", HEADERS, Fill::Value("[\"authorization\", \"content-type\"]"), "Request headers that scripts may set."),
        key("expose", HEADERS, Fill::Empty, "Response headers that scripts may read."),
        key("credentials", Kind::Bool, Fill::Value("false"), "Whether cookies and authorization may be sent."),
        key("max_age", Kind::Between(Form::Time, "0s", "1d"), Fill::Value("\"10min\""), "How long a browser may keep the answer."),
    ],
};

const CACHE: Table = Table {
    doc: "What browsers and proxies may keep.",
    keys: &[
        key("max_age", Kind::Between(Form::Time, "0s", "365d"), Fill::Required, "`max-age`."),
        key("public", Kind::Bool, Fill::Value("false"), "Whether proxies may keep it too."),
        key("immutable", Kind::Bool, Fill::Value("false"), "Whether it never changes."),
        key("edge", Kind::Between(Form::Time, "0s", "1d"), Fill::Value("\"0s\""), "How long the gateway itself keeps answers: as long as each says, at most this, and this where it says nothing. `0s`: not at all."),
    ],
};

pub(super) static ROUTE: Table = Table {
    doc: "What the gateway does with requests for a host and a path.",
    keys: &[
        key("hosts", Kind::List(&Kind::Text(Form::Host)), Fill::Empty, "Host names; `*.` at the start stands for one label. Empty: every host. Development adds `localhost` and `*.localhost`."),
        key("path", Kind::Text(Form::Path), Fill::Value("\"/\""), "The path and everything below it."),
        key("exact", Kind::Bool, Fill::Value("false"), "Only this path, and nothing below it."),
        key("methods", METHODS, Fill::Empty, "Methods. Empty: all."),
        key("to", Kind::Text(Form::Port), Fill::Required, "The service's port, or a static service."),
        key("strip", Kind::Bool, Fill::Value("false"), "Whether `path` is taken off before the service sees it."),
        key("limit", Kind::Text(Form::Slug), Fill::Absent, "Its rate limit."),
        key("tiers", NAMES, Fill::Empty, "Limits with a `when`: the first that fits is charged instead of `limit`."),
        key("body", Kind::Between(Form::Bytes, "0B", "1Ti"), Fill::Value("\"1MiB\""), "Largest request body."),
        key("timeout", Kind::Between(Form::Time, "100ms", "1h"), Fill::Value("\"30s\""), "From the request's end to the answer's head."),
        key("cors", Kind::Table(&CORS), Fill::Absent, "Cross-origin rules. Left out: no other origin."),
        key("upgrade", Kind::Bool, Fill::Value("false"), "Whether connections may be upgraded (WebSocket)."),
        key("stream", Kind::Bool, Fill::Value("false"), "Whether answers are streams of events."),
        key("allow", NETWORKS, Fill::Empty, "Networks that may use it. Empty: all."),
        key("headers", Kind::Map(Form::Header, &Kind::Text(Form::Free)), Fill::Empty, "Response headers that replace those of the edge."),
        key("cache", Kind::Table(&CACHE), Fill::Absent, "What browsers and proxies may keep."),
    ],
};
