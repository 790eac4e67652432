//! Owns the way from an `App` to a bundle; pure, and the same bytes for the same app.
//!
//! Must not know: the clock, the network, or what runs now.

pub mod local;
