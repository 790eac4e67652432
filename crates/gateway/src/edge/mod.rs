//! What happens to a request, on one core.
//!
//! Reading order: [`check`] and [`path`] (what a request must be), [`route`] (where it goes), [`handle`] (the way
//! through), [`proxy`] and [`tunnel`] (to a replica and back), [`serve`] (connections), [`core`] (what a core has).

pub(crate) mod asked;
pub(crate) mod balance;
pub(crate) mod body;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod cohorts;
pub(crate) mod compress;
pub(crate) mod core;
pub(crate) mod cors;
pub(crate) mod dial;
pub(crate) mod endpoint;
pub(crate) mod exchange;
mod framing;
pub(crate) mod gate;
pub(crate) mod handle;
pub(crate) mod headers;
pub(crate) mod limit;
pub(crate) mod maintenance;
pub(crate) mod outgoing;
pub(crate) mod patience;
pub(crate) mod pool;
pub(crate) mod problem;
pub(crate) mod proxy;
pub(crate) mod request_body;
pub(crate) mod resp;
pub(crate) mod route;
pub(crate) mod serve;
pub(crate) mod shared_limit;
pub(crate) mod sockets;
pub(crate) mod stats;
pub(crate) mod sticky;
mod subject;
pub(crate) mod tally;
pub(crate) mod timers;
pub(crate) mod tunnel;
pub(crate) mod upstream;
pub(crate) mod values;
pub(crate) mod watch;
mod websocket;
