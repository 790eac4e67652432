//! Owns `App` to bundle; pure and byte-deterministic.
//!
//! Must not know: clock, network, current state.
