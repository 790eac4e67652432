//! What the supervisor says of replicas, as the autoscaler's value: CPU from one look to the next, and since when one
//! has been ready.

use std::collections::BTreeMap;
use std::time::SystemTime;

use plimsoll_deploy::autoscale::{Cpu, Look, Replica, Standing};
use plimsoll_stdx::clock::unix_ms;
use plimsoll_supervisor::ProcessStatus as Supervised;
use plimsoll_supervisor::machine::State;

/// Remembers the last look at each start of each replica.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    seen: BTreeMap<(String, u64), Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at_ms: u64,
    cpu_ms: u64,
    ready: bool,
    since_ms: u64,
}

impl Eyes {
    /// Looks at the replicas of one service; `at_ms` rises from look to look.
    pub(super) fn look(&mut self, at_ms: u64, current: u32, replicas: &[&Supervised]) -> Look {
        let now_ms = unix_ms(SystemTime::now());
        let mut seen = BTreeMap::new();
        let mut found = Vec::new();
        for replica in replicas {
            let key = (replica.id.clone(), replica.generation);
            let before = self.seen.get(&key).copied();
            let age_ms = replica
                .since_ms
                .map_or(0, |since| now_ms.saturating_sub(since));
            let started_ms = at_ms.saturating_sub(age_ms);
            let now = glimpse(replica, before, (at_ms, started_ms));
            found.push(Replica {
                standing: standing(&replica.state),
                started_ms,
                ready: now.ready,
                since_ms: now.since_ms,
                cpu: cpu(before, now, replica),
                memory_bytes: memory(replica),
            });
            seen.insert(key, now);
        }
        self.seen = seen;
        Look {
            at_ms,
            current,
            replicas: found,
        }
    }
}

/// One that was ready when it was first seen has been so for we do not know how long: since now, which counts it later
/// and never too early.
fn glimpse(replica: &Supervised, before: Option<Seen>, (at_ms, started_ms): (u64, u64)) -> Seen {
    let ready = replica.state == State::Ready;
    let since_ms = match before {
        Some(before) if before.ready == ready => before.since_ms,
        None if !ready => started_ms,
        Some(_) | None => at_ms,
    };
    let cpu_ms = match replica.group {
        Some(group) if group.cpu_ms > 0 => group.cpu_ms,
        Some(_) | None => replica.usage.cpu_ms,
    };
    Seen {
        at_ms,
        cpu_ms,
        ready,
        since_ms,
    }
}

fn cpu(before: Option<Seen>, now: Seen, replica: &Supervised) -> Option<Cpu> {
    let before = before.filter(|_| replica.pid.is_some())?;
    let window_ms = now.at_ms.checked_sub(before.at_ms).filter(|&ms| ms > 0)?;
    // What has ended takes its time along where no group counts it.
    let used_ms = now.cpu_ms.saturating_sub(before.cpu_ms);
    Some(Cpu {
        millis: used_ms.saturating_mul(1000) / window_ms,
        at_ms: now.at_ms,
        window_ms,
    })
}

fn memory(replica: &Supervised) -> Option<u64> {
    replica.pid?;
    let working_set = replica.group.map(|group| group.working_set_bytes);
    let known = working_set.filter(|&bytes| bytes > 0);
    Some(known.unwrap_or(replica.usage.rss_bytes))
}

fn standing(state: &State) -> Standing {
    match state {
        State::Idle | State::Spawning => Standing::Pending,
        State::Starting | State::WarmingUp | State::Ready | State::Unready | State::Backoff => {
            Standing::Running
        }
        State::Draining | State::Ending | State::Stopped | State::Failed { .. } => {
            Standing::Leaving
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_bundle::Digest;
    use plimsoll_stdx::usage::Usage;
    use plimsoll_supervisor::{GroupUsage, Kind};

    use super::*;

    fn replica(state: State, cpu_ms: u64) -> Supervised {
        Supervised {
            id: "api-1".into(),
            generation: 3,
            kind: Kind::Replica,
            service: "api".into(),
            release: "r1".into(),
            orders: Digest::of(b"orders"),
            state,
            pid: Some(7),
            shim_pid: Some(6),
            class: None,
            runtime: None,
            controls: Vec::new(),
            ports: BTreeMap::new(),
            restarts: 0,
            since_ms: Some(unix_ms(SystemTime::now()) - 60_000),
            usage: Usage::default(),
            group: Some(GroupUsage {
                cpu_ms,
                working_set_bytes: 5 << 20,
                ..GroupUsage::default()
            }),
            last_exit: None,
            dir: None,
        }
    }

    fn look(eyes: &mut Eyes, at_ms: u64, one: &Supervised) -> Replica {
        eyes.look(at_ms, 1, &[one]).replicas.remove(0)
    }

    #[test]
    fn cpu_is_what_was_used_from_one_look_to_the_next_of_the_same_start() {
        let mut eyes = Eyes::default();
        let base = 1 << 40;
        let first = look(&mut eyes, base, &replica(State::Starting, 1000));
        assert_eq!((first.cpu, first.ready), (None, false));
        assert_eq!(first.memory_bytes, Some(5 << 20));
        assert!(first.started_ms <= base - 60_000 && first.since_ms == first.started_ms);
        let second = look(&mut eyes, base + 15_000, &replica(State::Ready, 4000));
        let used = Cpu {
            millis: 200,
            at_ms: base + 15_000,
            window_ms: 15_000,
        };
        assert_eq!(second.cpu, Some(used));
        assert!(second.ready && second.since_ms == base + 15_000);
        let third = look(&mut eyes, base + 30_000, &replica(State::Ready, 4000));
        assert_eq!(third.since_ms, base + 15_000);
        assert_eq!(third.cpu.unwrap().millis, 0);
        let again = Supervised {
            generation: 4,
            ..replica(State::Ready, 10)
        };
        assert_eq!(look(&mut eyes, base + 45_000, &again).cpu, None);
    }

    #[test]
    fn one_that_leaves_counts_for_nothing_and_one_that_failed_to_start_is_not_seen() {
        let mut eyes = Eyes::default();
        let draining = look(&mut eyes, 1 << 40, &replica(State::Draining, 1));
        assert_eq!(draining.standing, Standing::Leaving);
        let down = Supervised {
            pid: None,
            ..replica(State::Backoff, 1)
        };
        let down = look(&mut eyes, (1 << 40) + 15_000, &down);
        assert_eq!(down.standing, Standing::Running);
        assert_eq!((down.cpu, down.memory_bytes), (None, None));
    }
}
