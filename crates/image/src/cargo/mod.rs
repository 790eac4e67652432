//! Cargo services: compiling to a static program whose bytes depend on its source alone, with the list of its crates
//! inside.
//!
//! Reading order: [`target`] (for which machine), [`metadata`] (what Cargo resolves), `lock` (checksums), [`deps`]
//! (the crate list), [`elf`] (putting it into the program), `compile`.

pub(crate) mod compile;
pub mod deps;
pub mod elf;
mod lock;
pub mod metadata;
pub mod target;

pub use target::Target;
