//! Owns the edge: routes, TLS, limits, headers, health, balancing, weights, drain.
//!
//! Must not know: how replicas start.
//!
//! Reading order: [`control`] (what others tell the gateway, and how), [`run`] (the process), `hub` (documents in,
//! snapshots out), `snapshot` (table and endpoints, ready for use), `edge` (what happens to a request, on one
//! core), `health`, `tls`, `identity`, `metrics`, `access_log`; [`authority`] (certificates for names of this machine)
//! stands alone.

mod access_log;
pub mod authority;
mod cidr;
pub mod control;
mod edge;
mod health;
mod hub;
mod identity;
mod metrics;
mod random;
pub mod run;
mod samples;
mod snapshot;
mod status;
mod stored;
mod tls;

pub use run::{Gateway, RunError, Settings, run};
