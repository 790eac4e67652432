//! Owns replicas on one machine: a pure state machine, the loop that drives it, runners and the shim.
//!
//! Must not know: HTTP, releases.
//!
//! Reading order: [`order`] (what to run), [`machine`] (the life of one process, pure), [`probe`] and [`secrets`] (what
//! the target brings), [`runner`] (how a process is really run), [`runtimes`] (who else may contain it), [`record`] and
//! [`protocol`] (what a shim writes and answers), `cgroup` (limits by the kernel), [`shim`] and [`keeper`] (what stands
//! above every program), `relay` (what carries the connections of one), [`logs`] (reading captured output), [`driver`]
//! (the loop: [`Supervisor`]), [`dispatch`] (the hidden verbs of the binary), [`attack_calls`] (what an attack on all
//! this needs `unsafe` for).

pub mod attack_calls;
mod cgroup;
pub mod dispatch;
pub mod driver;
pub mod keeper;
pub mod logs;
pub mod machine;
pub mod order;
pub mod probe;
pub mod protocol;
pub mod record;
mod relay;
pub mod runner;
pub mod runtimes;
pub mod secrets;
pub mod shim;

pub use cgroup::{GroupUsage, Hierarchies};
pub use driver::{Config, JobExit, Notice, ProcessStatus, SuperviseError, Supervisor};
pub use order::{Kind, Order};
pub use record::IsolationClass;
pub use runner::{ProcessRunner, Runner};
