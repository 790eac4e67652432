//! Owns the local target: one machine, embedded. State directory, secrets, PostgreSQL and Redis, the daemon of an
//! environment, and the [`plimsoll_deploy::Target`] that speaks to it.
//!
//! Must not know: rules, rendering.
//!
//! Reading order: [`local`] (the door: what a command can do), [`status`], [`event`] and [`logs`] (what it says),
//! `change` and `releases` (what deploys, and what can be gone back to), [`state`] (where things lie), `lease` (who
//! may change them), [`secrets`], `desired`, `target` and `judging` (the planner's view), `control` (how a command
//! speaks to the daemon), `daemon`, `orders`, `images`, `resources`.

mod change;
pub mod cleanup;
mod control;
pub mod daemon;
mod desired;
pub mod error;
pub mod event;
mod images;
mod in_force;
mod judging;
mod lease;
pub mod local;
pub mod logs;
mod orders;
pub mod outcome;
mod output;
mod ports;
mod probe;
mod release;
mod releases;
mod replace;
mod resources;
mod schema;
mod schema_gate;
pub mod secrets;
mod seed;
pub mod settings;
mod start;
pub mod state;
pub mod status;
mod sweep;
mod target;
mod unattended;

pub use cleanup::{Cleaned, Keep, cleanup};
pub use control::client::Cancel;
pub use error::LocalError;
pub use event::{Decision, Event, LogLine};
pub use in_force::{in_force, routes_in_force};
pub use local::Local;
pub use logs::LogFilter;
pub use outcome::{Data, DeployRequest, Ending, KeptRelease, Login, Outcome};
pub use secrets::{Alphabet, Secret, SecretPlan};
pub use settings::Settings;
pub use state::{EnvDir, StateDir};
pub use status::{Phase, ProcessKind, ProcessState, ProcessStatus, ServiceImage, Status};
