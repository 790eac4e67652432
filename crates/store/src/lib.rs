//! Owns the journal (append, fsync, checksum, replay) and versioned state files.
//!
//! Must not know: what it stores.
//!
//! Reading order: [`state`] (one document, replaced whole), [`journal`] (one record after the other), [`crash`] (the
//! seam through which tests kill the process at a record).

pub mod crash;
pub mod journal;
pub mod state;

pub use crash::CrashPoint;
pub use journal::{Journal, JournalError, Replay};
pub use state::StateError;
