//! Owns the journal (append, fsync, checksum, replay), versioned state files, and logs whose lines are chained.
//!
//! Must not know: what it stores.
//!
//! Reading order: [`state`] (one document, replaced whole), [`journal`] (one record after the other), [`chain`]
//! (records that cannot be changed unseen), [`crash`] (the
//! seam through which tests kill the process at a record).

pub mod chain;
pub mod crash;
pub mod journal;
pub mod state;

pub use crash::CrashPoint;
pub use journal::{Journal, JournalError, Replay};
pub use state::StateError;
