//! How many replicas a service should have: the Horizontal Pod Autoscaler of Kubernetes (`autoscaling/v2`), number for
//! number, as a pure function of what was seen.
//!
//! A service that runs here and there is then scaled alike in both. Three things are decided one after the other, and
//! each is in the [`Decision`] with what it was decided on:
//!
//! 1. **What the load asks for** ([`metric`]): for each metric `ceil(replicas × utilisation / target)`, unless the
//!    utilisation is within a tenth of the target; of several metrics the largest. A replica that cannot be judged yet,
//!    or of which nothing is known, counts so that it argues against a change, never for one.
//! 2. **What it has asked for lately**: down only to the highest of the last 300 s, up at once.
//! 3. **How fast**: up by the larger of 4 replicas and 100 % each 15 s, which is the default of Kubernetes; down by
//!    25 % each 60 s.
//!
//! After a start nothing is known of the last 300 s, so the count that is found stands for them.
//!
//! Floats are what Kubernetes computes with, and rounding is a part of the formula.

mod metric;
mod pace;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use metric::{Metric, Proposal, Resource, Ruling};
pub use pace::{Direction, Policy};

/// Between two looks, as Kubernetes has it.
pub const EVERY_MS: u64 = 15_000;
/// For a stabilisation window of five minutes 21 looks are kept; more would be of somebody who looks far too often.
const KEPT: usize = 1024;

/// What the file says of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Never fewer.
    pub min: u32,
    /// Never more; at least `min`.
    pub max: u32,
    /// What is aimed at. Without any, the count only stays between the bounds.
    pub metrics: Vec<Metric>,
    /// Upwards.
    pub up: Direction,
    /// Downwards.
    pub down: Direction,
}

impl Rules {
    /// With the windows and the pace that this module names.
    pub fn new(min: u32, max: u32, metrics: Vec<Metric>) -> Self {
        Self {
            min,
            max: max.max(min),
            metrics,
            up: Direction::up(),
            down: Direction::down(),
        }
    }
}

/// One replica as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Where it is in its life.
    pub standing: Standing,
    /// When it started, in milliseconds of the clock of [`Look::at_ms`].
    pub started_ms: u64,
    /// Whether it is ready to serve.
    pub ready: bool,
    /// When that changed last.
    pub since_ms: u64,
    /// CPU that it used, where two looks have seen it.
    pub cpu: Option<Cpu>,
    /// Memory that it uses and could not give back at once, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Where a replica is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does not run yet.
    Pending,
    /// It runs.
    Running,
    /// It has ended, or is about to: it counts for nothing.
    Leaving,
}

/// CPU over a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    /// In thousandths of one CPU.
    pub millis: u64,
    /// The end of the span.
    pub at_ms: u64,
    /// Its length.
    pub window_ms: u64,
}

/// Everything that was seen at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When, on any clock that only rises.
    pub at_ms: u64,
    /// How many replicas are asked for now.
    pub current: u32,
    /// Those that there are.
    pub replicas: Vec<Replica>,
}

/// What was decided, and on what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    pub at_ms: u64,
    /// From here.
    pub from: u32,
    /// To here.
    pub to: u32,
    /// What each metric asks for.
    pub proposals: Vec<Proposal>,
    /// Why it is not what the metrics ask for, or why none was asked.
    pub bounds: Vec<Bound>,
}

/// What moved a count away from what the load asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "bound", rename_all = "kebab-case")]
pub enum Bound {
    /// Nothing is asked for: zero replicas are how scaling is switched off.
    Off,
    /// The count was outside the bounds of the file.
    Outside,
    /// No metric is known, or one is not and the others ask for fewer.
    Unknown,
    /// Something else was asked for within the stabilisation window.
    Steady {
        /// What the load asks for now.
        asked: u32,
        /// What it has asked for that holds it back.
        recent: u32,
    },
    /// It may not change faster.
    Pace {
        /// The count that is reached at most, or at least.
        limit: u32,
    },
    /// The file allows no more.
    Max,
    /// The file allows no fewer.
    Min,
}

/// Scales one service.
#[derive(Debug, Clone, Default)]
pub struct Autoscaler {
    /// What was asked for, and when.
    asked: Vec<(u64, u32)>,
    /// What was changed, and when.
    changed: Vec<Change>,
}

/// A change of the count that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    at_ms: u64,
    from: u32,
    to: u32,
}

impl Autoscaler {
    /// Decides, and remembers what the load asked for.
    pub fn decide(&mut self, rules: &Rules, look: &Look) -> Decision {
        let mut decision = Decision {
            at_ms: look.at_ms,
            from: look.current,
            to: look.current,
            proposals: Vec::new(),
            bounds: Vec::new(),
        };
        self.forget(rules, look.at_ms);
        if self.asked.is_empty() {
            self.asked.push((look.at_ms, look.current));
        }
        if look.current == 0 {
            decision.bounds.push(Bound::Off);
            return decision;
        }
        if !(rules.min..=rules.max).contains(&look.current) {
            decision.to = look.current.clamp(rules.min, rules.max);
            decision.bounds.push(Bound::Outside);
            return decision;
        }
        let metrics = rules.metrics.iter();
        decision.proposals = metrics
            .map(|metric| metric::propose(metric, look))
            .collect();
        let Some(asked) = largest(&decision.proposals, look.current) else {
            decision.bounds.push(Bound::Unknown);
            return decision;
        };
        let steady = self.steady(rules, asked, look, &mut decision.bounds);
        decision.to = self.paced(rules, steady, look, &mut decision.bounds);
        decision
    }

    /// Remembers that the count was changed; to be called when it was.
    pub fn changed(&mut self, at_ms: u64, from: u32, to: u32) {
        self.changed.push(Change { at_ms, from, to });
    }

    /// What the load asks for, held back by what it asked for lately.
    fn steady(&mut self, rules: &Rules, asked: u32, look: &Look, bounds: &mut Vec<Bound>) -> u32 {
        let within = |window: u64| {
            let recent = self.asked.iter();
            recent
                .filter(move |(at, _)| look.at_ms < at.saturating_add(window))
                .map(|&(_, count)| count)
        };
        let least = within(rules.up.window_ms).chain([asked]).min();
        let most = within(rules.down.window_ms).chain([asked]).max();
        let (least, most) = (least.unwrap_or(asked), most.unwrap_or(asked));
        let steady = look.current.max(least).min(most);
        if steady != asked {
            bounds.push(Bound::Steady {
                asked,
                recent: steady,
            });
        }
        self.asked.push((look.at_ms, asked));
        steady
    }

    /// What may be reached at once.
    fn paced(&self, rules: &Rules, wanted: u32, look: &Look, bounds: &mut Vec<Bound>) -> u32 {
        let current = look.current;
        if wanted > current {
            let limit = rules.up.highest(current, &self.changed, look.at_ms);
            let to = wanted.min(limit).min(rules.max);
            if to < wanted {
                bounds.push(if to == limit {
                    Bound::Pace { limit }
                } else {
                    Bound::Max
                });
            }
            return to;
        }
        if wanted < current {
            let limit = rules.down.lowest(current, &self.changed, look.at_ms);
            let to = wanted.max(limit).max(rules.min);
            if to > wanted {
                bounds.push(if to == limit {
                    Bound::Pace { limit }
                } else {
                    Bound::Min
                });
            }
            return to;
        }
        current
    }

    /// Lets go of what is older than every window.
    fn forget(&mut self, rules: &Rules, now_ms: u64) {
        let longest = rules.up.longest_ms().max(rules.down.longest_ms());
        let is_young = |at: u64| now_ms < at.saturating_add(longest);
        let last = self.asked.last().copied();
        self.asked.retain(|&(at, _)| is_young(at));
        // One who has looked before knows something of before, however long ago that was.
        if self.asked.is_empty() {
            self.asked.extend(last);
        }
        self.changed.retain(|change| is_young(change.at_ms));
        let many = self.asked.len().saturating_sub(KEPT);
        self.asked.drain(..many);
        let many = self.changed.len().saturating_sub(KEPT);
        self.changed.drain(..many);
    }
}

/// The largest of what is asked for. Where something is not known, only up: it might have asked for more.
fn largest(proposals: &[Proposal], current: u32) -> Option<u32> {
    let largest = proposals.iter().filter_map(|one| one.replicas).max()?;
    let all_known = proposals.iter().all(|one| one.replicas.is_some());
    (all_known || largest >= current).then_some(largest)
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {} replicas", self.from, self.to)?;
        for proposal in &self.proposals {
            write!(formatter, "; {proposal}")?;
        }
        for bound in &self.bounds {
            write!(formatter, "; {bound}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => write!(formatter, "scaling is off"),
            Self::Outside => write!(formatter, "outside the file's bounds"),
            Self::Unknown => write!(formatter, "not all is known"),
            Self::Steady { asked, recent } => {
                write!(
                    formatter,
                    "{recent} and not {asked}, by what was asked for lately"
                )
            }
            Self::Pace { limit } => write!(formatter, "no faster than to {limit}"),
            Self::Max => write!(formatter, "the file allows no more"),
            Self::Min => write!(formatter, "the file allows no fewer"),
        }
    }
}
