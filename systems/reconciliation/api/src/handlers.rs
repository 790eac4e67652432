//! The routes of `API.md`, one file for each kind of thing.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod dashboard;
pub(crate) mod exceptions;
pub(crate) mod export;
pub(crate) mod matches;
pub(crate) mod platform;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod sources;
mod standing;
pub(crate) mod transactions;
pub(crate) mod uploads;
pub(crate) mod users;
mod why;
pub(crate) mod ws;

use axum::response::Response;

/// What a handler returns.
pub(crate) type Answer = Result<Response, systems_kit::problem::Problem>;
