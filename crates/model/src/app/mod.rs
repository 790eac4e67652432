//! The app: what a `plimsoll.toml` says for one environment, complete and checked.
//!
//! Every field has the name and the shape of its key in the file, every default is filled in, and an `Option` means
//! that absence says something. Writing an [`App`] as TOML gives a file that parses to an equal [`App`].

mod about;
mod approval;
mod backup;
mod build;
mod claim;
mod compose;
mod contact;
mod cost;
mod edge;
mod health;
mod job;
mod kubernetes;
mod limit;
mod load;
mod needs;
mod observability;
mod page;
mod pipeline;
mod platform;
mod resource;
mod retention;
mod rollout;
mod route;
mod scale;
mod secret;
mod service;
mod slo;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use about::{About, Review};
pub use approval::{Approval, Moment, Objection, Window};
pub use backup::{Backup, BackupSink, Drill, Files, OffSite};
pub use build::{Build, CargoBuild, CommandBuild, DockerBuild, ImageBuild, StaticBuild};
pub use claim::{Attested, Claim, Measured, Standing};
pub use compose::Compose;
pub use contact::{Contact, Escalation, OnCall};
pub use cost::{Budget, Cost, Saving};
pub use edge::{
    Csp, Edge, Encoding, FrameOption, Headers, Issuer, Maintenance, Referrer, Tls, TlsVersion,
};
pub use health::{Check, Health, Liveness, Readiness, Startup, WarmUp};
pub use job::{Job, JobFailure};
pub use kubernetes::{GatewayClass, Kubernetes, NetworkDefault, PodSecurity, VpaMode};
pub use limit::{Limit, LimitKey};
pub use load::{LimiterMode, Load, LoadProfile};
pub use needs::{Need, Over, Pool, SecretMeans, SecretUse};
pub use observability::{
    Alerting, Dashboard, Errors, LogStore, Metrics, Observability, Panel, Tracing,
};
pub use page::{Page, PageProfile};
pub use pipeline::{Pipeline, PipelineStage};
pub use platform::{Capacity, Platform};
pub use resource::{DataClass, Replicas, Resource, ResourceKind};
pub use retention::Retention;
pub use rollout::{CanaryStep, Judge, Rollout, Sticky, Strategy};
pub use route::{Cache, Cors, Route};
pub use scale::{CpuBudget, Disruption, MemoryBudget, Scale, ScaleDown, ScaleUp, Spread};
pub use secret::{Generate, Secret};
pub use service::{
    Drain, LogFormat, Logs, MetricsEndpoint, Migrate, Seed, Service, Volume, VolumeAccess,
};
pub use slo::{Alert, Channel, Notify, Severity, Slo};

/// What one `plimsoll.toml` describes, in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The environment that this is the app of; empty is the file without any overlay. Not a key of the file.
    #[serde(skip)]
    pub environment: String,
    /// The version of the grammar that the file is written in.
    #[serde(rename = "plimsoll")]
    pub grammar: u32,
    /// Name, owner, reviews.
    #[serde(rename = "app")]
    pub about: About,
    /// Long-running programs and folders of static files.
    #[serde(rename = "service")]
    pub services: BTreeMap<String, Service>,
    /// What the app needs and does not build.
    #[serde(rename = "resource")]
    pub resources: BTreeMap<String, Resource>,
    /// Secret values, by name only.
    #[serde(rename = "secret")]
    pub secrets: BTreeMap<String, Secret>,
    /// Listeners, TLS and headers of the gateway.
    pub edge: Edge,
    /// Rate limits.
    #[serde(rename = "limit")]
    pub limits: BTreeMap<String, Limit>,
    /// Host and path to service.
    #[serde(rename = "route")]
    pub routes: BTreeMap<String, Route>,
    /// Programs that run to their end, at times.
    #[serde(rename = "job")]
    pub jobs: BTreeMap<String, Job>,
    /// How a release replaces the one before.
    pub rollout: Rollout,
    /// Backups, by the resource or volume that they save.
    #[serde(rename = "backup")]
    pub backups: BTreeMap<String, Backup>,
    /// How long data is kept.
    pub retention: Retention,
    /// Objectives over time.
    #[serde(rename = "slo")]
    pub slos: BTreeMap<String, Slo>,
    /// Alerts.
    #[serde(rename = "alert")]
    pub alerts: BTreeMap<String, Alert>,
    /// Where notices go.
    pub notify: BTreeMap<String, Notify>,
    /// Metrics, traces, logs, dashboards.
    pub observability: Observability,
    /// Budgets of pages in a browser, by path.
    #[serde(rename = "page")]
    pub pages: BTreeMap<String, Page>,
    /// Sign-offs of people.
    #[serde(rename = "approval")]
    pub approvals: BTreeMap<String, Approval>,
    /// People and rooms.
    #[serde(rename = "contact")]
    pub contacts: BTreeMap<String, Contact>,
    /// Who is called when, by step.
    #[serde(rename = "escalation")]
    pub escalations: BTreeMap<String, Escalation>,
    /// Who is on call, by week.
    pub on_call: BTreeMap<String, OnCall>,
    /// Load scenarios.
    #[serde(rename = "load")]
    pub loads: BTreeMap<String, Load>,
    /// Stages of the delivery pipeline that `render ci` writes.
    pub pipeline: Pipeline,
    /// What the Kubernetes target needs to know.
    pub kubernetes: Kubernetes,
    /// What the Compose target needs to know.
    pub compose: Compose,
    /// Machines: the smallest and the recommended.
    pub platform: Platform,
    /// Prices and budgets.
    pub cost: Cost,
    /// Promises with a bound, by id.
    pub claims: BTreeMap<String, Claim>,
}
