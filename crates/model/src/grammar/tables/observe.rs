//! `slo`, `alert`, `notify`, `observability`, `page`, `load`.

use super::{Fill, Form, Kind, NAMES, Table, key};

pub(super) static SLO: Table = Table {
    doc: "An objective over a window of time.",
    keys: &[
        key("on", Kind::Text(Form::Subject), Fill::Required, "On what: `route.NAME` or `service.NAME`."),
        key("errors", Kind::Text(Form::ShareBound), Fill::Absent, "Share of failed requests."),
        key("p50", Kind::Text(Form::TimeBound), Fill::Absent, "Median latency."),
        key("p95", Kind::Text(Form::TimeBound), Fill::Absent, "95th percentile of latency."),
        key("p99", Kind::Text(Form::TimeBound), Fill::Absent, "99th percentile of latency."),
        key("availability", Kind::Text(Form::ShareBound), Fill::Absent, "Share of time in which it answers."),
        key("window", Kind::Between(Form::Time, "1h", "365d"), Fill::Value("\"30d\""), "The window."),
        key("notify", NAMES, Fill::Empty, "Names of `notify` that hear when the budget burns too fast."),
    ],
};

pub(super) static ALERT: Table = Table {
    doc: "An alert.",
    keys: &[
        key("when", Kind::Text(Form::Condition), Fill::Required, "The condition: a measure, whose, a bound, and for how long. Several are joined by `and`."),
        key("severity", Kind::Choice(&["info", "warn", "page"]), Fill::Value("\"warn\""), "How loud."),
        key("summary", Kind::Text(Form::Free), Fill::Value("\"\""), "One line for whoever is woken."),
        key("action", Kind::Text(Form::Free), Fill::Value("\"\""), "What to do."),
        key("runbook", Kind::Text(Form::Text), Fill::Absent, "Where the runbook is."),
        key("notify", NAMES, Fill::Empty, "Names of `notify`. Empty: by severity."),
    ],
};

const CHANNEL: Table = Table {
    doc: "A webhook whose address is a secret.",
    keys: &[
        key("secret", Kind::Text(Form::Slug), Fill::Required, "Secret with the address."),
        key("channel", Kind::Text(Form::Text), Fill::Absent, "Channel or room, where the address does not say."),
    ],
};

pub(super) static NOTIFY: Table = Table {
    doc: "Where notices go. At least one way.",
    keys: &[
        key("slack", Kind::Table(&CHANNEL), Fill::Absent, "A Slack webhook."),
        key("page", Kind::Table(&CHANNEL), Fill::Absent, "A paging service's webhook."),
        key("webhook", Kind::Table(&CHANNEL), Fill::Absent, "Any webhook."),
        key("email", Kind::List(&Kind::Text(Form::Email)), Fill::Empty, "Mail addresses."),
    ],
};

const METRICS: Table = Table {
    doc: "Metrics.",
    keys: &[
        key("every", Kind::Between(Form::Time, "1s", "5min"), Fill::Value("\"15s\""), "Time between two scrapes."),
        key("keep", Kind::Between(Form::Time, "1h", "3650d"), Fill::Value("\"15d\""), "How long they are kept."),
    ],
};

const TRACING: Table = Table {
    doc: "Traces.",
    keys: &[
        key("otlp", Kind::Text(Form::HostPort), Fill::Absent, "An OTLP collector. Left out: ids are carried on and exported nowhere."),
        key("sample", Kind::Between(Form::Share, "0%", "100%"), Fill::Value("\"1%\""), "Share of requests that is exported."),
    ],
};

const LOGS: Table = Table {
    doc: "Logs of all services together.",
    keys: &[
        key("keep", Kind::Between(Form::Time, "1h", "3650d"), Fill::Value("\"30d\""), "How long they are kept."),
        key("forward", Kind::Text(Form::HostPort), Fill::Absent, "A collector that they are sent on to."),
    ],
};

const ALERTING: Table = Table {
    doc: "Alert routing.",
    keys: &[
        key("group", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"30s\""), "How long alerts of one kind are gathered before the first notice."),
        key("repeat", Kind::Between(Form::Time, "1min", "7d"), Fill::Value("\"4h\""), "How long until a notice of a standing alert is repeated."),
        key("route", Kind::Map(Form::Slug, &NAMES), Fill::Empty, "Names of `notify`, by severity: `info`, `warn`, `page`."),
        key("escalation", NAMES, Fill::Empty, "Names of `escalation` that a page goes through."),
    ],
};

const PANEL: Table = Table {
    doc: "A panel of a dashboard.",
    keys: &[
        key("title", Kind::Text(Form::Text), Fill::Derived("the panel's own name"), "The title."),
        key("measure", Kind::Text(Form::Text), Fill::Absent, "What it shows: a name of the registry of measures."),
        key("metric", Kind::Text(Form::Variable), Fill::Absent, "What it shows: a metric that the app exports itself."),
        key("of", Kind::Text(Form::Subject), Fill::Value("\"app\""), "Whose."),
    ],
};

const DASHBOARD: Table = Table {
    doc: "A dashboard.",
    keys: &[
        key("title", Kind::Text(Form::Text), Fill::Required, "The title."),
        key("panel", Kind::Named(Form::Slug, &PANEL), Fill::Empty, "Panels."),
    ],
};

const ERRORS: Table = Table {
    doc: "Reports of exceptions.",
    keys: &[
        key("secret", Kind::Text(Form::Slug), Fill::Required, "Secret with the address (DSN)."),
        key("as", Kind::Text(Form::Variable), Fill::Value("\"SENTRY_DSN\""), "Variable that services read it from."),
        key("scrub", Kind::Bool, Fill::Value("true"), "Whether personal data is scrubbed."),
    ],
};

pub(super) static OBSERVABILITY: Table = Table {
    doc: "What is observed, and where it goes.",
    keys: &[
        key("metrics", Kind::Table(&METRICS), Fill::Empty, "Metrics."),
        key("tracing", Kind::Table(&TRACING), Fill::Empty, "Traces."),
        key("logs", Kind::Table(&LOGS), Fill::Empty, "Logs of all services together."),
        key("alerting", Kind::Table(&ALERTING), Fill::Empty, "Alert routing."),
        key("dashboard", Kind::Named(Form::Slug, &DASHBOARD), Fill::Empty, "Dashboards."),
        key("errors", Kind::Table(&ERRORS), Fill::Absent, "Reports of exceptions."),
    ],
};

const MOMENT: Kind = Kind::Between(Form::Time, "1ms", "10min");

pub(super) static PAGE: Table = Table {
    doc: "The budget of one page in a browser. The name is its path.",
    keys: &[
        key("route", Kind::Text(Form::Slug), Fill::Required, "The route that serves it."),
        key("fcp", MOMENT, Fill::Absent, "First contentful paint."),
        key("lcp", MOMENT, Fill::Absent, "Largest contentful paint."),
        key("cls", Kind::Between(Form::Number, "0", "10"), Fill::Absent, "Cumulative layout shift."),
        key("inp", MOMENT, Fill::Absent, "Interaction to next paint."),
        key("load", MOMENT, Fill::Absent, "The load event."),
        key("script", Kind::Text(Form::Bytes), Fill::Absent, "Compressed script of the first route."),
        key("profile", Kind::Text(Form::Profile), Fill::Value("\"\""), "Machine and network that it is measured on. Empty: not slowed."),
        key("runs", Kind::Int(1, 100), Fill::Value("15"), "Loads that are measured."),
        key("percentile", Kind::Between(Form::Share, "50%", "100%"), Fill::Value("\"75%\""), "Percentile of the runs that counts."),
    ],
};

pub(super) static LOAD: Table = Table {
    doc: "A load scenario: requests are sent at their rate, whether answers come or not.",
    keys: &[
        key("rate", Kind::Text(Form::Rate), Fill::Required, "Requests in a span of time."),
        key("for", Kind::Between(Form::Time, "1s", "7d"), Fill::Required, "For how long."),
        key("warm_up", Kind::Between(Form::Time, "0s", "1h"), Fill::Value("\"5s\""), "Before samples count."),
        key("scenario", Kind::Text(Form::File), Fill::Absent, "File with the requests."),
        key("route", Kind::Text(Form::Slug), Fill::Absent, "The route that it goes to, where all goes to one."),
        key("users", Kind::Int(1, 10_000_000), Fill::Value("1"), "Clients that the requests are spread over."),
        key("sockets", Kind::Int(0, 1_000_000), Fill::Value("0"), "Open WebSocket or event-stream connections beside the requests."),
        key("profile", Kind::Choice(&["constant", "ramp", "step", "poisson"]), Fill::Value("\"constant\""), "How requests come."),
        key("limiter", Kind::Choice(&["on", "tiered", "expected"]), Fill::Value("\"on\""), "Rate limits: in force as for everybody, in force for credentials of the tier in `limit`, or what the scenario wants to see."),
        key("limit", Kind::Text(Form::Slug), Fill::Absent, "Limit that its clients fall under, where it is not the route's."),
    ],
};
