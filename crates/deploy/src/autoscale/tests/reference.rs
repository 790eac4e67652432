//! The same once more, written from the description of the controller and not from our code: it remembers everything
//! for ever, and works every look out from the beginning.

use std::cmp::Ordering;

use super::super::{Direction, Look, Metric, Policy, Replica, Resource, Rules, Standing};

pub(super) struct Controller {
    rules: Rules,
    /// Time, count asked for.
    advice: Vec<(u64, u32)>,
    /// Time, replicas added (negative: removed).
    events: Vec<(u64, f64)>,
}

impl Controller {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            advice: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The count after this look, which is carried out.
    pub(super) fn reconcile(&mut self, look: &Look) -> u32 {
        if self.advice.is_empty() {
            self.advice.push((look.at_ms, look.current));
        }
        let wanted = self.wanted(look);
        if wanted != look.current {
            let by = f64::from(wanted) - f64::from(look.current);
            self.events.push((look.at_ms, by));
        }
        wanted
    }

    fn wanted(&mut self, look: &Look) -> u32 {
        let (min, max) = (self.rules.min, self.rules.max);
        if look.current == 0 {
            return 0;
        }
        if look.current > max {
            return max;
        }
        if look.current < min {
            return min;
        }
        let asked: Vec<Option<u32>> = self
            .rules
            .metrics
            .iter()
            .map(|metric| asked(metric, look))
            .collect();
        let Some(most) = asked.iter().flatten().max().copied() else {
            return look.current;
        };
        if asked.contains(&None) && most < look.current {
            return look.current;
        }
        let calm = self.calm(look, most);
        self.advice.push((look.at_ms, most));
        match calm.cmp(&look.current) {
            Ordering::Greater => calm.min(max).min(self.ceiling(look)),
            Ordering::Less => calm.max(min).max(self.floor(look)),
            Ordering::Equal => calm,
        }
    }

    fn calm(&self, look: &Look, most: u32) -> u32 {
        let (mut low, mut high) = (most, most);
        for &(at, count) in &self.advice {
            let age = look.at_ms - at;
            if age < self.rules.up.window_ms {
                low = low.min(count);
            }
            if age < self.rules.down.window_ms {
                high = high.max(count);
            }
        }
        if look.current < low {
            low
        } else if look.current > high {
            high
        } else {
            look.current
        }
    }

    fn at_period_start(&self, look: &Look, period: u64) -> f64 {
        let mut count = f64::from(look.current);
        for &(at, by) in &self.events {
            if look.at_ms - at < period {
                count -= by;
            }
        }
        count
    }

    fn limits(&self, look: &Look, direction: &Direction, sign: f64) -> Vec<f64> {
        let mut limits = Vec::new();
        for policy in &direction.policies {
            limits.push(match *policy {
                Policy::Replicas { count, period_ms } => {
                    self.at_period_start(look, period_ms) + sign * f64::from(count)
                }
                Policy::Percent { percent, period_ms } => {
                    let start = self.at_period_start(look, period_ms);
                    start * (1.0 + sign * f64::from(percent) / 100.0)
                }
            });
        }
        limits
    }

    fn ceiling(&self, look: &Look) -> u32 {
        let limits = self.limits(look, &self.rules.up, 1.0);
        let highest = limits.into_iter().map(f64::ceil).fold(0.0, f64::max);
        whole(highest).max(look.current)
    }

    fn floor(&self, look: &Look) -> u32 {
        let limits = self.limits(look, &self.rules.down, -1.0);
        let lowest = limits.into_iter().map(f64::floor).fold(f64::MAX, f64::min);
        whole(lowest).min(look.current)
    }
}

/// A float without fraction as a count, by looking for it.
fn whole(number: f64) -> u32 {
    (0..100_000)
        .find(|&count| f64::from(count) >= number)
        .unwrap()
}

#[derive(PartialEq)]
enum Kind {
    Gone,
    Unready,
    Unseen,
    Counts(u64),
}

fn kind(metric: &Metric, replica: &Replica, now: u64) -> Kind {
    match replica.standing {
        Standing::Leaving => return Kind::Gone,
        Standing::Pending => return Kind::Unready,
        Standing::Running => {}
    }
    if metric.resource == Resource::Memory {
        return replica.memory_bytes.map_or(Kind::Unseen, Kind::Counts);
    }
    let Some(cpu) = replica.cpu else {
        return Kind::Unseen;
    };
    let is_young = now < replica.started_ms + 5 * 60 * 1000;
    let began = cpu.at_ms.saturating_sub(cpu.window_ms);
    let unready = if is_young {
        !replica.ready || began < replica.since_ms
    } else {
        !replica.ready && replica.since_ms < replica.started_ms + 30 * 1000
    };
    if unready {
        Kind::Unready
    } else {
        Kind::Counts(cpu.millis)
    }
}

fn asked(metric: &Metric, look: &Look) -> Option<u32> {
    let kinds: Vec<Kind> = look
        .replicas
        .iter()
        .map(|replica| kind(metric, replica, look.at_ms))
        .collect();
    let number = |wanted: Kind| kinds.iter().filter(|kind| **kind == wanted).count();
    let (unready, unseen) = (number(Kind::Unready), number(Kind::Unseen));
    let counted: Vec<u64> = kinds
        .iter()
        .filter_map(|kind| match kind {
            Kind::Counts(used) => Some(*used),
            Kind::Gone | Kind::Unready | Kind::Unseen => None,
        })
        .collect();
    let first = usage(metric, &counted)?;
    let idle_unready = unready > 0 && first > 1.0;
    if !idle_unready && unseen == 0 {
        if is_close(first) {
            return Some(look.current);
        }
        return Some(whole((first * float(counted.len() as u64)).ceil()));
    }
    let mut all = counted;
    if first < 1.0 {
        let percent = (metric.target / 1000).max(100);
        all.extend(vec![metric.requested * u64::from(percent) / 100; unseen]);
    } else if first > 1.0 {
        all.extend(vec![0; unseen]);
    }
    if idle_unready {
        all.extend(vec![0; unready]);
    }
    let second = usage(metric, &all)?;
    if is_close(second) || first < 1.0 && second > 1.0 || first > 1.0 && second < 1.0 {
        return Some(look.current);
    }
    let count = whole((second * float(all.len() as u64)).ceil());
    let is_contrary = if second < 1.0 {
        count > look.current
    } else {
        count < look.current
    };
    Some(if is_contrary { look.current } else { count })
}

fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn is_close(ratio: f64) -> bool {
    (0.9..=1.1).contains(&ratio)
}

fn usage(metric: &Metric, used: &[u64]) -> Option<f64> {
    if used.is_empty() {
        return None;
    }
    let total: u64 = used.iter().sum();
    let percent = total * 100 / (metric.requested * used.len() as u64);
    Some(float(percent) / f64::from(metric.target / 1000))
}
