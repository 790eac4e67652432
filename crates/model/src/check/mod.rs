//! What arithmetic and cross-reading show of a whole app, one file per rule.
//!
//! To add a rule: a file with its [`Rule`] and its `check`, a line in [`RULES`], and a broken file under
//! `tests/broken/` that it is found in. A test fails when the last is missing.

mod alert_at_target;
mod approvals;
mod autoscaling;
mod availability;
mod backups;
mod bounds;
mod budget;
mod capacity;
mod claim_conflict;
mod claims;
mod disruption;
mod drain;
mod edge;
mod edges;
mod limit_under_load;
mod little;
mod measures;
mod needs_cycle;
mod objectives;
mod pages;
mod people;
mod pool;
mod ports;
mod probes;
mod recovery_point;
mod references;
mod rollout;
mod routes;
mod savings;
mod secret_in_env;
mod secrets;
mod single_writer;
mod variables;
mod writable;

use crate::app::App;
use crate::draft::{Draft, Spots, join};

/// A rule: its code, and what it says.
#[derive(Debug)]
pub struct Rule {
    /// The code of its findings, stable for ever.
    pub code: &'static str,
    /// What it finds, as a phrase.
    pub title: &'static str,
    /// Why that is wrong, and what to do.
    pub explain: &'static str,
    check: fn(&mut Context<'_>),
}

/// What a rule reads, and what it says.
pub(crate) struct Context<'a> {
    app: &'a App,
    spots: &'a Spots,
    drafts: Vec<Draft>,
}

impl Context<'_> {
    fn say(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// Whether this is an environment for trying things out: small on purpose, with no promise to anybody.
    fn is_rehearsal(&self) -> bool {
        !matches!(self.app.environment.as_str(), "" | "production")
    }

    /// Whether the file itself gives a value, as against a default.
    fn is_given(&self, path: &str) -> bool {
        self.spots.is_given(path)
    }
}

/// `service.backend.scale.max` of its parts; a part that is a name may hold anything.
fn path(parts: &[&str]) -> String {
    parts
        .iter()
        .fold(String::new(), |path, part| join(&path, part))
}

/// Every rule, by code.
pub static RULES: &[Rule] = &[
    references::RULE,
    ports::RULE,
    variables::RULE,
    secrets::RULE,
    secret_in_env::RULE,
    needs_cycle::RULE,
    pool::RULE,
    bounds::RULE,
    disruption::RULE,
    single_writer::RULE,
    alert_at_target::RULE,
    recovery_point::RULE,
    limit_under_load::RULE,
    little::RULE,
    routes::RULE,
    probes::RULE,
    drain::RULE,
    rollout::RULE,
    capacity::RULE,
    autoscaling::RULE,
    objectives::RULE,
    pages::RULE,
    backups::RULE,
    savings::RULE,
    edge::RULE,
    availability::RULE,
    budget::RULE,
    edges::RULE,
    writable::RULE,
    people::RULE,
    approvals::RULE,
    measures::RULE,
    claims::RULE,
    claim_conflict::RULE,
];

/// Settles what needs the whole app, then runs every rule.
pub(crate) fn run(app: &mut App, spots: &Spots) -> Vec<Draft> {
    pool::settle(app);
    let mut context = Context {
        app,
        spots,
        drafts: Vec::new(),
    };
    for rule in RULES {
        (rule.check)(&mut context);
    }
    context.drafts
}
