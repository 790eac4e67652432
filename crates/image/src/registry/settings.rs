//! What the caller decides.

use std::ops::ControlFlow;

use plimsoll_stdx::backoff::Backoff;

use super::Credentials;

/// Tries of one request, or of one blob without progress: with the waits below about half a minute, in which a registry
/// restarts.
const ATTEMPTS: u32 = 6;
const BACKOFF: Backoff = Backoff {
    base_ms: 500,
    cap_ms: 15_000,
};
/// Bytes of one part of a push: what a broken connection costs at the most, and small enough for the hosted registries
/// that bound a request (4 MiB is the smallest bound known). A registry may ask for more.
const CHUNK: u64 = 4 << 20;

/// What the connection to a registry needs beside its name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who we are; nothing for anonymous access.
    pub credentials: Option<Credentials>,
    /// Certificates (PEM, one or several) to trust beside Mozilla's list: the company's own authority.
    pub extra_authorities: Vec<u8>,
    /// Whether the connection is encrypted.
    pub transport: Transport,
    /// `http://host:port` of a proxy; the environment is not read here.
    pub proxy: Option<String>,
    /// Tries of one request, or of one blob without progress.
    pub attempts: u32,
    /// The waits between them. A registry's `Retry-After` wins.
    pub backoff: Backoff,
    /// Bytes of one part of a push.
    pub chunk: u64,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Encrypted, but for registries on this machine.
    Automatic,
    /// Encrypted, on this machine too.
    Encrypted,
    /// In the clear, because the user asked for it.
    Plain,
}

/// What is going to be done, for what the token must be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Pull from the repository.
    Pull,
    /// Push to it; blobs that `mount_from`, another repository of the same registry, has are not sent again.
    Push {
        /// A repository that may have some of the blobs.
        mount_from: Option<String>,
    },
}

/// How far a push or a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are where they should be, those that were there before included.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Called as bytes move; `Break` stops the transfer.
pub type Watch<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            credentials: None,
            extra_authorities: Vec::new(),
            transport: Transport::Automatic,
            proxy: None,
            attempts: ATTEMPTS,
            backoff: BACKOFF,
            chunk: CHUNK,
        }
    }
}
