//! `kubernetes`, `compose`, `platform`, `cost`.

use super::{Fill, Form, Kind, NAMES, Table, key};

const LABELS: Kind = Kind::Map(Form::Text, &Kind::Text(Form::Free));

pub(super) static KUBERNETES: Table = Table {
    doc: "What the Kubernetes target needs to know.",
    keys: &[
        key("namespace", Kind::Text(Form::Slug), Fill::Derived("the app's name"), "The namespace."),
        key("ingress", Kind::Choice(&["nginx", "traefik", "gateway-api"]), Fill::Value("\"nginx\""), "Which edge the cluster has."),
        key("vpa", Kind::Choice(&["off", "recommend", "auto"]), Fill::Value("\"off\""), "What a vertical autoscaler may do."),
        key("network", Kind::Choice(&["deny", "allow"]), Fill::Value("\"deny\""), "Network policy where no edge of the app allows."),
        key("pod_security", Kind::Choice(&["restricted", "baseline"]), Fill::Value("\"restricted\""), "Pod Security Admission of the namespace."),
        key("version", Kind::Text(Form::Version), Fill::Value("\"1.29\""), "Lowest Kubernetes version that the manifests are valid for."),
        key("registry", Kind::Text(Form::Text), Fill::Absent, "Registry and path that images are pushed to."),
        key("storage_class", Kind::Text(Form::Free), Fill::Value("\"\""), "Storage class of volumes. Empty: the cluster's default."),
        key("storage_class_many", Kind::Text(Form::Free), Fill::Value("\"\""), "Storage class of volumes with `access = \"many\"`."),
        key("cluster_issuer", Kind::Text(Form::Slug), Fill::Value("\"letsencrypt-prod\""), "Cluster issuer of cert-manager."),
        key("monitoring", Kind::Bool, Fill::Value("true"), "Whether monitoring objects are rendered."),
        key("encrypt_secrets", Kind::Bool, Fill::Value("true"), "Whether an EncryptionConfiguration for etcd is rendered."),
        key("labels", LABELS, Fill::Empty, "Labels on every object."),
        key("annotations", LABELS, Fill::Empty, "Annotations on every pod."),
    ],
};

pub(super) static COMPOSE: Table = Table {
    doc: "What the Compose target needs to know.",
    keys: &[
        key("project", Kind::Text(Form::Slug), Fill::Derived("the app's name"), "Name of the project."),
        key("profiles", NAMES, Fill::Empty, "Profiles whose services are started."),
        key("monitoring", Kind::Bool, Fill::Value("true"), "Whether the monitoring stack is part of the file."),
    ],
};

const CAPACITY: Table = Table {
    doc: "A cluster, whole.",
    keys: &[
        key("cpu", Kind::Between(Form::Cpu, "1m", "100000"), Fill::Required, "CPUs."),
        key("memory", Kind::Between(Form::Bytes, "64Mi", "1024Ti"), Fill::Required, "Memory."),
        key("storage", Kind::Between(Form::Bytes, "64Mi", "1024Ti"), Fill::Required, "Disk."),
        key("nodes", Kind::Int(1, 10_000), Fill::Value("1"), "Machines that it is spread over."),
    ],
};

pub(super) static PLATFORM: Table = Table {
    doc: "Machines and tools.",
    keys: &[
        key("minimum", Kind::Table(&CAPACITY), Fill::Absent, "Smallest cluster: requests at `scale.min` have to fit."),
        key("recommended", Kind::Table(&CAPACITY), Fill::Absent, "Recommended cluster: requests at `scale.max` have to fit."),
        key("tools", Kind::Map(Form::Label, &Kind::Text(Form::Text)), Fill::Empty, "Versions of tools, checked before a build or a deploy."),
    ],
};

const DOLLARS: Kind = Kind::Between(Form::Number, "0", "1000000000");

const BUDGET: Table = Table {
    doc: "A monthly budget.",
    keys: &[
        key("usd_per_month", DOLLARS, Fill::Required, "USD in a month."),
        key("warn_at", Kind::List(&Kind::Between(Form::Share, "1%", "200%")), Fill::Value("[\"80%\", \"100%\"]"), "Shares of it that raise a notice."),
        key("notify", NAMES, Fill::Empty, "Names of `notify`."),
    ],
};

const SAVING: Table = Table {
    doc: "A promised saving.",
    keys: &[
        key("usd_per_month", DOLLARS, Fill::Required, "USD in a month."),
        key("replicas", Kind::Int(1, 1_000_000), Fill::Absent, "Replicas that the promise assumes."),
        key("of", NAMES, Fill::Empty, "Savings that this one says it sums."),
    ],
};

pub(super) static COST: Table = Table {
    doc: "What the cost report needs to know.",
    keys: &[
        key("prices", Kind::Text(Form::Slug), Fill::Value("\"default\""), "Name of the price table."),
        key("prices_of", Kind::Text(Form::Date), Fill::Absent, "Day of the prices."),
        key("price", Kind::Map(Form::Label, &DOLLARS), Fill::Empty, "Single prices in USD: `registry_gb_month`, `vcpu_hour`, `gb_hour`, `egress_gb`, …"),
        key("requests_per_month", Kind::Int(1, 1_000_000_000_000), Fill::Value("1000000"), "Requests that the cost is spread over."),
        key("budget", Kind::Table(&BUDGET), Fill::Absent, "Monthly budget."),
        key("saving", Kind::Named(Form::Slug, &SAVING), Fill::Empty, "Promised savings."),
        key("reserved", Kind::Between(Form::Share, "0%", "100%"), Fill::Value("\"0%\""), "Share of replica hours on reserved capacity."),
        key("spot", Kind::Between(Form::Share, "0%", "100%"), Fill::Value("\"0%\""), "Share of replica hours on spot capacity."),
        key("review", Kind::Text(Form::Date), Fill::Absent, "When people look at the report next."),
    ],
};
