//! Plans in words.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Cohort;

use super::*;
use crate::record::{self, Record};
use crate::{CanaryStep, DesiredService, Group, Shifted, Strategy, Swap};

fn want(release: &str, revision: &str) -> Desired {
    Desired {
        release: release.parse().unwrap(),
        resources: BTreeMap::from([("db".into(), Digest::of(b"db"))]),
        listen: Digest::of(b"listen"),
        table: Digest::of(release.as_bytes()),
        services: BTreeMap::from([(
            "api".into(),
            DesiredService {
                revision: Digest::of(revision.as_bytes()),
                replicas: 2,
                migrate: true,
                rehearse: false,
                seed: true,
            },
        )]),
        strategy: Strategy::Rolling {
            surge: 1,
            unavailable: 0,
        },
    }
}

#[test]
fn a_first_deploy_brings_everything_from_nothing_in_order() {
    let plan = Plan::try_new(&Observed::default(), &want("r000000000001", "one")).unwrap();
    assert_eq!(
        plan.lines(),
        [
            "have db ready",
            "open the edge",
            "migrate the schema of api",
            "fill api with development data",
            "api of r000000000001: 0 to 2 replicas",
            "route by r000000000001",
            "r000000000001 is in force",
        ]
    );
}

/// `first` in force as it should be, with two replicas.
fn in_force(first: &Desired) -> Observed {
    let mut now = Observed {
        release: Some(first.release.clone()),
        listening: Some((first.release.clone(), first.listen.clone())),
        routed: Some((first.release.clone(), first.table.clone())),
        ..Observed::default()
    };
    let group = Group {
        revision: first.services["api"].revision.clone(),
        release: first.release.clone(),
        cohort: Cohort::Stable,
        wanted: 2,
        ready: 2,
    };
    now.services.insert("api".into(), vec![group]);
    now
}

fn change(strategy: Strategy) -> Vec<String> {
    let first = want("r000000000001", "one");
    let mut second = Desired {
        strategy,
        ..want("r000000000002", "two")
    };
    second.resources.clear();
    if let Some(service) = second.services.get_mut("api") {
        (service.migrate, service.seed) = (false, false);
    }
    Plan::try_new(&in_force(&first), &second).unwrap().lines()
}

#[test]
fn a_rolling_change_starts_one_before_it_stops_one() {
    let strategy = Strategy::Rolling {
        surge: 1,
        unavailable: 0,
    };
    assert_eq!(
        change(strategy),
        [
            "api of r000000000002: 0 to 1 replica",
            "api of r000000000001: 2 to 1 replica",
            "api of r000000000002: 1 to 2 replicas",
            "api of r000000000001: 1 to 0 replicas",
            "route by r000000000002",
            "r000000000002 is in force",
        ]
    );
}

#[test]
fn a_canary_is_judged_beside_fresh_replicas_and_the_old_ones_stay_until_it_has_everything() {
    let step = |share| CanaryStep {
        share,
        hold_ms: 60_000,
    };
    let strategy = Strategy::Canary {
        steps: vec![step(50), step(500)],
    };
    assert_eq!(
        change(strategy),
        [
            "api of r000000000001: 0 to 1 fresh replica",
            "api of r000000000002: 0 to 1 canary replica",
            "send 5% of new requests to r000000000002",
            "judge r000000000002 at 5% for 60 s",
            "send 50% of new requests to r000000000002",
            "judge r000000000002 at 50% for 60 s",
            "api of r000000000001: 1 to 0 fresh replicas",
            "api of r000000000002: 1 to 2 canary replicas",
            "send all new requests to r000000000002",
            "api of r000000000001: 2 to 0 replicas",
            "r000000000002 is the stable release",
            "r000000000002 is in force",
        ]
    );
}

#[test]
fn blue_green_moves_all_requests_at_once_and_keeps_the_old_ones() {
    let strategy = |keep_warm_ms| Strategy::BlueGreen {
        keep_warm_ms,
        judge_ms: 10_000,
    };
    let warm = [
        "api of r000000000002: 0 to 2 canary replicas",
        "send all new requests to r000000000002",
        "judge r000000000002 at 100% for 10 s",
        "r000000000002 is in force",
    ];
    assert_eq!(change(strategy(600_000)), warm);
    let cold = [
        "api of r000000000001: 2 to 0 replicas",
        "r000000000002 is the stable release",
    ];
    assert_eq!(
        change(strategy(0)),
        [&warm[..3], &cold, &warm[3..]].concat()
    );
}

#[test]
fn the_way_back_to_what_was_kept_warm_is_one_move() {
    let (first, second) = (want("r000000000001", "one"), want("r000000000002", "two"));
    let mut now = in_force(&first);
    let mut canary = now.services["api"][0].clone();
    canary.revision = second.services["api"].revision.clone();
    canary.release = second.release.clone();
    canary.cohort = Cohort::Canary;
    now.services.get_mut("api").unwrap().push(canary);
    now.shift = Some(Shifted {
        to: second.release.clone(),
        share: 1000,
    });
    now.release = Some(second.release.clone());
    now.routed = Some((second.release.clone(), second.table.clone()));
    let mut back = first;
    back.resources.clear();
    back.services.get_mut("api").unwrap().migrate = false;
    back.services.get_mut("api").unwrap().seed = false;
    let plan = Plan::try_new(&now, &back).unwrap();
    assert_eq!(
        plan.lines(),
        [
            "send no new requests to r000000000002",
            "api of r000000000002: 2 to 0 canary replicas",
            "r000000000001 is in force",
        ]
    );
    let table = Swap {
        from: Some("r000000000002".parse().unwrap()),
        to: Some("r000000000001".parse().unwrap()),
    };
    assert!(matches!(&plan.steps[0], Step::Shift { table: Some(swap), .. } if *swap == table));
}

#[test]
fn a_rollout_that_can_never_move_is_refused() {
    let stuck = [
        Strategy::Rolling {
            surge: 0,
            unavailable: 0,
        },
        Strategy::Canary { steps: Vec::new() },
    ];
    for strategy in stuck {
        let want = Desired {
            strategy,
            ..want("r000000000001", "one")
        };
        let error = Plan::try_new(&Observed::default(), &want).unwrap_err();
        assert_eq!(error, PlanError::Stuck);
    }
}

#[test]
fn a_plan_survives_the_journal() {
    let plan = Plan::try_new(&Observed::default(), &want("r000000000001", "one")).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn a_plan_and_a_journal_of_version_one_still_read() {
    let text = include_str!("../../tests/formats/journal.v1.json");
    let records: Vec<Record> = serde_json::from_str(text).unwrap();
    let open = record::unfinished(&records).unwrap();
    assert_eq!((open.begun, open.applied), (2, 1));
    assert_eq!(
        open.plan.lines(),
        [
            "api of r000000000002: 0 to 1 replica",
            "route by r000000000002",
            "r000000000002 is in force",
        ]
    );
    // What is not of a newer kind is written as before.
    let again: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&records).unwrap(), again);
}

#[test]
fn every_migration_is_tried_before_the_first_one_runs_where_there_is_a_schema() {
    let wanted = |release| {
        let mut want = want(release, release);
        for service in want.services.values_mut() {
            service.rehearse = true;
        }
        let api = want.services["api"].clone();
        want.services.insert("billing".into(), api);
        want
    };
    let (first, second) = (wanted("r000000000001"), wanted("r000000000002"));
    let is_try = |line: &String| line.starts_with("try the migration of ");
    let lines = Plan::try_new(&Observed::default(), &first).unwrap().lines();
    assert!(!lines.iter().any(is_try), "{lines:?}");

    let mut now = in_force(&first);
    let services = ["api", "billing"].map(|name| (first.release.clone(), name.to_owned()));
    now.migrated.extend(services);
    let lines = Plan::try_new(&now, &second).unwrap().lines();
    let last_try = lines.iter().rposition(is_try).unwrap();
    let first_run = lines
        .iter()
        .position(|line| line.starts_with("migrate the schema of "))
        .unwrap();
    assert_eq!(lines.iter().filter(|line| is_try(line)).count(), 2);
    assert!(last_try < first_run, "{lines:?}");
}
