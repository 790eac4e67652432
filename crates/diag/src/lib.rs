//! Owns findings with spans and fixes, and their human and JSON output.
//!
//! Must not know: any rule, any grammar.
//!
//! In reading order: [`span`] says where, [`finding`] what, [`report`] gathers findings and their sources; [`human`]
//! and [`json`] are its two outputs. Another output is another module beside them that takes a [`Report`].

pub mod finding;
pub mod human;
pub mod json;
pub mod report;
pub mod span;

pub use finding::{Edit, Finding, Fix, Label, Severity};
pub use report::Report;
pub use span::{LineIndex, Span};
