//! Pushes images to an OCI registry and pulls them from one (distribution-spec 1.1), written on four calls.
//!
//! A registry is believed in nothing: every byte that comes is bounded and verified by the digest it was asked for,
//! redirects and `Location`s stay on encrypted connections (plain HTTP only to this machine, or to a registry for which
//! it was asked), and credentials go to the registry itself and to the token server that it names, never along with a
//! redirect. A broken connection is resumed where it broke, on a push by asking the upload's status, on a pull with
//! `Range`; how often is bounded. A manifest is sent after its blobs, and named in the layout by the caller after it is
//! there with all it names: whatever breaks, nothing half-written can be seen, and the next run goes on from the blobs
//! that arrived.
//!
//! Reading order: [`reference`], [`credentials`], [`settings`], [`client`] (requests, redirects, retries), `auth`,
//! [`challenge`], [`headers`], `push`, `upload` (one blob), `pull`, `download` (one blob), `referrers`.

mod auth;
pub mod challenge;
pub mod client;
pub mod credentials;
mod download;
pub mod error;
pub mod headers;
mod pull;
mod push;
pub mod reference;
mod referrers;
pub mod settings;
mod upload;
mod url;

pub use client::Registry;
pub use credentials::Credentials;
pub use error::RegistryError;
pub use push::Pushed;
pub use reference::{Reference, ReferenceError};
pub use settings::{Access, Progress, Settings, Transport};
