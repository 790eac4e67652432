//! Owns `plimsoll.toml` to `App`: grammar, parse, overlays, all mistakes in one run.
//!
//! Must not know: targets, command-line flags, environment variables.
