//! A change that fails and is not to be taken back: it stops where the release before has all requests, and whatever
//! comes next begins from there.

use plimsoll_bundle::endpoints::Cohort;

use crate::memory::Memory;
use crate::record::Record;
use crate::seams::{Mortal, assert_one_release, change, strategies, want};
use crate::{Executor, Finished, Group, Observed, Plan, Settled, Strategy};

/// Who has the requests: the replicas that get any, what the canaries get, and the table.
fn requests(now: &Observed) -> impl PartialEq + std::fmt::Debug {
    let serves = |group: &&Group| match group.cohort {
        Cohort::Stable => true,
        Cohort::Canary => now.share() > 0,
        Cohort::Fresh => false,
    };
    let groups = |groups: &Vec<Group>| groups.iter().filter(serves).cloned().collect::<Vec<_>>();
    let services = now.services.iter();
    let services = services.map(|(name, all)| (name.clone(), groups(all)));
    (
        now.release.clone(),
        now.routed.clone(),
        now.share(),
        services.collect::<Vec<_>>(),
    )
}

/// Every strategy, and every step at which its change can fail.
fn every_failure(mut check: impl FnMut(&Strategy, usize, (&Memory, &Plan))) {
    for strategy in strategies() {
        let (start, _, plan) = change(&strategy);
        for failing in 0..plan.steps.len() {
            check(&strategy, failing, (&start, &plan));
        }
    }
}

/// In memory where there is such a place: hundreds of journals are flushed record by record here.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn stopped(
    dir: &std::path::Path,
    failing: usize,
    (start, plan): (&Memory, &Plan),
) -> (Memory, Finished) {
    let mut target = Mortal {
        inner: start.clone(),
        calls_left: failing,
    };
    let mut executor = Executor::open(dir, None).unwrap().undoing(false);
    let ended = executor.run(plan.clone(), &mut target, &mut |_| {});
    (target.inner, ended.unwrap())
}

#[test]
fn wherever_it_fails_the_release_before_has_all_requests_and_the_rest_is_said() {
    let mut left = 0;
    every_failure(|strategy, failing, (start, plan)| {
        let dir = folder();
        let (target, ended) = stopped(dir.path(), failing, (start, plan));
        let context = format!("{strategy:?} failing at {}", plan.steps[failing].describe());
        assert_eq!(requests(&target.now), requests(&start.now), "{context}");
        let executor = Executor::open(dir.path(), None).unwrap();
        assert_eq!(executor.unfinished(), None, "{context}");
        if plan.harmless(failing) == 0 {
            assert!(matches!(ended, Finished::Undone { .. }), "{context}");
            assert_eq!(executor.standing(), None, "{context}");
            return;
        }
        let Finished::Stopped { step, error, kept } = ended else {
            panic!("{context}: {ended:?}")
        };
        assert_eq!(step, plan.steps[failing], "{context}");
        assert_eq!(kept, plan.steps[..kept.len()], "{context}");
        let standing = executor.standing().unwrap();
        assert_eq!(
            (&standing.to, &standing.because),
            (&plan.to, &error.message)
        );
        left += kept.len();
    });
    assert!(left > 0);
}

#[test]
fn what_was_left_standing_is_gone_on_with_taken_back_or_replaced() {
    every_failure(|strategy, failing, (start, plan)| {
        for goal in [2, 1, 3] {
            let dir = folder();
            let (mut target, _) = stopped(dir.path(), failing, (start, plan));
            let stands = plan.harmless(failing) > 0;
            let context = format!("{strategy:?} failing at {failing}, then release {goal}");
            let wish = want(u32::from(goal), goal, strategy);
            target.documents.insert(wish.release.clone(), wish.clone());
            let plan = Plan::try_new(&target.now, &wish).unwrap();
            let mut executor = Executor::open(dir.path(), None).unwrap();
            assert_eq!(executor.standing().is_some(), stands, "{context}");
            let ended = executor.run(plan, &mut target, &mut |_| {}).unwrap();
            assert_eq!(ended, Finished::Done, "{context}");
            assert_one_release(&target.now, &wish, &context);
            assert_eq!(executor.standing(), None, "{context}");
            let again = Executor::open(dir.path(), None).unwrap();
            assert_eq!(again.standing(), None, "{context}");
        }
    });
}

/// A second change over what the first has left, which is taken back: the first one's remains are there again.
#[test]
fn a_change_that_is_taken_back_leaves_what_an_earlier_one_had_left() {
    let (start, second, plan) = change(&strategies()[2]);
    let dir = folder();
    let failing = plan.steps.len() - 3;
    let (target, _) = stopped(dir.path(), failing, (&start, &plan));
    let again = Plan::try_new(&target.now, &second).unwrap();
    let mut target = Mortal {
        inner: target,
        calls_left: again.steps.len() - 1,
    };
    let mut executor = Executor::open(dir.path(), None).unwrap();
    let ended = executor
        .run(again.clone(), &mut target, &mut |_| {})
        .unwrap();
    assert!(matches!(ended, Finished::Undone { .. }), "{ended:?}");
    assert!(executor.standing().is_some());
    target.calls_left = 0;
    let mut executor = executor.undoing(false);
    let ended = executor.run(again, &mut target, &mut |_| {}).unwrap();
    let Finished::Stopped { kept, .. } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(kept, [], "all that stands is the first one's");
    let mut executor = Executor::open(dir.path(), None).unwrap();
    assert!(executor.standing().is_some(), "and it is remembered");
    let nothing = Plan {
        steps: Vec::new(),
        ..plan
    };
    executor
        .run(nothing, &mut target.inner, &mut |_| {})
        .unwrap();
    assert_eq!(executor.standing(), None, "there is nothing to do");
}

/// Killed at every record of the way to where it stops.
#[test]
fn one_that_is_killed_while_it_stops_goes_on_stopping() {
    every_failure(|strategy, failing, (start, plan)| {
        let keep = plan.harmless(failing);
        let back: Vec<usize> = (keep..=failing).rev().collect();
        for undone in 0..=back.len() {
            let dir = folder();
            let (mut journal, _) = plimsoll_store::Journal::open(dir.path()).unwrap();
            let mut target = start.clone();
            let mut write = |record: Record| journal.append(&record).unwrap();
            write(Record::Begin { plan: plan.clone() });
            for index in 0..=failing {
                write(Record::Applying { index });
                crate::Target::apply(&mut target, &plan.steps[index]).unwrap();
                if index < failing {
                    write(Record::Applied { index });
                }
            }
            let because = "a test".to_owned();
            write(Record::Undoing { because, keep });
            for index in &back[..undone] {
                crate::Target::undo(&mut target, &plan.steps[*index]).unwrap();
                write(Record::Undone { index: *index });
            }
            drop(journal);
            let context = format!("{strategy:?} failing at {failing}, {undone} taken back");
            let mut executor = Executor::open(dir.path(), None).unwrap();
            let settled = executor.settle(&plan.to, &mut target, &mut |_| {}).unwrap();
            let expected = if keep == 0 {
                Settled::Undone
            } else {
                Settled::Stopped
            };
            assert_eq!(settled, Some(expected), "{context}");
            assert_eq!(requests(&target.now), requests(&start.now), "{context}");
            let left = Executor::open(dir.path(), None).unwrap().standing();
            let because = left.map(|left| left.because);
            assert_eq!(
                because,
                (keep > 0).then(|| "a test".to_owned()),
                "{context}"
            );
        }
    });
}
