//! Owns replicas on one machine: a pure state machine, the loop that drives it, runners and the shim.
//!
//! Must not know: HTTP, releases.
