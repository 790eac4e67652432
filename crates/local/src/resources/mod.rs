//! PostgreSQL and Redis from this machine's own packages, as supervised processes that listen on Unix sockets only.

use plimsoll_bundle::local::ResourceSpec;

/// Whether the resource is a process that this machine runs.
pub(crate) fn runs_here(resource: &ResourceSpec) -> bool {
    match resource {
        ResourceSpec::Postgres(_) | ResourceSpec::Redis(_) => true,
        ResourceSpec::Sqlite { .. } | ResourceSpec::External { .. } => false,
    }
}
