//! Mistakes in a rule set, all found in one go.

use std::collections::HashSet;
use std::fmt;

use thiserror::Error;

use super::{BlockKey, Comparator, Field, Filter, OnAmbiguity, Pass, PassKind, RuleSet, Variance};

/// More passes than any set in use has (the default has five); each costs a walk over all open rows.
const MAX_PASSES: usize = 64;
/// A key of more parts than a transaction has fields says nothing new.
const MAX_BLOCK_KEYS: usize = 9;
/// Enough for every field twice.
const MAX_COMPARATORS: usize = 16;
/// One year and a day: further apart, two bookings are not the same event.
const MAX_WINDOW_DAYS: u16 = 366;
/// All of the amount, in hundredths of a percent.
const MAX_PCT_BP: u32 = 10_000;
/// Deep enough for any filter a person writes; keeps the walk over a row off the stack's end.
const MAX_FILTER_DEPTH: usize = 16;

/// One mistake in a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct RuleError {
    /// The name of the pass, empty if the mistake is of the set.
    pub pass: String,
    /// A JSON pointer into the document.
    pub pointer: String,
    /// What is wrong.
    pub problem: RuleProblem,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pass.is_empty() {
            write!(f, "{}: {}", self.pointer, self.problem)
        } else {
            write!(
                f,
                "pass {:?} ({}): {}",
                self.pass, self.pointer, self.problem
            )
        }
    }
}

/// What can be wrong with a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleProblem {
    /// Nothing would run.
    #[error("the rule set has no enabled pass")]
    NoPass,
    /// Too many of something.
    #[error("at most {most} are allowed")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// A name is missing or not unique.
    #[error("a pass needs a name that no other pass of the set has")]
    Name,
    /// A kind that this version cannot run.
    #[error("passes of kind {0} are not implemented yet; disable the pass or remove it")]
    KindNotImplemented(&'static str),
    /// A comparator that this version cannot run.
    #[error("the comparator {0} is not implemented yet; remove it or disable the pass")]
    ComparatorNotImplemented(&'static str),
    /// Any two amounts would match.
    #[error("nothing limits the difference of the amounts: block or compare by amount")]
    AmountNotLimited,
    /// Any two rows of the same amount would match.
    #[error("nothing ties the rows together but the amount: add a block key or a date window")]
    NothingInCommon,
    /// A field that cannot be a key together with the other.
    #[error(
        "{left} and {right} cannot be equal: one is text and the other is not, or they differ in type"
    )]
    FieldsDiffer {
        /// Field of the left row.
        left: &'static str,
        /// Field of the right row.
        right: &'static str,
    },
    /// A normaliser or a text test on a number or a date.
    #[error("{0} is no text")]
    NotText(&'static str),
    /// Beyond its bound.
    #[error("{what} must be at most {most}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The bound.
        most: u64,
    },
}

impl RuleSet {
    /// Every mistake in the set. Passes that are disabled are not looked into.
    pub fn validate(&self) -> Result<(), Vec<RuleError>> {
        let mut found = Findings::default();
        if self.enabled_passes().next().is_none() {
            found.add("/passes", RuleProblem::NoPass);
        }
        if self.passes.len() > MAX_PASSES {
            found.add("/passes", RuleProblem::TooMany { most: MAX_PASSES });
        }
        let mut names = HashSet::new();
        for (place, pass) in self.passes.iter().enumerate() {
            found.pass.clone_from(&pass.name);
            if pass.name.trim().is_empty() || !names.insert(&pass.name) {
                found.add(&format!("/passes/{place}/name"), RuleProblem::Name);
            }
            if pass.enabled {
                check_pass(pass, &format!("/passes/{place}"), &mut found);
            }
        }
        if found.errors.is_empty() {
            Ok(())
        } else {
            Err(found.errors)
        }
    }
}

#[derive(Default)]
struct Findings {
    pass: String,
    errors: Vec<RuleError>,
}

impl Findings {
    fn add(&mut self, pointer: &str, problem: RuleProblem) {
        let pass = self.pass.clone();
        self.errors.push(RuleError {
            pass,
            pointer: pointer.to_owned(),
            problem,
        });
    }

    fn limit(&mut self, pointer: &str, what: &'static str, value: u64, most: u64) {
        if value > most {
            self.add(pointer, RuleProblem::OutOfRange { what, most });
        }
    }
}

fn check_pass(pass: &Pass, at: &str, found: &mut Findings) {
    if pass.kind != PassKind::OneToOne {
        found.add(
            &format!("{at}/kind"),
            RuleProblem::KindNotImplemented(pass.kind.name()),
        );
        return;
    }
    if pass.block.len() > MAX_BLOCK_KEYS {
        found.add(
            &format!("{at}/block"),
            RuleProblem::TooMany {
                most: MAX_BLOCK_KEYS,
            },
        );
    }
    if pass.compare.len() > MAX_COMPARATORS {
        found.add(
            &format!("{at}/compare"),
            RuleProblem::TooMany {
                most: MAX_COMPARATORS,
            },
        );
    }
    for (place, key) in pass.block.iter().enumerate() {
        check_key(key, &format!("{at}/block/{place}"), found);
    }
    for (place, comparator) in pass.compare.iter().enumerate() {
        check_comparator(comparator, &format!("{at}/compare/{place}"), found);
    }
    for (name, filter) in [
        ("filter_left", &pass.filter_left),
        ("filter_right", &pass.filter_right),
    ] {
        if let Some(filter) = filter {
            check_filter(filter, &format!("{at}/{name}"), MAX_FILTER_DEPTH, found);
        }
    }
    if let OnAmbiguity::BestWithMargin { margin_pct } = pass.on_ambiguity {
        let pointer = format!("{at}/on_ambiguity/best_with_margin/margin_pct");
        found.limit(&pointer, "margin_pct", margin_pct.into(), 100);
    }
    if let Variance::Adjustment { max_minor, .. } = &pass.variance {
        let pointer = format!("{at}/variance/adjustment/max_minor");
        found.limit(&pointer, "max_minor", *max_minor, i64::MAX.cast_unsigned());
    }
    check_sense(pass, at, found);
}

/// A pass that lets anything match anything is a mistake, whatever its author had in mind.
fn check_sense(pass: &Pass, at: &str, found: &mut Findings) {
    let is_amount = |key: &BlockKey| key.field == Field::Amount;
    let limits_amount = pass.block.iter().any(is_amount)
        || pass.compare.iter().any(|comparator| match comparator {
            Comparator::Exact(key) => is_amount(key),
            Comparator::AmountTol(_) => true,
            Comparator::DateWindow(_)
            | Comparator::Text(_)
            | Comparator::Contains(_)
            | Comparator::RegexCapture(_) => false,
        });
    if !limits_amount {
        found.add(at, RuleProblem::AmountNotLimited);
    }
    let ties = |key: &BlockKey| !matches!(key.field, Field::Amount | Field::Ccy);
    let has_tie = pass.block.iter().any(ties)
        || pass.compare.iter().any(|comparator| match comparator {
            Comparator::Exact(key) => ties(key),
            Comparator::AmountTol(_) => false,
            Comparator::DateWindow(_)
            | Comparator::Text(_)
            | Comparator::Contains(_)
            | Comparator::RegexCapture(_) => true,
        });
    if !has_tie {
        found.add(at, RuleProblem::NothingInCommon);
    }
}

fn check_key(key: &BlockKey, at: &str, found: &mut Findings) {
    let (left, right) = (key.field, key.right());
    let is_date = |field| matches!(field, Field::BookingDate | Field::ValueDate);
    let alike = left == right
        || (left.text().is_some() && right.text().is_some())
        || (is_date(left) && is_date(right));
    if !alike {
        let problem = RuleProblem::FieldsDiffer {
            left: left.name(),
            right: right.name(),
        };
        found.add(at, problem);
    }
    if !key.norm.is_empty() && left.text().is_none() {
        found.add(&format!("{at}/norm"), RuleProblem::NotText(left.name()));
    }
}

fn check_comparator(comparator: &Comparator, at: &str, found: &mut Findings) {
    match comparator {
        Comparator::Exact(key) => check_key(key, &format!("{at}/exact"), found),
        Comparator::AmountTol(tolerance) => {
            let at = format!("{at}/amount_tol");
            let most = i64::MAX.cast_unsigned();
            found.limit(
                &format!("{at}/abs_minor"),
                "abs_minor",
                tolerance.abs_minor,
                most,
            );
            let pct_bp = u64::from(tolerance.pct_bp);
            found.limit(&format!("{at}/pct_bp"), "pct_bp", pct_bp, MAX_PCT_BP.into());
        }
        Comparator::DateWindow(window) => {
            let at = format!("{at}/date_window");
            for (name, days) in [("before", window.before), ("after", window.after)] {
                found.limit(
                    &format!("{at}/{name}"),
                    name,
                    days.into(),
                    MAX_WINDOW_DAYS.into(),
                );
            }
        }
        Comparator::Text(_) | Comparator::Contains(_) | Comparator::RegexCapture(_) => {
            found.add(at, RuleProblem::ComparatorNotImplemented(comparator.name()));
        }
    }
}

fn check_filter(filter: &Filter, at: &str, depth: usize, found: &mut Findings) {
    if depth == 0 {
        found.add(
            at,
            RuleProblem::TooMany {
                most: MAX_FILTER_DEPTH,
            },
        );
        return;
    }
    match filter {
        Filter::All(inner) | Filter::Any(inner) => {
            for filter in inner {
                check_filter(filter, at, depth - 1, found);
            }
        }
        Filter::Not(inner) => check_filter(inner, at, depth - 1, found),
        Filter::Text { field, .. } => {
            if field.text().is_none() {
                found.add(at, RuleProblem::NotText(field.name()));
            }
        }
        Filter::Amount { .. } | Filter::BookingDate { .. } | Filter::Ccy(_) => {}
    }
}

#[cfg(test)]
mod tests;
