//! Owns `plimsoll.toml` to [`App`]: grammar, parse, overlays, all mistakes in one run.
//!
//! Must not know: targets, command-line flags, environment variables. No I/O and no clock.
//!
//! In reading order: [`parse()`] reads the text as a `tree`, lays `overlay`s over it, goes through it with the
//! [`grammar`] (`walk`, `derived`), and lets every rule of `check` read the result, an [`App`].

pub mod alert;
pub mod app;
pub mod grammar;
pub mod init;
pub mod measure;
pub mod units;

mod check;
mod derived;
mod draft;
mod overlay;
mod parse;
mod reference;
mod schema;
mod suggest;
mod tree;
mod walk;

pub use app::App;
pub use check::{RULES, Rule};
pub use parse::{Parsed, environments, parse};
pub use reference::reference;
pub use schema::schema;
