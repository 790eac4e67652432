//! What the shim tells process 1 of a container, over a socket that is its standard input.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::order::Order;

/// What is not in the runtime's configuration, which lies on a disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// What is still to be applied, and what was.
    pub(super) order: Order,
    /// Secrets that the program gets as variables.
    pub(super) secrets: BTreeMap<String, String>,
    /// The namespaces of this machine, which the program's must not be.
    pub(super) outside: BTreeMap<String, u64>,
}
