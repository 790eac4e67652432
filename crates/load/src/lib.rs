//! Owns requests as clients send them, and the count of what came of them.
//!
//! Must not know: claims, releases, printing.
//!
//! Reading order: [`address`] (where requests go), [`prober`] (the light, steady traffic of a client that watches a
//! change), [`tally`] (what came of it).

pub mod address;
mod connect;
mod http1;
pub mod prober;
pub mod tally;

pub use address::{Address, AddressError};
pub use connect::{Connector, ConnectorError};
pub use prober::{Prober, Skipped, Target};
pub use tally::{Build, Tally};
