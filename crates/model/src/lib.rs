//! Owns `plimsoll.toml` to [`App`]: grammar, parse, overlays, all mistakes in one run.
//!
//! Must not know: targets, command-line flags, environment variables. No I/O and no clock.

pub mod alert;
pub mod app;
pub mod units;

pub use app::App;
