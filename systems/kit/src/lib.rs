//! What every reference system offers the platform that runs it, written once.
//!
//! **Owns** the contract: settings from the environment, probes, metrics, log lines, request identity, problem
//! documents,
//! drain on SIGTERM, the database pool and its migrations, the Redis client, and login (passwords, tokens,
//! lockout, roles).
//! **Must not know** any system's domain: no table, route or role of one of them is named here.
//!
//! Reading order: [`config`] → [`platform`] → [`log`] → [`problem`] → [`request`] → [`body`] → [`probes`] →
//! [`metrics`] →
//! [`serve`] → [`db`] → [`migrate`] → [`cache`] → [`auth`].

pub mod auth;
pub mod body;
pub mod cache;
pub mod clock;
pub mod config;
pub mod db;
pub mod log;
pub mod metrics;
pub mod migrate;
pub mod needs;
pub mod platform;
pub mod probes;
pub mod problem;
pub mod request;
pub mod serve;
