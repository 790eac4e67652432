//! What the rendered documents say, read back from them and never from the file: `rendered.`, `rules.`, `docs.`.

use super::{Measure, measure};
use crate::units::Dimension::{Bytes, Cpu, Number, Share, Text, Time, Truth};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("rendered.files", Truth, &["app", "service"], "Whether these documents are rendered and valid for their kind.").with("paths below the output, separated by blanks"),
    measure("rendered.kinds", Truth, &["app", "edge"], "Whether objects of these kinds are among the documents.").with("kinds, separated by blanks"),
    measure("rendered.placeholders", Number, &["app"], "Places in the documents that somebody would have to edit by hand."),
    measure("rendered.secrets", Number, &["app"], "Findings of the secret scan over the documents and the repository."),
    measure("rendered.replicas_min", Number, &["service"], "Least replicas."),
    measure("rendered.replicas_max", Number, &["service"], "Most replicas."),
    measure("rendered.replicas_initial", Number, &["service"], "Replicas at the first start."),
    measure("rendered.scale_cpu", Share, &["service"], "Target of CPU used over CPU requested."),
    measure("rendered.scale_memory", Share, &["service"], "Target of memory used over memory requested."),
    measure("rendered.scale_up_hold", Time, &["service"], "Stabilisation before growing."),
    measure("rendered.scale_down_hold", Time, &["service"], "Stabilisation before shrinking."),
    measure("rendered.scale_down_step", Share, &["service"], "Most that one period takes away."),
    measure("rendered.cpu_request", Cpu, &["service", "resource"], "CPU that a replica can count on."),
    measure("rendered.cpu_limit", Cpu, &["service", "resource"], "CPU that a replica is held to."),
    measure("rendered.memory_request", Bytes, &["service", "resource"], "Memory that a replica can count on."),
    measure("rendered.memory_limit", Bytes, &["service", "resource"], "Memory that a replica is held to."),
    measure("rendered.memory", Bytes, &["resource"], "Memory for the resource's data (`maxmemory` of Redis)."),
    measure("rendered.probes", Number, &["service"], "Kinds of probes: startup, readiness, liveness."),
    measure("rendered.port", Number, &["service"], "Number of a port, the same in every document that has it.").with("the port's name"),
    measure("rendered.service_type", Text, &["service"], "Type of the Service object."),
    measure("rendered.disruption_keep", Number, &["service"], "Ready replicas that a drain of machines has to leave."),
    measure("rendered.surge", Number, &["app"], "Replicas above the wanted count that a change may have."),
    measure("rendered.unavailable", Number, &["app"], "Replicas below the wanted count that a change may have."),
    measure("rendered.ingress", Text, &["edge"], "Class of the edge."),
    measure("rendered.pod_security", Text, &["app"], "Pod Security Admission level of the namespace."),
    measure("rendered.vpa", Text, &["app"], "What a vertical autoscaler may do."),
    measure("rendered.log_keep", Time, &["service"], "How long a replica's logs are kept."),
    measure("rendered.operational_keep", Time, &["app"], "How long operational data is kept."),
    measure("rendered.audit_keep", Time, &["app"], "How long the audit trail is kept, at least."),
    measure("rendered.schedule", Text, &["backup", "job"], "When it runs, as a cron entry."),
    measure("rendered.incremental", Text, &["backup"], "When incremental backups are taken, as a cron entry."),
    measure("rendered.backup_keep", Time, &["backup"], "How long each backup is kept."),
    measure("rendered.engine", Text, &["resource"], "What the resource is."),
    measure("rendered.read_replicas", Number, &["resource"], "Copies that answer reads."),
    measure("rendered.panels", Number, &["app"], "Panels of dashboards that have a query.").maybe("dashboards, separated by blanks; all unless given"),
    measure("rendered.pipeline", Truth, &["app"], "Whether the delivery pipeline has these stages, in an order that their needs allow.").with("stages, separated by blanks"),
    measure("rendered.branches", Truth, &["app"], "Whether a push to a branch deploys to its environment.").with("`branch>environment`, separated by blanks"),
    measure("rules.findings", Number, &["app", "service", "resource", "edge"], "Findings of severity error or warning.").maybe("a rule, a group of rules or a standard; all rules unless given"),
    measure("rules.coverage", Share, &["app"], "Controls of a standard that a rule or an experiment decides, over those that apply.").with("the standard"),
    measure("docs.failed_commands", Number, &["app", "edge"], "Commands in the rendered documents that fail when they are run.").maybe("a chapter; all unless given"),
];
