//! What arithmetic and cross-reading show of a whole app, one file per rule.

use crate::app::App;
use crate::draft::{Draft, Spots};

/// What a rule reads, and what it says.
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    pub(crate) spots: &'a Spots,
    pub(crate) drafts: Vec<Draft>,
}

/// Runs every rule.
pub(crate) fn run(app: &mut App, spots: &Spots) -> Vec<Draft> {
    let context = Context {
        app,
        spots,
        drafts: Vec::new(),
    };
    context.drafts
}
