//! Owns the journal (append, fsync, checksum, replay) and versioned state files.
//!
//! Must not know: what it stores.
