//! Sockets of this machine: Unix sockets at any path length, frames, and file descriptors in messages.

pub mod dial;
pub mod fds;
pub mod frame;
pub mod handover;
pub mod unix;
