//! Why an image did not get to a registry or from it.

use std::io;

use crate::oci::OciError;

/// Why an image did not get to a registry or from it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The extra certificates are not what they should be.
    #[error("the extra certificate authorities are no PEM file of certificates")]
    Authorities,
    /// The proxy's address is none. It is not shown, because it may hold a password.
    #[error("the proxy's address cannot be understood; expected http://host:port")]
    Proxy,
    /// No connection, or one that broke, after all tries.
    #[error("cannot reach {registry} to {action}, after {attempts} tries")]
    Unreachable {
        /// The registry.
        registry: String,
        /// What was tried.
        action: String,
        /// How often.
        attempts: u32,
        /// The last failure.
        #[source]
        source: io::Error,
    },
    /// The registry was busy or broken at every try.
    #[error("{registry} could not {action}: it answered {status} at each of {attempts} tries{}", after(.detail))]
    Unavailable {
        /// The registry.
        registry: String,
        /// What was tried.
        action: String,
        /// The last status.
        status: u16,
        /// How often.
        attempts: u32,
        /// What it said.
        detail: String,
    },
    /// The registry does not let us.
    #[error("{registry} does not let {who} {action} ({status}){}", after(.detail))]
    Unauthorized {
        /// The registry.
        registry: String,
        /// `an anonymous user`, `this user`.
        who: &'static str,
        /// What was tried.
        action: String,
        /// 401 or 403.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// The registry does not have it.
    #[error("{registry} has no {what}")]
    NotFound {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
    },
    /// The registry refused.
    #[error("{registry} refuses to {action} ({status}){}", after(.detail))]
    Refused {
        /// The registry.
        registry: String,
        /// What was tried.
        action: String,
        /// Its answer.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// What came is not what was asked for.
    #[error("{what} from {registry} should be {expected} and is {found}")]
    Mismatch {
        /// `layer 2 of 3 (sha256:…)`.
        what: String,
        /// The registry.
        registry: String,
        /// Digest or size by name.
        expected: String,
        /// What came.
        found: String,
    },
    /// The registry breaks the protocol.
    #[error("{registry} broke the protocol on trying to {action}: {why}")]
    Protocol {
        /// The registry.
        registry: String,
        /// What was tried.
        action: String,
        /// Which rule it broke.
        why: String,
    },
    /// The layout or an image's documents.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// A blob of the layout cannot be read, or cannot be written to it.
    #[error("cannot use the layout's blob {blob}")]
    Blob {
        /// Its digest.
        blob: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Whoever watched has said stop.
    #[error("the transfer was stopped")]
    Stopped,
}

fn after(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}

impl RegistryError {
    /// Whether trying again later may help without anything being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } => true,
            Self::Authorities
            | Self::Proxy
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Mismatch { .. }
            | Self::Protocol { .. }
            | Self::Oci(_)
            | Self::Blob { .. }
            | Self::Stopped => false,
        }
    }
}
