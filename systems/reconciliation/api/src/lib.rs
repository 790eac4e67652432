//! The reconciliation service: HTTP, storage, sessions, progress and the background work around `recon-core`.
//!
//! **Owns** the routes of `API.md`, the tables of `migrations/`, and the jobs that replicas share. **Must not
//! know** how two rows
//! are matched or how a CSV line is read: that is `recon-core`, reached from [`ingest`], [`work`] and
//! `handlers::why` alone.
//!
//! Reading order: [`cli`] → [`settings`] → [`app`] → [`permissions`] → [`routes`] → `handlers` → [`ingest`] → [`work`].

pub mod app;
pub mod audit;
pub mod cli;
pub mod copy;
pub mod figures;
mod handlers;
pub mod ingest;
pub mod page;
pub mod permissions;
pub mod progress;
pub mod routes;
pub mod schema;
pub mod seed;
pub mod settings;
pub mod work;
