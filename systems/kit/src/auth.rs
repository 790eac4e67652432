//! Login: who someone is, for how long, and what the role allows.
//!
//! Reading order: [`password`] → [`token`] (access, with [`hs256`] below it) → [`refresh`] → [`lockout`] → [`access`].

pub mod access;
mod hs256;
pub mod lockout;
pub mod password;
pub mod refresh;
pub mod token;
