//! Owns the edge: routes, TLS, limits, headers, health, balancing, weights, drain.
//!
//! Must not know: how replicas start.
//!
//! Reading order: [`control`] (what others tell the gateway, and how), [`authority`] (certificates for names of
//! this machine).

pub mod authority;
pub mod control;
