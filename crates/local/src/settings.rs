//! What the binary tells this crate: nothing here is read from the environment by the crate itself.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_store::CrashPoint;
use plimsoll_supervisor::runtimes::RuntimeError;

/// Complete settings of the local target.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The executable that is started again as `__supervisor`, `__shim`, `__keeper` and `__gateway`.
    pub tool: PathBuf,
    /// Its version, as recorded in releases.
    pub tool_version: String,
    /// The file of the key that secrets are encrypted with; created at first use. Outside the state directory.
    pub key_file: PathBuf,
    /// Where short paths to sockets are kept when processes share our mount namespace.
    pub runtime_dir: PathBuf,
    /// The OCI runtime that contains replicas and jobs, or why the one that was chosen cannot be used; only what starts
    /// them asks. `None`: they are contained by us.
    pub runtime: Option<Result<PathBuf, RuntimeError>>,
    /// How long one step of a deploy may take before the deploy is taken back.
    pub deadline: Duration,
    /// Kills this process at a record of the journal, in tests of debug builds.
    pub crash: Option<CrashPoint>,
}
