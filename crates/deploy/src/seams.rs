//! A crash before or after every record of the journal: the next run goes on or goes back, and ends in one of two
//! known states. The journal is cut instead of the process killed: what a killed process leaves is a prefix of it.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;

use crate::properties::Memory;
use crate::record::Record;
use crate::{
    Desired, DesiredService, Executor, Fault, Finished, Observed, Plan, Settled, Step, StepError,
    Strategy, Target,
};

/// Dies (stops doing anything) after so many calls of the target; a dead one does its step half or not at all.
struct Mortal {
    inner: Memory,
    calls_left: usize,
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

fn want(release: u32, revision: u8) -> Desired {
    let service = DesiredService {
        revision: Digest::of(&[revision]),
        replicas: 2,
        migrate: true,
        seed: false,
        strategy: Strategy::Rolling {
            surge: 1,
            unavailable: 0,
        },
    };
    Desired {
        release: format!("r{release:012x}").parse().unwrap(),
        resources: BTreeMap::from([("db".into(), Digest::of(b"db"))]),
        listen: Digest::of(b"listen"),
        table: Digest::of(&[revision]),
        services: BTreeMap::from([("api".into(), service)]),
    }
}

fn two_releases() -> (Memory, Desired) {
    let (first, second) = (want(1, 1), want(2, 2));
    let mut target = Memory::default();
    for want in [&first, &second] {
        target.documents.insert(want.release.clone(), want.clone());
    }
    for step in Plan::try_new(&target.now, &first).unwrap().steps {
        target.apply(&step).unwrap();
    }
    (target, second)
}

fn comparable(now: &Observed) -> Observed {
    let mut now = now.clone();
    now.migrated.clear();
    now
}

#[test]
fn a_step_that_fails_takes_back_all_that_was_begun() {
    let (start, second) = two_releases();
    let plan = Plan::try_new(&start.now, &second).unwrap();
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

/// Writes what a run that was killed after `records` records left in the journal, and what it did to the target.
fn killed_after(records: usize, plan: &Plan, start: &Memory) -> (tempfile::TempDir, Memory) {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = plimsoll_store::Journal::open(dir.path()).unwrap();
    let mut target = start.clone();
    let mut story = vec![Record::Begin { plan: plan.clone() }];
    for index in 0..plan.steps.len() {
        story.push(Record::Applying { index });
        story.push(Record::Applied { index });
    }
    for record in &story[..records] {
        journal.append(record).unwrap();
        // Killed right behind `Applying`, the step may be done although nothing says so.
        if let Record::Applying { index } = record {
            target.apply(&plan.steps[*index]).unwrap();
        }
    }
    (dir, target)
}

#[test]
fn a_run_killed_at_any_record_is_resumed_by_one_that_wants_the_same() {
    let (start, second) = two_releases();
    let plan = Plan::try_new(&start.now, &second).unwrap();
    for records in 1..=2 * plan.steps.len() + 1 {
        let (dir, mut target) = killed_after(records, &plan, &start);
        let mut executor = Executor::open(dir.path(), None).unwrap();
        let settled = executor
            .settle(&second.release, &mut target, &mut |_| {})
            .unwrap();
        assert_eq!(
            settled,
            Some(Settled::Resumed(Finished::Done)),
            "after {records} records"
        );
        assert!(Plan::try_new(&target.now, &second).unwrap().is_empty());
    }
}

#[test]
fn a_run_killed_at_any_record_is_undone_by_one_that_wants_something_else() {
    let (start, second) = two_releases();
    let plan = Plan::try_new(&start.now, &second).unwrap();
    for records in 1..=2 * plan.steps.len() + 1 {
        let (dir, mut target) = killed_after(records, &plan, &start);
        let mut executor = Executor::open(dir.path(), None).unwrap();
        let other = "r00000000000f".parse().unwrap();
        let settled = executor.settle(&other, &mut target, &mut |_| {}).unwrap();
        assert_eq!(settled, Some(Settled::Undone), "after {records} records");
        assert_eq!(
            comparable(&target.now),
            comparable(&start.now),
            "after {records} records"
        );
    }
}

#[test]
fn a_way_back_that_was_interrupted_goes_on_going_back() {
    let (start, second) = two_releases();
    let plan = Plan::try_new(&start.now, &second).unwrap();
    for undone in 0..plan.steps.len() {
        let (dir, mut target) = killed_after(2 * plan.steps.len() + 1, &plan, &start);
        let (mut journal, _) = plimsoll_store::Journal::open(dir.path()).unwrap();
        journal
            .append(&Record::Undoing {
                because: "a test".into(),
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

#[test]
fn a_second_change_waits_until_the_first_is_settled() {
    let (start, second) = two_releases();
    let plan = Plan::try_new(&start.now, &second).unwrap();
    let (dir, mut target) = killed_after(2, &plan, &start);
    let mut executor = Executor::open(dir.path(), None).unwrap();
    assert!(executor.run(plan, &mut target, &mut |_| {}).is_err());
}
