//! Owns atomic file writes, fsync'd directories, clock, backoff, sockets and frames on this machine, and what
//! `/proc` says of processes.
//!
//! Must not know: any word of DESIGN.md section 2 (service, replica, release, ...).
//!
//! Reading order: [`fs`] (durable bytes), [`lock`] (one owner per directory), [`clock`] and [`backoff`] (time),
//! [`random`], [`net`] (Unix sockets by directory and name, frames, file descriptors in messages), [`process`]
//! (who is alive) and [`usage`] (what a tree of processes uses).

pub mod backoff;
pub mod clock;
pub mod fs;
pub mod lock;
pub mod net;
pub mod process;
pub mod random;
pub mod usage;
