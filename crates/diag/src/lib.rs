//! Owns findings with spans and fixes, and their human and JSON output.
//!
//! Must not know: any rule, any grammar.
