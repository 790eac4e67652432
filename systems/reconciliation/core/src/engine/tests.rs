use std::collections::BTreeSet;

use proptest::prelude::*;

use super::compare::{Checks, allowed};
use super::keys::SideKeys;
use super::*;
use crate::currency::Ccy;
use crate::date::Day;
use crate::outcome::{RowState, Side};
use crate::rules::{AmountTolerance, Comparator, Field};
use crate::txn::Txn;

/// A transaction out of a small world, in which rows often meet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    id: u64,
    day: i32,
    minor: i64,
    ccy: &'static str,
    ext_id: &'static str,
    reference: &'static str,
    party: &'static str,
}

fn store(rows: &[Row]) -> TxnStore {
    let mut store = TxnStore::new();
    for row in rows {
        let txn = Txn {
            row_id: row.id,
            booking_date: Day::from_days(20_000 + row.day),
            value_date: None,
            amount_minor: row.minor,
            ccy: Ccy::from_code(row.ccy.as_bytes()).unwrap(),
            ext_id: row.ext_id,
            reference: row.reference,
            counterparty: row.party,
            description: "",
            kind: "",
        };
        store.push(&txn).unwrap();
    }
    store
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..9_i32,
        prop_oneof![995..1005_i64, -3..3_i64],
        prop::sample::select(vec!["USD", "USD", "EUR", "JPY"]),
        prop::sample::select(vec!["", "", "", "E1", "E2", "E3"]),
        prop::sample::select(vec![
            "",
            "R1",
            "r-1",
            "R2",
            "R3",
            "a reference of more than twenty-four bytes",
        ]),
        prop::sample::select(vec!["", "Acme Ltd", "ACME", "Birch Inc"]),
    );
    prop::collection::vec(row, 0..28).prop_map(|rows| {
        let numbered = (1_u64..).zip(rows);
        numbered
            .map(
                |(row_id, (day, minor, ccy, ext_id, reference, party))| Row {
                    // Spread, so that ids are not places.
                    id: row_id * 37 % 101,
                    day,
                    minor,
                    ccy,
                    ext_id,
                    reference,
                    party,
                },
            )
            .collect()
    })
}

fn pass() -> impl Strategy<Value = Pass> {
    let block = prop::sample::select(vec![
        r#"[{"field":"reference","norm":["upper_alnum"]}]"#,
        r#"[{"field":"reference"},{"field":"ccy"}]"#,
        r#"[{"field":"ext_id"}]"#,
        r#"[{"field":"counterparty","norm":["company_suffix","upper_alnum"]}]"#,
        r#"[{"field":"amount"},{"field":"counterparty"}]"#,
        r#"[{"field":"booking_date"}]"#,
        "[]",
    ]);
    let window = (
        0..4_u16,
        0..4_u16,
        prop::sample::select(vec!["calendar", "business"]),
    );
    let amount = prop_oneof![
        Just(r#"{"exact":{"field":"amount"}}"#.to_owned()),
        (0..4_u64, prop::sample::select(vec![0, 20, 50, 10_000])).prop_map(|(abs, bp)| {
            format!(r#"{{"amount_tol":{{"abs_minor":{abs},"pct_bp":{bp}}}}}"#)
        }),
    ];
    let exact = prop::sample::select(vec!["", r#",{"exact":{"field":"counterparty"}}"#]);
    let ambiguity = prop::sample::select(vec![
        r#""suggest""#,
        r#""skip""#,
        r#"{"best_with_margin":{"margin_pct":5}}"#,
    ]);
    let variance = prop::sample::select(vec![
        r#""none""#,
        r#"{"adjustment":{"account":"fees","max_minor":2}}"#,
    ]);
    let outcome = prop::sample::select(vec!["confirmed", "suggested"]);
    (block, amount, window, exact, ambiguity, variance, outcome).prop_map(
        |(block, amount, (before, after, calendar), exact, ambiguity, variance, outcome)| {
            let window = format!(
                r#"{{"date_window":{{"before":{before},"after":{after},"calendar":"{calendar}"}}}}"#
            );
            let document = format!(
                r#"{{"name":"p","kind":"one_to_one","block":{block},"compare":[{amount},{window}{exact}],
                "outcome":"{outcome}","on_ambiguity":{ambiguity},"variance":{variance}}}"#
            );
            serde_json::from_str(&document).unwrap()
        },
    )
}

fn rules() -> impl Strategy<Value = RuleSet> {
    prop::collection::vec(pass(), 1..4).prop_map(|mut passes| {
        for (place, pass) in passes.iter_mut().enumerate() {
            pass.name = format!("pass {place}");
        }
        RuleSet {
            name: "test".into(),
            version: 1,
            passes,
        }
    })
}

fn reconcile(rules: &RuleSet, left: &TxnStore, right: &TxnStore) -> Outcome {
    run(rules, left, right, RunOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// Left id, right id, pass, status, ambiguous.
type Found = BTreeSet<(u64, u64, usize, String, bool)>;

fn found(outcome: &Outcome, left: &TxnStore, right: &TxnStore) -> Found {
    outcome
        .matches()
        .map(|found| {
            let (l, r) = (found.left[0] as usize, found.right[0] as usize);
            let status = format!("{:?}", found.status);
            (
                left.row_id(l),
                right.row_id(r),
                found.pass,
                status,
                found.ambiguous,
            )
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn p1_p2_p4_every_row_and_every_amount_is_in_exactly_one_state(
        rules in rules(), lefts in rows(), rights in rows(),
    ) {
        let (left, right) = (store(&lefts), store(&rights));
        let outcome = reconcile(&rules, &left, &right);
        prop_assert_eq!(outcome.check_conservation(&left, &right), Ok(()));
        for (side, store, rows) in [(Side::Left, &left, &lefts), (Side::Right, &right, &rights)] {
            prop_assert_eq!(outcome.counts(side).total(), rows.len() as u64);
            let mut seen = BTreeSet::new();
            for found in outcome.matches() {
                let members = if side == Side::Left { found.left } else { found.right };
                for row in members {
                    prop_assert!(seen.insert(*row), "a row in two matches");
                    prop_assert_eq!(outcome.match_of(side, *row as usize), Some(found.id));
                }
            }
            let open = (0..rows.len()).filter(|row| outcome.state(side, *row) == RowState::Unmatched);
            prop_assert_eq!(open.count() + seen.len(), rows.len());
            for total in outcome.totals(side, store) {
                let of_ccy = rows.iter().filter(|row| row.ccy == total.ccy.code());
                let sum: i128 = of_ccy.map(|row| i128::from(row.minor)).sum();
                prop_assert_eq!(total.matched_minor + total.suggested_minor + total.unmatched_minor, sum);
            }
        }
    }

    #[test]
    fn p3_p8_a_match_holds_all_that_its_pass_asks_and_one_currency(
        rules in rules(), lefts in rows(), rights in rows(),
    ) {
        let (left, right) = (store(&lefts), store(&rights));
        let outcome = reconcile(&rules, &left, &right);
        for found in outcome.matches() {
            let (l, r) = (found.left[0] as usize, found.right[0] as usize);
            prop_assert_eq!(left.ccy(l), right.ccy(r));
            let evidence = outcome.evidence(&found, &rules, (&left, &right));
            prop_assert!(!evidence.is_empty() && evidence.iter().all(|item| item.pass), "{:?}", evidence);
            let variance = found.variance_minor(&left, &right);
            prop_assert_eq!(variance, i128::from(lefts[l].minor) - i128::from(rights[r].minor));
            for comparator in &rules.passes[found.pass].compare {
                let most = match comparator {
                    Comparator::AmountTol(tolerance) => allowed(tolerance, lefts[l].minor, rights[r].minor),
                    Comparator::Exact(key) if key.field == Field::Amount => 0,
                    _ => u64::MAX,
                };
                prop_assert!(variance.unsigned_abs() <= u128::from(most));
            }
        }
    }

    #[test]
    fn p5_neither_the_order_of_rows_nor_the_seed_of_the_hash_matters(
        rules in rules(), lefts in rows(), rights in rows(), turn in 0_usize..30, seed in any::<u64>(),
    ) {
        let (left, right) = (store(&lefts), store(&rights));
        let first = found(&reconcile(&rules, &left, &right), &left, &right);
        let (mut lefts, mut rights) = (lefts, rights);
        let (len_l, len_r) = (lefts.len().max(1), rights.len().max(1));
        lefts.rotate_left(turn % len_l);
        rights.rotate_right(turn % len_r);
        rights.reverse();
        let (left, right) = (store(&lefts), store(&rights));
        let options = RunOptions { hash_seed: seed };
        let again = run(&rules, &left, &right, options, &mut |_| ControlFlow::Continue(())).unwrap();
        prop_assert_eq!(first, found(&again, &left, &right));
    }

    #[test]
    fn keys_that_collide_are_told_apart_by_their_bytes(
        pass in pass(), lefts in rows(), rights in rows(),
    ) {
        let rules = RuleSet { name: "one".into(), version: 1, passes: vec![pass] };
        let pass = &rules.passes[0];
        let (left, right) = (store(&lefts), store(&rights));
        let first = found(&reconcile(&rules, &left, &right), &left, &right);
        let mut go_on = |_: Progress<'_>| ControlFlow::Continue(());
        let mut state = State::new(&rules, &left, &right, &mut go_on);
        state.begin(0, pass);
        let mut keys = (SideKeys::left(pass, &left, 0), SideKeys::right(pass, &right, 0));
        (keys.0.mask, keys.1.mask) = (0, 0);
        join::join(pass, &keys, &mut state).unwrap();
        prop_assert_eq!(first, found(&state.into_outcome(), &left, &right));
    }

    #[test]
    fn p6_swapped_sides_give_the_mirrored_result(rules in rules(), lefts in rows(), rights in rows()) {
        let (left, right) = (store(&lefts), store(&rights));
        let there: Found = found(&reconcile(&rules, &left, &right), &left, &right)
            .into_iter()
            .map(|(l, r, pass, status, ambiguous)| (r, l, pass, status, ambiguous))
            .collect();
        let mut mirrored = rules;
        for comparator in mirrored.passes.iter_mut().flat_map(|pass| &mut pass.compare) {
            if let Comparator::DateWindow(window) = comparator {
                (window.before, window.after) = (window.after, window.before);
            }
        }
        let back = found(&reconcile(&mirrored, &right, &left), &right, &left);
        prop_assert_eq!(there, back);
    }

    #[test]
    fn p7_a_row_with_a_fresh_key_changes_no_other_match(
        rules in rules(), lefts in rows(), rights in rows(), at in 0_usize..30,
    ) {
        let (left, right) = (store(&lefts), store(&rights));
        let before = found(&reconcile(&rules, &left, &right), &left, &right);
        let fresh = Row {
            id: 999, day: 100, minor: 777_777, ccy: "KWD", ext_id: "F", reference: "F", party: "F",
        };
        let mut more = lefts.clone();
        more.insert(at.min(lefts.len()), fresh);
        let left = store(&more);
        prop_assert_eq!(before, found(&reconcile(&rules, &left, &right), &left, &right));
    }

    #[test]
    fn no_two_open_rows_are_left_that_a_suggesting_pass_would_have_matched(
        pass in pass(), lefts in rows(), rights in rows(),
    ) {
        let rules = RuleSet {
            name: "one".into(),
            version: 1,
            passes: vec![Pass { on_ambiguity: crate::rules::OnAmbiguity::Suggest, ..pass }],
        };
        let (left, right) = (store(&lefts), store(&rights));
        let outcome = reconcile(&rules, &left, &right);
        let pass = &rules.passes[0];
        let checks = Checks::new(pass);
        let is_open = |side, row| outcome.state(side, row) == RowState::Unmatched;
        for l in (0..lefts.len()).filter(|row| is_open(Side::Left, *row)) {
            for r in (0..rights.len()).filter(|row| is_open(Side::Right, *row)) {
                let same_key = left.ccy(l) == right.ccy(r)
                    && evidence(pass, (&left, l), (&right, r)).iter()
                        .filter(|item| item.name.starts_with("block"))
                        .all(|item| item.pass && !item.left.is_empty());
                let is_candidate = same_key && checks.score((&left, l), (&right, r)).is_some();
                prop_assert!(!is_candidate, "{:?} and {:?}", lefts[l], rights[r]);
            }
        }
    }

    #[test]
    fn p11_a_wider_tolerance_loses_no_candidate(
        pass in pass(), lefts in rows(), rights in rows(), more in 0_u64..5, bp in 0_u32..100, days in 0_u16..3,
    ) {
        let mut wider = pass.clone();
        for comparator in &mut wider.compare {
            match comparator {
                Comparator::AmountTol(AmountTolerance { abs_minor, pct_bp }) => {
                    *abs_minor += more;
                    *pct_bp = (*pct_bp + bp).min(10_000);
                }
                Comparator::DateWindow(window) => {
                    window.before += days;
                    window.after += days;
                }
                _ => {}
            }
        }
        let (narrow, wide) = (Checks::new(&pass), Checks::new(&wider));
        let (left, right) = (store(&lefts), store(&rights));
        for l in 0..lefts.len() {
            for r in 0..rights.len() {
                if narrow.score((&left, l), (&right, r)).is_some() {
                    prop_assert!(wide.score((&left, l), (&right, r)).is_some());
                    let variance = left.amount_minor(l).abs_diff(right.amount_minor(r));
                    prop_assert!(variance <= wide.amount_reach(left.amount_minor(l)), "the search would miss it");
                }
            }
        }
    }
}

fn row(row_id: u64, day: i32, minor: i64, reference: &'static str) -> Row {
    Row {
        id: row_id,
        day,
        minor,
        ccy: "USD",
        ext_id: "",
        reference,
        party: "",
    }
}

fn by_reference(on_ambiguity: &str, compare: &str) -> RuleSet {
    let document = format!(
        r#"{{"name":"n","version":1,"passes":[{{"name":"p","kind":"one_to_one","block":[{{"field":"reference"}}],
        "compare":{compare},"outcome":"confirmed","on_ambiguity":{on_ambiguity}}}]}}"#
    );
    serde_json::from_str(&document).unwrap()
}

const EXACT: &str = r#"[{"exact":{"field":"amount"}},{"date_window":{"before":9,"after":9}}]"#;

fn check(rules: &RuleSet, lefts: &[Row], rights: &[Row], wanted: &[(u64, u64, &str, bool)]) {
    let (left, right) = (store(lefts), store(rights));
    let outcome = reconcile(rules, &left, &right);
    let found: Vec<_> = found(&outcome, &left, &right)
        .into_iter()
        .map(|(l, r, _, status, ambiguous)| (l, r, status, ambiguous))
        .collect();
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(l, r, status, amb)| (*l, *r, (*status).to_owned(), *amb))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_rival_turns_a_confirmed_match_into_a_suggested_one_or_none() {
    let lefts = [row(1, 0, 100, "R")];
    let rights = [row(7, 3, 100, "R"), row(8, 0, 100, "R")];
    check(
        &by_reference(r#""suggest""#, EXACT),
        &lefts,
        &rights,
        &[(1, 8, "Suggested", true)],
    );
    check(&by_reference(r#""skip""#, EXACT), &lefts, &rights, &[]);
    let margin = |pct: u8| {
        by_reference(
            &format!(r#"{{"best_with_margin":{{"margin_pct":{pct}}}}}"#),
            EXACT,
        )
    };
    // Three of ten days cost 6 hundredths of the score.
    check(&margin(5), &lefts, &rights, &[(1, 8, "Confirmed", false)]);
    check(&margin(6), &lefts, &rights, &[(1, 8, "Suggested", true)]);
}

#[test]
fn equal_rows_are_paired_by_date_and_then_in_the_order_of_their_ids() {
    let lefts = [
        row(2, 0, 100, "R"),
        row(1, 0, 100, "R"),
        row(3, 5, 100, "R"),
    ];
    let rights = [
        row(9, 5, 100, "R"),
        row(8, 0, 100, "R"),
        row(7, 0, 100, "R"),
    ];
    let wanted = [
        (1, 7, "Suggested", true),
        (2, 8, "Suggested", true),
        (3, 9, "Suggested", true),
    ];
    check(
        &by_reference(r#""suggest""#, EXACT),
        &lefts,
        &rights,
        &wanted,
    );
}

#[test]
fn missing_references_are_not_the_same_reference() {
    let blank = [row(1, 0, 100, "")];
    check(&by_reference(r#""suggest""#, EXACT), &blank, &blank, &[]);
}

#[test]
fn the_extremes_of_amounts_do_not_overflow() {
    let compare =
        r#"[{"amount_tol":{"abs_minor":5,"pct_bp":10000}},{"date_window":{"before":1,"after":1}}]"#;
    let lefts = [
        row(1, 0, i64::MAX, "R"),
        row(2, 0, -i64::MAX, "S"),
        row(3, 0, i64::MAX, "S"),
    ];
    let rights = [
        row(1, 0, i64::MAX - 4, "R"),
        row(2, 0, -i64::MAX, "S"),
        row(3, 0, -5, "S"),
    ];
    let (left, right) = (store(&lefts), store(&rights));
    let outcome = reconcile(&by_reference(r#""suggest""#, compare), &left, &right);
    assert!(
        outcome
            .matches()
            .any(|found| found.left == [0] && found.right == [0])
    );
}

#[test]
fn a_block_with_too_many_candidates_is_left_open_and_counted() {
    // One more row on a side than the limit allows when all fit all.
    let many: Vec<Row> = (1..=1025).map(|row_id| row(row_id, 0, 100, "R")).collect();
    let (left, right) = (store(&many), store(&many));
    let outcome = reconcile(&by_reference(r#""suggest""#, EXACT), &left, &right);
    assert_eq!(outcome.matches().len(), 0);
    assert_eq!(outcome.passes()[0].over_budget_rows, 2050);
    let fewer = store(&many[..1023]);
    let outcome = reconcile(&by_reference(r#""suggest""#, EXACT), &fewer, &right);
    assert_eq!(outcome.matches().len(), 1023);
}

#[test]
fn progress_never_falls_and_ends_at_the_total_and_a_break_stops_the_run() {
    let many: Vec<Row> = (1..=3000).map(|row_id| row(row_id, 0, 100, "R")).collect();
    let lefts: Vec<Row> = many
        .iter()
        .map(|row| Row {
            minor: 5 * row.id.cast_signed(),
            ..row.clone()
        })
        .collect();
    let (left, right) = (store(&lefts), store(&lefts));
    let rules = by_reference(r#""suggest""#, EXACT);
    let (mut last, mut matched) = (0, 0);
    run(
        &rules,
        &left,
        &right,
        RunOptions::default(),
        &mut |progress| {
            assert!(progress.processed >= last && progress.processed <= progress.total);
            (last, matched) = (progress.processed, progress.matched);
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert_eq!((last, matched), (6000, 3000));
    let stopped = run(&rules, &left, &right, RunOptions::default(), &mut |_| {
        ControlFlow::Break(())
    });
    assert!(matches!(stopped, Err(RunError::Cancelled)));
}

#[test]
fn a_rule_set_with_a_mistake_is_refused_before_anything_runs() {
    let rules = by_reference(r#""suggest""#, "[]");
    let empty = TxnStore::new();
    let refused = run(&rules, &empty, &empty, RunOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(refused, Err(RunError::Rules(errors)) if errors.len() == 1));
}
