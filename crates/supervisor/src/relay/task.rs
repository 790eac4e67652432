//! What a shim tells the relay of its program, over a socket that is the relay's standard input; the listening sockets
//! come along, one for each edge. When the shim closes its end, the relay ends.

use serde::{Deserialize, Serialize};

use crate::order::{Edge, User};

/// What the relay is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    /// In the order of the sockets.
    pub(crate) edges: Vec<Edge>,
    /// Whom it becomes.
    pub(crate) user: Option<User>,
}

/// Its one word.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Answer {
    /// It accepts from here on.
    Ready,
    /// It ends.
    Failed {
        /// Why.
        reason: String,
    },
}
