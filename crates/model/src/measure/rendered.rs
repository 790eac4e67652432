//! What the rendered documents say, read back from them and never from the file: `rendered.`, `rules.`, `docs.`.

use super::{Measure, claim};
use crate::units::Dimension::{Bytes, Cpu, Number, Share, Text, Time, Truth};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("rendered.files", Truth, &["app", "service"],
        "Whether these documents are rendered and valid for their kind.")
        .with("paths below the output, separated by blanks"),
    claim("rendered.kinds", Truth, &["app", "edge"],
        "Whether objects of these kinds are among the documents.").with("kinds, separated by blanks"),
    claim("rendered.placeholders", Number, &["app"],
        "Places in the documents that somebody would have to edit by hand."),
    claim("rendered.secrets", Number, &["app"], "Findings of the secret scan over the documents and the repository."),
    claim("rendered.replicas_min", Number, &["service"], "Least replicas."),
    claim("rendered.replicas_max", Number, &["service"], "Most replicas."),
    claim("rendered.replicas_initial", Number, &["service"], "Replicas at the first start."),
    claim("rendered.scale_cpu", Share, &["service"], "Target of CPU used over CPU requested."),
    claim("rendered.scale_memory", Share, &["service"], "Target of memory used over memory requested."),
    claim("rendered.scale_up_hold", Time, &["service"], "Stabilisation before growing."),
    claim("rendered.scale_down_hold", Time, &["service"], "Stabilisation before shrinking."),
    claim("rendered.scale_down_step", Share, &["service"], "Most that one period takes away."),
    claim("rendered.cpu_request", Cpu, &["service", "resource"], "CPU that a replica can count on."),
    claim("rendered.cpu_limit", Cpu, &["service", "resource"], "CPU that a replica is held to."),
    claim("rendered.memory_request", Bytes, &["service", "resource"], "Memory that a replica can count on."),
    claim("rendered.memory_limit", Bytes, &["service", "resource"], "Memory that a replica is held to."),
    claim("rendered.memory", Bytes, &["resource"], "Memory for the resource's data (`maxmemory` of Redis)."),
    claim("rendered.probes", Number, &["service"], "Kinds of probes: startup, readiness, liveness."),
    claim("rendered.port", Number, &["service"],
        "Number of a port, the same in every document that has it.").with("the port's name"),
    claim("rendered.service_type", Text, &["service"], "Type of the Service object."),
    claim("rendered.disruption_keep", Number, &["service"], "Ready replicas that a drain of machines has to leave."),
    claim("rendered.surge", Number, &["app"], "Replicas above the wanted count that a change may have."),
    claim("rendered.unavailable", Number, &["app"], "Replicas below the wanted count that a change may have."),
    claim("rendered.ingress", Text, &["edge"], "Class of the edge."),
    claim("rendered.pod_security", Text, &["app"], "Pod Security Admission level of the namespace."),
    claim("rendered.vpa", Text, &["app"], "What a vertical autoscaler may do."),
    claim("rendered.log_keep", Time, &["service"], "How long a replica's logs are kept."),
    claim("rendered.operational_keep", Time, &["app"], "How long operational data is kept."),
    claim("rendered.audit_keep", Time, &["app"], "How long the audit trail is kept, at least."),
    claim("rendered.schedule", Text, &["backup", "job"], "When it runs, as a cron entry."),
    claim("rendered.incremental", Text, &["backup"], "When incremental backups are taken, as a cron entry."),
    claim("rendered.backup_keep", Time, &["backup"], "How long each backup is kept."),
    claim("rendered.engine", Text, &["resource"], "What the resource is."),
    claim("rendered.read_replicas", Number, &["resource"], "Copies that answer reads."),
    claim("rendered.panels", Number, &["app"],
        "Panels of dashboards that have a query.").maybe("dashboards, separated by blanks; all unless given"),
    claim("rendered.pipeline", Truth, &["app"],
        "Whether the delivery pipeline has these stages, in an order that their needs allow.")
        .with("stages, separated by blanks"),
    claim("rendered.branches", Truth, &["app"],
        "Whether a push to a branch deploys to its environment.").with("`branch>environment`, separated by blanks"),
    claim("rules.findings", Number, &["app", "service", "resource", "edge"],
        "Findings of severity error or warning.")
        .maybe("a rule, a group of rules or a standard; all rules unless given"),
    claim("rules.coverage", Share, &["app"],
        "Controls of a standard that a rule or an experiment decides, over those that apply.").with("the standard"),
    claim("docs.failed_commands", Number, &["app", "edge"],
        "Commands in the rendered documents that fail when they are run.").maybe("a chapter; all unless given"),
];
