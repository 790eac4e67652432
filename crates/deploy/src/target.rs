//! Who acts: this machine, Docker Compose or Kubernetes.

use crate::{Observed, Step};

/// Where releases run. The planner and the executor know nothing of a target but this.
///
/// | | this machine | Docker Compose | Kubernetes |
/// |---|---|---|---|
/// | `observe` | the supervisor's status | labels of containers, the project's state file | labels of objects |
/// | `Resource` | a supervised PostgreSQL or Redis | a service with a volume | a StatefulSet, or an external address |
/// | `Listen` | keeper and gateway | the proxy's published ports | Service and Ingress |
/// | `Rehearse` | a job on a copy of the database | the same, in the database's container | a Job on a copy |
/// | `Migrate`, `Seed` | a job under a shim | `compose run --rm` | a Job |
/// | `Scale` | replicas of one revision, drained | a service per revision, `--scale` | a Deployment's `replicas` |
/// | `Route` | `table.put` on the gateway | the proxy's file, reloaded | Ingress or HTTPRoute |
/// | `Shift` | weights in one endpoints document | weights in the proxy's file | weights of an HTTPRoute |
/// | `Judge` | samples of the gateway | samples of the gateway in front | samples of the gateway in the cluster |
/// | `Promote`, `Cool` | cohorts in `state.json` | labels | labels, which selectors do not name |
/// | `Commit` | `state.json` | the state file | an annotation |
///
/// The strategies, by what they ask of a target: rolling and recreate need nothing but `Scale` and `Route` (on
/// Kubernetes a Deployment's own rolling update is not used, because its way back knows neither the table nor the
/// other services); canary and blue-green need cohorts side by side: on this machine in the endpoints document, with
/// Compose as a service per cohort behind the gateway, on Kubernetes as a Deployment and a Service per cohort behind
/// one HTTPRoute with weights. A target without weights (an Ingress) can do blue-green, whose shares are 0 and 1000,
/// and refuses a canary.
///
/// A target applies documents that were rendered before. It builds none.
pub trait Target {
    /// What there is now. Changes nothing.
    fn observe(&mut self) -> Result<Observed, StepError>;

    /// Brings about where `step` ends, and returns when it is so. Applied again it changes nothing. On an error, and
    /// when the caller dies, the step may be half done: it is then applied again or undone.
    fn apply(&mut self, step: &Step) -> Result<(), StepError>;

    /// Takes `step` back, whether it was done, half done or not begun.
    fn undo(&mut self, step: &Step) -> Result<(), StepError> {
        step.inverse()
            .map_or(Ok(()), |inverse| self.apply(&inverse))
    }
}

/// Whose fault a failure is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The user's app falls short: exit 1.
    App,
    /// Wrong usage, or something of the user's machine is missing: exit 2.
    Usage,
    /// Ours: exit 3.
    Ours,
}

impl Fault {
    /// The exit code of this class.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::App => 1,
            Self::Usage => 2,
            Self::Ours => 3,
        }
    }
}

/// Why a target could not do a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What happened, as a phrase.
    pub message: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// Whose fault it is.
    pub fault: Fault,
}
