//! The control socket `gateway/control.sock`: how the local target tells the gateway what to route and where.
//!
//! Every message is a frame of `plimsoll_stdx::net::frame`; the first one in each direction is a hello. The
//! caller's uid must be the gateway's own, or root's.

mod client;
pub(crate) mod server;
pub(crate) mod wire;

pub use client::{Client, ControlError};
pub use wire::{
    Drained, EndpointStatus, Health, Hello, Info, Pause, Refusal, RouteStatus, Sample, Status,
    TlsStatus,
};

/// The socket's name in the gateway's folder.
pub const SOCKET: &str = "control.sock";
