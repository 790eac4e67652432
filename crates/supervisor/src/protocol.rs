//! What a shim is asked over its socket: four verbs, frozen, because old shims meet new supervisors. Frames of
//! [`plimsoll_stdx::net::frame`]; only root and the shim's own user are answered.

use serde::{Deserialize, Serialize};

use crate::record::ShimRecord;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Request {
    /// Who are you?
    Info,
    /// Send a signal to the program. A keeper that is sent SIGTERM, SIGINT, SIGQUIT or SIGKILL ends with it.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// Connect to this port where the program runs; the connected socket comes with the answer.
    Dial {
        /// The port on its loopback.
        port: u16,
    },
    /// Listen on this port where the program runs; the listening socket comes with the answer.
    Listen {
        /// The port on its loopback; 0 is chosen by the system.
        port: u16,
    },
    /// A keeper's listening sockets ([`plimsoll_stdx::net::handover`]); a shim refuses.
    Sockets,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Response {
    /// To [`Request::Info`].
    Info(Box<ShimRecord>),
    /// Done; a socket may come with it.
    Done,
    /// Not done.
    Refused {
        /// Why.
        reason: String,
    },
}
