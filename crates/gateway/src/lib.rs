//! Owns the edge: routes, TLS, limits, headers, health, balancing, weights, drain.
//!
//! Must not know: how replicas start.
