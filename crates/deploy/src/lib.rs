//! Owns plan, show, execute, undo; the `Target` trait; releases.
//!
//! Must not know: Kubernetes, processes.
