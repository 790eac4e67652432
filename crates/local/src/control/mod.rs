//! The supervisor's control socket: frames of JSON between a command and the daemon of one environment.
//!
//! A connection begins with a hello. Then the caller asks, one question at a time, and the daemon answers with any
//! number of events and one ending. Questions that change something carry the epoch that the hello told: a daemon
//! that came to life later refuses them.

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod wire;

/// The socket's name in the environment's directory.
pub(crate) const SOCKET: &str = "supervisor.sock";
