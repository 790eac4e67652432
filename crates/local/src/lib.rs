//! Owns the local target: one machine, embedded.
//!
//! Must not know: rules, rendering.
