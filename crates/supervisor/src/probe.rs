//! How the supervisor asks whether a process is well. It knows no protocol: the target brings a [`Probe`].

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use plimsoll_bundle::endpoints::Address;
use plimsoll_bundle::local::{Probe as ProbeSpec, WarmUpSpec};

use crate::order::Order;

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Target {
    /// The id with its generation: `backend-2-17`.
    pub instance: String,
    /// Its orders.
    pub order: Arc<Order>,
    /// How to open a connection to each of its ports, by port name.
    pub ports: BTreeMap<String, Address>,
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Whether it has started.
    Startup(ProbeSpec),
    /// Whether it wants traffic.
    Readiness(ProbeSpec),
    /// Whether it lives.
    Liveness(ProbeSpec),
    /// The requests that warm it up, all of them.
    WarmUp(WarmUpSpec),
}

/// The answer: well, or what was wrong in a few words.
pub type Answer = Result<(), String>;

/// A future that can be sent to another thread.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Asks from outside the process, over its address.
///
/// The supervisor bounds each call with the time-out of the question and drops the future then, so an
/// implementation holds nothing that must be given back.
pub trait Probe: Send + Sync + fmt::Debug {
    /// Asks once.
    fn ask<'a>(&'a self, target: &'a Target, ask: &'a Ask) -> Answering<'a>;
}

/// A probe that finds everybody well; for processes without [`Order::health`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn ask<'a>(&'a self, _target: &'a Target, _ask: &'a Ask) -> Answering<'a> {
        Box::pin(async { Ok(()) })
    }
}
