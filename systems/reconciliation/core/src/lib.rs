//! The reconciliation engine: two sets of transactions in, every row in exactly one state out.
//!
//! **Owns** the reading of CSV into integer money ([`ingest`]), the row store ([`txn`]), the language of rules
//! ([`rules`]), the matching passes ([`engine`]) and the generator of test data with its truth ([`synth`]).
//!
//! **Must not know** files, sockets, databases, threads of a runtime, or what time it is. Input comes as
//! [`std::io::Read`], output goes to [`std::io::Write`], and the same input gives the same output on any machine.
//!
//! The path of a file: [`mapping::Mapping`] says how to read it, [`ingest::ingest`] turns it into a
//! [`txn::TxnStore`], two stores and a [`rules::RuleSet`] go into [`engine::run`], and an [`outcome::Outcome`] comes
//! back that says for each row which state it is in and why.

pub mod csv;
pub mod currency;
pub mod date;
pub mod encoding;
pub mod engine;
pub mod identity;
pub mod ingest;
pub mod mapping;
pub mod money;
pub mod normalise;
pub mod outcome;
pub mod rules;
pub mod synth;
pub mod txn;
mod word;
