//! The `plimsoll` binary: arguments, settings, wiring and printing.
//!
//! Must not know: anything another surface (an API, a dashboard) would want.

fn main() {}
