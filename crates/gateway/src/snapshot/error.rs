//! What is wrong with a table.

use crate::cidr::CidrError;

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// A network.
    #[error("{of}: {source}")]
    Network {
        /// Where.
        of: String,
        /// Which.
        source: CidrError,
    },
    /// A header's name or value.
    #[error("{of}: `{text}` cannot stand in a header")]
    Header {
        /// Where.
        of: String,
        /// What.
        text: String,
    },
    /// A name that leads nowhere.
    #[error("route `{route}` names {kind} `{name}`, which the table does not have")]
    Missing {
        /// The route.
        route: String,
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A path that no request can match.
    #[error("route `{route}` has the path `{path}`, which is not in its normal form")]
    Path {
        /// The route.
        route: String,
        /// The path.
        path: String,
    },
    /// A name that no certificate can have.
    #[error("service `{service}`: `{name}` is no name of a server")]
    ServerName {
        /// The service.
        service: String,
        /// The name.
        name: String,
    },
}
