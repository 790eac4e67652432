//! Scales services by what their replicas use: every 15 s a look, a decision ([`plimsoll_deploy::autoscale`]), and a
//! change where there is one to make.
//!
//! Only a service that is all of one revision, of a release that is in force and routed, and only while nobody else
//! changes the environment: a change counts on the numbers that it was planned with. What was decided, and on what,
//! is told to whoever follows.

mod eyes;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::autoscale::{Autoscaler, Decision, EVERY_MS, Rules};
use plimsoll_stdx::clock::unix_ms;
use plimsoll_supervisor::{Kind, ProcessStatus as Supervised};
use tokio::time::MissedTickBehavior;

use super::intent::{Intent, Wanted};
use super::steps;
use super::world::World;
use crate::LocalError;
use crate::error::chain;
use crate::event::Event;
use eyes::Eyes;

/// One service that is scaled.
#[derive(Debug, Default)]
struct Scaled {
    autoscaler: Autoscaler,
    eyes: Eyes,
}

/// A clock that only rises, and began as this machine's.
#[derive(Debug)]
struct Clock {
    began: Instant,
    began_ms: u64,
}

impl Clock {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            began_ms: unix_ms(SystemTime::now()),
        }
    }

    fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began_ms.saturating_add(elapsed)
    }
}

/// Looks and changes until the daemon ends.
pub(crate) async fn run(world: Arc<World>) {
    let clock = Clock::new();
    let mut services = BTreeMap::new();
    let mut looks = tokio::time::interval(Duration::from_millis(EVERY_MS));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Err(error) = look(&world, &clock, &mut services).await {
            warn(&world, &error);
        }
    }
}

async fn look(
    world: &Arc<World>,
    clock: &Clock,
    services: &mut BTreeMap<String, Scaled>,
) -> Result<(), LocalError> {
    let intent = world.intent();
    let groups = steady(&intent);
    services.retain(|service, _| groups.contains_key(service));
    if groups.is_empty() {
        return Ok(());
    }
    let processes = world.supervisor.status().await?;
    for (service, group) in groups {
        let kept = world.documents.release(&group.release)?;
        let Some(rules) = rules::of(&kept, &service) else {
            services.remove(&service);
            continue;
        };
        let scaled = services.entry(service.clone()).or_default();
        let at_ms = clock.now_ms();
        let decision = decide(
            scaled,
            &rules,
            (at_ms, &group),
            &of(&processes, &service, &group),
        );
        if decision.to == decision.from {
            continue;
        }
        if carry_out(world, &service, &group, &decision).await? {
            let Decision { from, to, .. } = decision;
            // From when it was asked, however long the leaving ones drained.
            scaled.autoscaler.changed(at_ms, from, to);
        }
    }
    Ok(())
}

/// The replicas of each service that a load may change: all of them, while no change is about the service. Those that
/// a change has left without requests are kept as they are for a way back.
fn steady(intent: &Intent) -> BTreeMap<String, Wanted> {
    let keeps_warm = intent.keeps_warm();
    let shifting = intent.shift.is_some() && !keeps_warm;
    if shifting || intent.release.is_none() || intent.release != intent.routed {
        return BTreeMap::new();
    }
    let services = intent.services.iter();
    services
        .filter_map(|(service, groups)| {
            let mut served = groups.iter();
            let group = match groups.as_slice() {
                [group] => group,
                _ if keeps_warm => served.find(|group| group.cohort == Cohort::Canary)?,
                _ => return None,
            };
            Some((service.clone(), group.clone()))
        })
        .collect()
}

fn of<'a>(processes: &'a [Supervised], service: &str, group: &Wanted) -> Vec<&'a Supervised> {
    let is_of_group = |process: &&Supervised| {
        process.kind == Kind::Replica
            && process.service == service
            && process.release == group.release.as_str()
    };
    processes.iter().filter(is_of_group).collect()
}

fn decide(
    scaled: &mut Scaled,
    rules: &Rules,
    (at_ms, group): (u64, &Wanted),
    replicas: &[&Supervised],
) -> Decision {
    let look = scaled.eyes.look(at_ms, group.replicas, replicas);
    scaled.autoscaler.decide(rules, &look)
}

/// Whether the count was changed; not while somebody else changes something.
async fn carry_out(
    world: &Arc<World>,
    service: &str,
    group: &Wanted,
    decision: &Decision,
) -> Result<bool, LocalError> {
    let Ok(lock) = world.documents.env.lock_for_change() else {
        return Ok(false);
    };
    let Ok(_one) = world.change.try_lock() else {
        return Ok(false);
    };
    // Whoever held the lease before and stood still is not to go on with what it counted.
    world.fence(lock.token())?;
    if steady(&world.intent()).get(service) != Some(group) {
        return Ok(false);
    }
    world.tell(Event::Scaling {
        service: service.to_owned(),
        from: decision.from,
        to: decision.to,
        reason: decision.to_string(),
    });
    let wanted = Wanted {
        replicas: decision.to,
        ..group.clone()
    };
    world.ask(|intent| intent.scale(service, wanted.clone()))?;
    // Whoever comes now plans with the new number and waits for its turn: nobody is sent away while replicas drain.
    drop(lock);
    steps::scale(world, service, &wanted).await?;
    Ok(true)
}

fn warn(world: &World, error: &LocalError) {
    world.tell(Event::Warning {
        message: format!("scaling: {}", chain(error)),
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plimsoll_bundle::Digest;
    use plimsoll_deploy::{ReleaseId, Shifted};

    use super::*;

    fn wanted(revision: &[u8], replicas: u32) -> Wanted {
        Wanted {
            revision: Digest::of(revision),
            release: "r000000000001".parse().unwrap(),
            cohort: Cohort::Stable,
            replicas,
            ids: BTreeSet::new(),
        }
    }

    #[test]
    fn only_what_no_change_is_about_is_scaled() {
        let release: ReleaseId = "r000000000001".parse().unwrap();
        let mut intent = Intent {
            release: Some(release.clone()),
            ..Intent::default()
        };
        intent.scale("api", wanted(b"1", 2));
        intent.scale("worker", wanted(b"2", 2));
        intent.scale("worker", wanted(b"3", 1));
        // Not routed yet: the change that brings it is under way.
        assert!(steady(&intent).is_empty());
        intent.routed = Some(release);
        let names: Vec<String> = steady(&intent).into_keys().collect();
        assert_eq!(names, ["api"]);
        // All requests have been moved, and what they left is kept warm; until then it is a change.
        let canary = Wanted {
            cohort: Cohort::Canary,
            ..wanted(b"4", 3)
        };
        intent.scale("api", canary.clone());
        for (share, expected) in [(1000, Some(&canary)), (500, None)] {
            let to = "r000000000001".parse().unwrap();
            intent.shift = Some(Shifted { to, share });
            assert_eq!(steady(&intent).get("api"), expected, "{share}");
        }
        intent.shift = None;
        intent.release = Some("r000000000002".parse().unwrap());
        assert!(steady(&intent).is_empty());
    }
}
