//! Secrets on their way to a process: never in its orders, never in an argument, never on disk.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::order::Order;

/// The secrets of one process, in clear. They travel through a pipe and are not printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Content by file name below [`Order::secrets_dir`]; the files are 0400 and the process's own.
    pub files: BTreeMap<String, String>,
    /// Value by variable, for programs that can do no better.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&String> = self.files.keys().collect();
        let env: Vec<&String> = self.env.keys().collect();
        formatter
            .debug_struct("Secrets")
            .field("files", &files)
            .field("env", &env)
            .finish()
    }
}

/// Why a secret is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secrets of {id} are not to be had: {reason}")]
pub struct SecretError {
    /// Whose.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Where the supervisor finds the secrets of a process whenever it starts one, also one whose first start was
/// ordered by an earlier supervisor.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The secrets that belong to `order`. Called on a blocking thread.
    fn secrets_for(&self, order: &Order) -> Result<Secrets, SecretError>;
}

/// A source without secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretSource for NoSecrets {
    fn secrets_for(&self, _order: &Order) -> Result<Secrets, SecretError> {
        Ok(Secrets::default())
    }
}
