use std::collections::HashMap;
use std::ops::ControlFlow;

use super::*;
use crate::engine::{RunOptions, run};
use crate::ingest::{Ingested, Limits, ingest};
use crate::outcome::Outcome;
use crate::rules::RuleSet;

fn files(data: &Dataset) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut left, mut right, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    data.write_left(&mut left).unwrap();
    data.write_right(&mut right).unwrap();
    data.write_truth(&mut truth).unwrap();
    (left, right, truth)
}

/// State and partner of every row of a side, by row number.
fn found(side: Side, file: &Ingested, other: &Ingested, outcome: &Outcome) -> Vec<Found> {
    let mut found = vec![None; usize::try_from(file.rows_in).unwrap()];
    let mut put = |row: u64, value: Found| {
        let slot = &mut found[usize::try_from(row).unwrap() - 1];
        assert!(slot.is_none(), "{side:?} row {row} is in two states");
        *slot = Some(value);
    };
    for place in 0..file.store.len() {
        let partner = outcome.match_of(side, place).map(|id| {
            let found = outcome.get(id).unwrap();
            let rows = if side == Side::Left {
                found.right
            } else {
                found.left
            };
            other.store.row_id(rows[0] as usize)
        });
        put(
            file.store.row_id(place),
            (outcome.state(side, place), partner),
        );
    }
    for row in &file.duplicates {
        put(row.row.into(), (RowState::Duplicate, None));
    }
    for row in &file.rejected {
        put(row.row.into(), (RowState::Rejected, None));
    }
    found
        .into_iter()
        .map(|value| value.expect("every row is in a state"))
        .collect()
}

type Found = (RowState, Option<u64>);

fn ends_in_the_truth(config: &Config) {
    let wrong = wrong_rows(config, &RuleSet::bank_default());
    assert!(
        wrong.is_empty(),
        "{} rows differ: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );
}

fn wrong_rows(config: &Config, rules: &RuleSet) -> Vec<String> {
    let data = generate(config);
    let (left, right, truth) = files(&data);
    let limits = Limits::default();
    let left = ingest(&left[..], &left_mapping().compile().unwrap(), &limits).unwrap();
    let right = ingest(&right[..], &right_mapping().compile().unwrap(), &limits).unwrap();
    assert_eq!(
        (left.rows_in, right.rows_in),
        (config.rows.into(), config.rows.into())
    );
    let options = RunOptions {
        hash_seed: config.seed,
    };
    let outcome = run(rules, &left.store, &right.store, options, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let lefts = found(Side::Left, &left, &right, &outcome);
    let rights = found(Side::Right, &right, &left, &outcome);

    // The truth is read back from its file, as anybody else would.
    let mut reader = csv::Reader::from_reader(&truth[..]);
    let mut rows = Vec::new();
    let mut members: HashMap<(String, String), u64> = HashMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        let text = |place: usize| record[place].to_owned();
        let row: u64 = record[2].parse().unwrap();
        if !record[0].is_empty() {
            let before = members.insert((text(0), text(1)), row);
            assert_eq!(
                before, None,
                "a match of the truth has one row of each side"
            );
        }
        rows.push((text(0), text(1), row, text(4), text(5)));
    }
    assert_eq!(rows.len(), lefts.len() + rights.len());
    let mut wrong = Vec::new();
    for (match_id, side, row, state, effect) in rows {
        let (found, other) = if side == "left" {
            (&lefts, "right")
        } else {
            (&rights, "left")
        };
        let partner = members.get(&(match_id, other.to_owned())).copied();
        let wanted = (RowState::from_name(&state).unwrap(), partner);
        let got = found[usize::try_from(row).unwrap() - 1];
        if got != wanted {
            wrong.push(format!(
                "{side} {row} ({effect}): {got:?}, wanted {wanted:?}"
            ));
        }
    }
    wrong
}

#[test]
fn generated_files_end_exactly_in_the_truth_for_every_size_and_seed() {
    for rows in [1, 2, 3, 10, 100, 1_000] {
        for seed in 0..20 {
            ends_in_the_truth(&Config::new(rows, seed));
        }
    }
    for seed in 100..103 {
        ends_in_the_truth(&Config::new(20_000, seed));
    }
}

#[test]
fn two_files_of_a_hundred_thousand_rows_end_exactly_in_the_truth() {
    ends_in_the_truth(&Config::new(100_000, 2026));
}

#[test]
fn files_made_of_one_effect_end_exactly_in_the_truth() {
    let none = Shares {
        drift: 0,
        date_lag: 0,
        reference_damage: 0,
        duplicate: 0,
        missing_left: 0,
        missing_right: 0,
        decoy: 0,
        reversal: 0,
        twins: 0,
        rejected: 0,
    };
    for shares in [
        Shares {
            drift: 1000,
            ..none
        },
        Shares {
            date_lag: 1000,
            ..none
        },
        Shares {
            reference_damage: 1000,
            ..none
        },
        Shares {
            duplicate: 1000,
            ..none
        },
        Shares {
            missing_left: 500,
            missing_right: 500,
            ..none
        },
        Shares {
            decoy: 1000,
            ..none
        },
        Shares {
            reversal: 1000,
            ..none
        },
        Shares {
            twins: 1000,
            ..none
        },
        Shares {
            rejected: 1000,
            ..none
        },
        none,
    ] {
        ends_in_the_truth(&Config {
            rows: 3_000,
            seed: 7,
            shares,
        });
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let make = |seed| files(&generate(&Config::new(500, seed)));
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
}

#[test]
fn every_effect_and_every_state_occurs_in_the_documented_mix() {
    let data = generate(&Config::new(20_000, 3));
    let mut effects = HashMap::<_, u32>::new();
    let mut states = HashMap::<_, u32>::new();
    for truth in data.truth() {
        *effects.entry(truth.effect).or_default() += 1;
        *states.entry(truth.state).or_default() += 1;
    }
    assert_eq!((effects.len(), states.len()), (11, RowState::ALL.len()));
}

#[test]
fn other_rules_do_not_end_in_the_truth() {
    use crate::rules::{Calendar, Comparator, DateWindow};
    for place in 0..RuleSet::bank_default().passes.len() {
        let mut rules = RuleSet::bank_default();
        rules.passes[place].enabled = false;
        let wrong = wrong_rows(&Config::new(2_000, 5), &rules);
        assert!(!wrong.is_empty(), "without pass {place} nothing is missed");
    }
    let mut narrow = RuleSet::bank_default();
    let window = DateWindow {
        before: 3,
        after: 2,
        calendar: Calendar::Calendar,
    };
    narrow.passes[1].compare[1] = Comparator::DateWindow(window);
    assert!(!wrong_rows(&Config::new(2_000, 5), &narrow).is_empty());
}
