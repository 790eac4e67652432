//! What arithmetic and simulation show, fed by the documents and by measured inputs: `model.` and `cost.`.

use super::{Measure, claim};
use crate::units::Dimension::{Bytes, Cpu, Money, Number, Share, Text, Time, Truth};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("model.limit_ratio", Share, &["service"],
        "Memory limit over the measured use of the plainly built service, in bytes on both sides."),
    claim("model.idle_memory", Share, &["service"], "Measured memory of an idle replica over its request."),
    claim("model.qos", Text, &["service"],
        "Quality-of-service class that Kubernetes gives: `Guaranteed`, `Burstable`, `BestEffort`."),
    claim("model.drain_ready", Number, &["service"],
        "Fewest ready replicas in a simulated drain of every machine in turn."),
    claim("model.replicas_per_node", Number, &["service"],
        "Most replicas on one machine that a simulated scheduler reaches with as many machines as replicas."),
    claim("model.scale_trace", Truth, &["service"],
        "Whether the simulated autoscaler follows a load without hitting a bound that the load does not call \
         for."),
    claim("model.scale_down_step", Share, &["service"],
        "Most that the simulated autoscaler takes away in one period."),
    claim("model.scale_cost", Truth, &["service"],
        "Whether scaling costs less than running the most replicas all the time, over the same load."),
    claim("model.connections", Number, &["resource"],
        "Connections that replicas of all services can open at once, surge and both colours counted, with the \
         reserve.").maybe("a pool's size to assume; the app's own unless given"),
    claim("model.writers", Number, &["resource"],
        "Replicas that can write at once.").maybe("an engine to assume; the app's own unless given"),
    claim("model.rpo", Time, &["backup"],
        "Most data that a loss at the worst moment takes.").maybe("`increments`: without the log"),
    claim("model.limited_share", Share, &["limit"],
        "Share of a load that the limit refuses when each user has one bucket."),
    claim("model.requests_cpu", Cpu, &["app"],
        "CPU that all replicas, resources and monitoring ask for.")
        .with("`minimum`: at the least replicas; `recommended`: at the most"),
    claim("model.requests_memory", Bytes, &["app"], "Memory that they ask for.").with("as for `model.requests_cpu`"),
    claim("model.requests_storage", Bytes, &["app"], "Disk that they ask for.").with("as for `model.requests_cpu`"),
    claim("model.network_closed", Truth, &["app"],
        "Whether every pair of pods without a declared edge is denied in both directions, name service allowed."),
    claim("model.network_edges", Truth, &["app"],
        "Whether the graph of allowed connections is exactly this one.").with("`from>to`, separated by blanks"),
    claim("cost.saving", Money, &["app"],
        "Saving in a month, computed from prices and measured use.").with("a name of `cost.saving`"),
    claim("cost.saving_sum", Money, &["app"],
        "Sum of the savings that a saving says it sums.").with("a name of `cost.saving`"),
    claim("cost.storage_saved", Share, &["app"], "Saving in storage of images, of what plainly built ones take."),
    claim("cost.network_saved", Share, &["app"], "Saving in bytes pulled, of what plainly built images take."),
    claim("cost.price_dated", Truth, &["app"],
        "Whether every price that the report uses has a day and a source.").with("the price table"),
    claim("cost.recommendations", Truth, &["app"],
        "Whether the report recommends requests and limits from measured percentiles, and says by how much they \
         differ."),
    claim("cost.month", Money, &["app"], "Cost of a month, by the price table."),
    claim("cost.per_thousand", Money, &["app", "route"], "Cost of a thousand requests."),
];
