//! The whole service over HTTP, with a real PostgreSQL and Redis.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers stop at the first surprise too"
)]

mod figures;
mod logins;
mod migrations;
mod needs;
mod people;
mod progress;
mod recovery;
mod refusals;
mod small_pool;
mod truth;
mod uploads;
