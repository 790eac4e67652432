//! Owns plan, show, execute, undo; the strategies; the [`Target`] trait; releases.
//!
//! Must not know: Kubernetes, processes. Prints nothing: plans and progress are values.
//!
//! Reading order: [`release`] (what is deployed), [`observed`] and [`desired`] (where we are, where we want to be),
//! [`step`] (the verbs between them, each with its way back), [`strategy`], [`plan`] (pure), [`target`] (who acts),
//! [`judge`] (whether a canary is worse), [`watch`] (who looks on), [`record`] (what is written down), [`execute`],
//! [`audit`] (who did it), [`autoscale`] (how many replicas a load asks for).

pub mod audit;
pub mod autoscale;
pub mod desired;
pub mod execute;
pub mod judge;
pub mod observed;
pub mod plan;
pub mod record;
pub mod release;
pub mod schema;
pub mod step;
pub mod strategy;
pub mod target;
pub mod watch;

#[cfg(test)]
mod memory;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod seams;
#[cfg(test)]
mod stops;

pub use desired::{Desired, DesiredService};
pub use execute::{ExecuteError, Executor, Finished, Progress, Settled};
pub use observed::{Group, Observed, ObservedResource, Shifted};
pub use plan::{Plan, PlanError};
pub use record::{Standing, Unfinished};
pub use release::{Release, ReleaseId, ReleaseParts, SchemaRange};
pub use step::{Step, Swap};
pub use strategy::{CanaryStep, Strategy};
pub use target::{Fault, StepError, Target};
pub use watch::Watch;
