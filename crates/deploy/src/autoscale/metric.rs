//! What one metric asks for.

use std::fmt;

use serde::Serialize;

use super::{Look, Replica, Standing};

/// How near to the target is near enough, as a part of it.
const TOLERANCE: f64 = 0.1;
/// For so long after its start a replica's CPU counts only where all of it was used while it was ready: what a program
/// does at its start is no load.
const INITIALISATION_MS: u64 = 300_000;
/// One that became unready within this after its start has never been ready.
const FIRST_READINESS_MS: u64 = 30_000;
/// All that was requested, in thousandths of a percent.
const ALL: u32 = 100_000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// CPU used.
    Cpu,
    /// Memory used.
    Memory,
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Of what.
    pub resource: Resource,
    /// Used over requested, in thousandths of a percent; not 0.
    pub target: u32,
    /// What each replica requests: thousandths of a CPU, or bytes. Not 0.
    pub requested: u64,
}

/// What one metric asks for, and on what grounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// Of what.
    pub resource: Resource,
    /// Used over requested of the replicas that count, in whole percent, rounded down.
    pub utilisation: Option<u64>,
    /// What is aimed at, in thousandths of a percent.
    pub target: u32,
    /// Replicas that count.
    pub ready: u32,
    /// Replicas that cannot be judged yet.
    pub unready: u32,
    /// Replicas of which nothing is known.
    pub missing: u32,
    /// What is asked for; `None` is not known.
    pub replicas: Option<u32>,
    /// How it came to that.
    pub ruling: Ruling,
}

/// How a proposal came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// Nothing was measured.
    Nothing,
    /// Within a tenth of the target: as it is.
    Near,
    /// By the formula.
    Formula,
    /// By the formula, with those that do not count taken for what argues against a change.
    Cautious,
    /// With those taken so, there is no reason left to change.
    Doubtful,
}

/// Replicas by what they are worth.
struct Groups {
    used: Vec<u64>,
    unready: u32,
    missing: u32,
}

impl Groups {
    fn of(resource: Resource, look: &Look) -> Self {
        let mut groups = Self {
            used: Vec::new(),
            unready: 0,
            missing: 0,
        };
        for replica in &look.replicas {
            let used = match resource {
                Resource::Cpu => replica.cpu.map(|cpu| cpu.millis),
                Resource::Memory => replica.memory_bytes,
            };
            match (replica.standing, used) {
                (Standing::Leaving, _) => {}
                (Standing::Pending, _) => groups.unready += 1,
                (Standing::Running, None) => groups.missing += 1,
                (Standing::Running, Some(_))
                    if resource == Resource::Cpu && !is_judged(replica, look.at_ms) =>
                {
                    groups.unready += 1;
                }
                (Standing::Running, Some(used)) => groups.used.push(used),
            }
        }
        groups
    }
}

/// Whether what a running replica uses says something about load.
fn is_judged(replica: &Replica, now_ms: u64) -> bool {
    let Some(cpu) = replica.cpu else {
        return false;
    };
    if replica.started_ms.saturating_add(INITIALISATION_MS) > now_ms {
        return replica.ready && cpu.at_ms >= replica.since_ms.saturating_add(cpu.window_ms);
    }
    let never_ready = replica.started_ms.saturating_add(FIRST_READINESS_MS) > replica.since_ms;
    replica.ready || !never_ready
}

/// What `metric` asks for.
pub(super) fn propose(metric: &Metric, look: &Look) -> Proposal {
    let Groups {
        used,
        unready,
        missing,
    } = Groups::of(metric.resource, look);
    let utilisation = utilisation(metric, &used);
    let (replicas, ruling) = match utilisation {
        None => (None, Ruling::Nothing),
        Some(found) => {
            let (replicas, ruling) =
                ruled(metric, look.current, (&used, found), (unready, missing));
            (Some(replicas), ruling)
        }
    };
    Proposal {
        resource: metric.resource,
        utilisation,
        target: metric.target,
        ready: number(used.len()),
        unready,
        missing,
        replicas,
        ruling,
    }
}

fn ruled(
    metric: &Metric,
    current: u32,
    (used, found): (&[u64], u64),
    (unready, missing): (u32, u32),
) -> (u32, Ruling) {
    let first = ratio(metric, found);
    let idle = if first > 1.0 { unready } else { 0 };
    if idle == 0 && missing == 0 {
        return if is_near(first) {
            (current, Ruling::Near)
        } else {
            (times(first, used.len()), Ruling::Formula)
        };
    }
    let mut used = used.to_vec();
    let add = |used: &mut Vec<u64>, value: u64, count: u32| {
        used.extend((0..count).map(|_| value));
    };
    if first < 1.0 {
        // As if they used what they may, or what is aimed at where that is more.
        let full = metric
            .requested
            .saturating_mul(metric.target.max(ALL).into());
        add(&mut used, full / u64::from(ALL), missing);
    } else if first > 1.0 {
        add(&mut used, 0, missing);
    }
    add(&mut used, 0, idle);
    let second = utilisation(metric, &used).map_or(first, |found| ratio(metric, found));
    let turned = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
    if is_near(second) || turned {
        return (current, Ruling::Doubtful);
    }
    let replicas = times(second, used.len());
    let backwards = (second < 1.0 && replicas > current) || (second > 1.0 && replicas < current);
    if backwards {
        return (current, Ruling::Doubtful);
    }
    (replicas, Ruling::Cautious)
}

/// Used over requested in whole percent, rounded down.
fn utilisation(metric: &Metric, used: &[u64]) -> Option<u64> {
    let total: u128 = used.iter().map(|&one| u128::from(one)).sum();
    let requested = u128::from(metric.requested) * used.len() as u128;
    let percent = (total * 100).checked_div(requested)?;
    Some(u64::try_from(percent).unwrap_or(u64::MAX))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Kubernetes divides as floats, and percents are far below 2^53"
)]
fn ratio(metric: &Metric, utilisation: u64) -> f64 {
    utilisation as f64 * 1000.0 / f64::from(metric.target)
}

fn is_near(ratio: f64) -> bool {
    (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is too large becomes the largest number, and none is negative"
)]
fn times(ratio: f64, replicas: usize) -> u32 {
    (ratio * f64::from(number(replicas))).ceil() as u32
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl fmt::Display for Proposal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.resource {
            Resource::Cpu => "cpu",
            Resource::Memory => "memory",
        };
        match (self.utilisation, self.replicas) {
            (Some(found), Some(replicas)) => write!(
                formatter,
                "{name} {found} % of {} %: {replicas} replicas",
                f64::from(self.target) / 1000.0
            )?,
            (_, _) => write!(formatter, "{name} not known")?,
        }
        write!(formatter, " ({} counted", self.ready)?;
        if self.unready > 0 {
            write!(formatter, ", {} not yet", self.unready)?;
        }
        if self.missing > 0 {
            write!(formatter, ", {} not seen", self.missing)?;
        }
        write!(formatter, ")")
    }
}
