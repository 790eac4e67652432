//! A crash before or after every record of the journal: the next run goes on or goes back, and ends in one of two
//! known states. The journal is cut instead of the process killed: what a killed process leaves is a prefix of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_bundle::Digest;

use crate::memory::Memory;
use crate::record::Record;
use crate::{
    CanaryStep, Desired, DesiredService, Executor, Fault, Finished, Observed, Plan, Settled, Step,
    StepError, Strategy, Target, Watch,
};

/// Dies (stops doing anything) after so many calls of the target; a dead one does its step half or not at all.
pub(crate) struct Mortal {
    pub(crate) inner: Memory,
    pub(crate) calls_left: usize,
}

impl Target for Mortal {
    fn observe(&mut self) -> Result<Observed, StepError> {
        self.inner.observe()
    }

    fn apply(&mut self, step: &Step) -> Result<(), StepError> {
        if self.calls_left == 0 {
            let message = "it fails".to_owned();
            return Err(StepError {
                message,
                hint: None,
                fault: Fault::App,
            });
        }
        self.calls_left -= 1;
        self.inner.apply(step)
    }

    fn undo(&mut self, step: &Step) -> Result<(), StepError> {
        self.inner.undo(step)
    }
}

/// Every way to get from one release to another.
pub(crate) fn strategies() -> Vec<Strategy> {
    let step = |share| CanaryStep { share, hold_ms: 1 };
    let blue_green = |keep_warm_ms| Strategy::BlueGreen {
        keep_warm_ms,
        judge_ms: 1,
    };
    vec![
        Strategy::Recreate,
        Strategy::Rolling {
            surge: 1,
            unavailable: 0,
        },
        Strategy::Canary {
            steps: vec![step(50), step(500)],
        },
        blue_green(0),
        blue_green(1),
    ]
}

pub(crate) fn want(release: u32, revision: u8, strategy: &Strategy) -> Desired {
    let service = |name: &str| DesiredService {
        revision: Digest::of(&[&[revision], name.as_bytes()].concat()),
        replicas: 2,
        migrate: true,
        rehearse: true,
        seed: false,
    };
    let services = ["api", "worker"].map(|name| (name.to_owned(), service(name)));
    Desired {
        release: format!("r{release:012x}").parse().unwrap(),
        resources: BTreeMap::from([("db".into(), Digest::of(b"db"))]),
        listen: Digest::of(b"listen"),
        table: Digest::of(&[revision]),
        services: BTreeMap::from(services),
        strategy: strategy.clone(),
    }
}

/// A target with a first release, the wish for a second one, and the plan for it.
pub(crate) fn change(strategy: &Strategy) -> (Memory, Desired, Plan) {
    let (first, second) = (want(1, 1, strategy), want(2, 2, strategy));
    let mut target = Memory::brought_to(&[first]);
    target
        .documents
        .insert(second.release.clone(), second.clone());
    let plan = Plan::try_new(&target.now, &second).unwrap();
    (target, second, plan)
}

fn comparable(now: &Observed) -> Observed {
    let mut now = now.clone();
    now.migrated.clear();
    now
}

/// One release has everything: requests, table, and the word of the last commit.
pub(crate) fn assert_one_release(now: &Observed, wanted: &Desired, context: &str) {
    assert_eq!(now.release.as_ref(), Some(&wanted.release), "{context}");
    let routed = now.routed.as_ref().map(|(release, _)| release);
    assert_eq!(routed, Some(&wanted.release), "{context}");
    for (service, one) in &wanted.services {
        let cooled = now.cooled();
        let groups = cooled.groups(service);
        assert_eq!(groups.len(), 1, "{context}: {groups:?}");
        assert_eq!(groups[0].revision, one.revision, "{context}");
        assert_eq!(groups[0].ready, one.replicas, "{context}");
    }
}

#[test]
fn a_step_that_fails_takes_back_all_that_was_begun() {
    for strategy in strategies() {
        let (start, _, plan) = change(&strategy);
        for calls_left in 0..plan.steps.len() {
            let dir = tempfile::tempdir().unwrap();
            let mut executor = Executor::open(dir.path(), None).unwrap();
            let mut target = Mortal {
                inner: start.clone(),
                calls_left,
            };
            let ended = executor
                .run(plan.clone(), &mut target, &mut |_| {})
                .unwrap();
            let Finished::Undone { step, .. } = ended else {
                panic!("{ended:?}")
            };
            assert_eq!(step, plan.steps[calls_left]);
            assert_eq!(comparable(&target.inner.now), comparable(&start.now));
            assert_eq!(Executor::open(dir.path(), None).unwrap().unfinished(), None);
        }
    }
}

/// How much of a step was done when the process was killed behind its `Applying`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Half {
    Nothing,
    All,
}

/// Writes what a run that was killed after `records` records left in the journal, and what it did to the target.
fn killed_after(
    records: usize,
    half: Half,
    (plan, start): (&Plan, &Memory),
) -> (tempfile::TempDir, Memory) {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = plimsoll_store::Journal::open(dir.path()).unwrap();
    let mut target = start.clone();
    let mut story = vec![Record::Begin { plan: plan.clone() }];
    for index in 0..plan.steps.len() {
        story.push(Record::Applying { index });
        story.push(Record::Applied { index });
    }
    for (number, record) in story[..records].iter().enumerate() {
        journal.append(record).unwrap();
        if let Record::Applying { index } = record
            && (number + 1 < records || half == Half::All)
        {
            target.apply(&plan.steps[*index]).unwrap();
        }
    }
    (dir, target)
}

/// Every strategy, killed at every record, with the step of the last one done and not begun.
fn every_death(mut check: impl FnMut(&str, &Strategy, (tempfile::TempDir, Memory))) {
    for strategy in strategies() {
        let (start, _, plan) = change(&strategy);
        for records in 1..=2 * plan.steps.len() + 1 {
            for half in [Half::Nothing, Half::All] {
                let context = format!("{strategy:?} after {records} records, {half:?} of the last");
                let left = killed_after(records, half, (&plan, &start));
                check(&context, &strategy, left);
            }
        }
    }
}

#[test]
fn a_run_killed_at_any_record_is_resumed_by_one_that_wants_the_same() {
    every_death(|context, strategy, (dir, mut target)| {
        let second = want(2, 2, strategy);
        let mut executor = Executor::open(dir.path(), None).unwrap();
        let settled = executor
            .settle(&second.release, &mut target, &mut |_| {})
            .unwrap();
        assert_eq!(settled, Some(Settled::Resumed(Finished::Done)), "{context}");
        assert!(
            Plan::try_new(&target.now, &second).unwrap().is_empty(),
            "{context}"
        );
        assert_one_release(&target.now, &second, context);
    });
}

#[test]
fn a_run_killed_at_any_record_is_undone_by_one_that_wants_something_else() {
    every_death(|context, strategy, (dir, mut target)| {
        let (start, _, _) = change(strategy);
        let mut executor = Executor::open(dir.path(), None).unwrap();
        let third = want(3, 3, strategy);
        let settled = executor
            .settle(&third.release, &mut target, &mut |_| {})
            .unwrap();
        assert_eq!(settled, Some(Settled::Undone), "{context}");
        assert_eq!(comparable(&target.now), comparable(&start.now), "{context}");
        assert_one_release(&target.now, &want(1, 1, strategy), context);
        target.bring_to(&third);
        assert_one_release(&target.now, &third, context);
    });
}

#[test]
fn what_is_routed_is_of_one_release_wherever_a_shift_is_killed() {
    every_death(|context, strategy, (_, target)| {
        if !strategy.shifts() {
            return;
        }
        // Nothing resumes it and nothing undoes it: this is what clients meet until somebody does.
        let routed = target.now.routed.map(|(_, table)| table);
        let all = target.now.shift.is_some_and(|shift| shift.share == 1000);
        let canary = target.now.services.values().flatten();
        let is_new =
            |group: &crate::Group| group.revision == want(2, 2, strategy).services["api"].revision;
        let promoted = canary
            .filter(|group| group.cohort == plimsoll_bundle::endpoints::Cohort::Stable)
            .any(is_new);
        let table = if all || promoted { 2 } else { 1 };
        assert_eq!(routed, Some(Digest::of(&[table])), "{context}");
    });
}

#[test]
fn a_way_back_that_was_interrupted_goes_on_going_back() {
    for strategy in strategies() {
        let (start, second, plan) = change(&strategy);
        let records = 2 * plan.steps.len() + 1;
        for undone in 0..plan.steps.len() {
            let (dir, mut target) = killed_after(records, Half::All, (&plan, &start));
            let (mut journal, _) = plimsoll_store::Journal::open(dir.path()).unwrap();
            journal
                .append(&Record::Undoing {
                    because: "a test".into(),
                    keep: 0,
                })
                .unwrap();
            for index in (0..plan.steps.len()).rev().take(undone) {
                target.undo(&plan.steps[index]).unwrap();
                journal.append(&Record::Undone { index }).unwrap();
            }
            drop(journal);
            let mut executor = Executor::open(dir.path(), None).unwrap();
            let settled = executor
                .settle(&second.release, &mut target, &mut |_| {})
                .unwrap();
            assert_eq!(settled, Some(Settled::Undone));
            assert_eq!(comparable(&target.now), comparable(&start.now));
        }
    }
}

#[test]
fn a_second_change_waits_until_the_first_is_settled() {
    let (start, _, plan) = change(&strategies()[1]);
    let (dir, mut target) = killed_after(2, Half::All, (&plan, &start));
    let mut executor = Executor::open(dir.path(), None).unwrap();
    assert!(executor.run(plan, &mut target, &mut |_| {}).is_err());
}

/// The first stands still while a second takes over, finishes, and begins something else.
#[test]
fn one_that_stood_still_and_wakes_up_writes_nothing_that_anybody_reads() {
    let (start, second, plan) = change(&strategies()[1]);
    let (dir, mut target) = killed_after(4, Half::All, (&plan, &start));
    let mut still = plimsoll_store::Journal::open(dir.path()).unwrap().0;
    let mut executor = Executor::open(dir.path(), None).unwrap();
    still.append(&Record::Applying { index: 1 }).unwrap();
    executor
        .settle(&second.release, &mut target, &mut |_| {})
        .unwrap();
    still
        .append(&Record::Undoing {
            because: "it woke up".into(),
            keep: 0,
        })
        .unwrap();
    assert_one_release(&target.now, &second, "taken over");
    let next = Executor::open(dir.path(), None).unwrap();
    assert_eq!(next.unfinished(), None);
}

#[test]
fn an_open_change_is_still_open_however_often_its_journal_is_opened() {
    let (start, _, plan) = change(&strategies()[2]);
    let (dir, _) = killed_after(6, Half::All, (&plan, &start));
    let first = Executor::open(dir.path(), None)
        .unwrap()
        .unfinished()
        .cloned();
    assert!(first.is_some());
    let second = Executor::open(dir.path(), None)
        .unwrap()
        .unfinished()
        .cloned();
    assert_eq!(first, second);
}

/// Has seen enough after so many looks.
#[derive(Debug)]
struct Onlooker(AtomicUsize);

impl Watch for Onlooker {
    fn verdict(&self) -> Option<String> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        (left == 0).then(|| "3 of 100 requests failed".to_owned())
    }
}

#[test]
fn an_onlooker_who_has_seen_enough_has_everything_taken_back() {
    let (start, _, plan) = change(&strategies()[2]);
    for looks in 0..plan.steps.len() {
        let dir = tempfile::tempdir().unwrap();
        let onlooker: Arc<dyn Watch> = Arc::new(Onlooker(looks.into()));
        let mut executor = Executor::open(dir.path(), None)
            .unwrap()
            .watched_by(Some(onlooker));
        let mut target = start.clone();
        let ended = executor
            .run(plan.clone(), &mut target, &mut |_| {})
            .unwrap();
        let Finished::Undone { step, error } = ended else {
            panic!("{ended:?}")
        };
        assert_eq!(step, plan.steps[looks]);
        assert_eq!(error.message, "3 of 100 requests failed");
        assert_eq!(comparable(&target.now), comparable(&start.now));
        assert_eq!(Executor::open(dir.path(), None).unwrap().unfinished(), None);
    }
}
