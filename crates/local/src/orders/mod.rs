//! From documents to orders: what the supervisor is told to run.

pub(crate) mod edges;
mod empty;
mod ground;
mod inside;
pub(crate) mod keeper;
pub(crate) mod layout;
pub(crate) mod needs;
pub(crate) mod program;
pub(crate) mod tool;
pub(crate) mod uids;
