//! Owns what gathers evidence, on a live app and on this machine, each with its negative control.
//!
//! Must not know: how a verdict is reached, printing.
//!
//! Reading order: [`attack`] (what a hostile program in a replica would try, one function each), [`doctor`] (makes each
//! attempt outside and inside a containment, and keeps what was observed).

pub mod attack;
pub mod doctor;
