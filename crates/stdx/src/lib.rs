//! Owns atomic file writes, fsync'd directories, clock, bounded queues, backoff, process spawning.
//!
//! Must not know: any word of DESIGN.md section 2 (service, replica, release, ...).
