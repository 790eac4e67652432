//! Every sentence of the documents is carried: by a claim in one of the three systems' files, under its own id.
//!
//! `fixtures/claims-ledger.tsv` lists what the documents say, a row a sentence. These tests hold the files to it, and
//! keep `docs/claims-coverage.md` what the files and the ledger give. To write that page anew:
//! `PLIMSOLL_BLESS=1 cargo test -p plimsoll-model --test claims_coverage`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod files;
mod ledger;
mod page;
mod settings;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::app::{Claim, Measured, Standing};
use plimsoll_model::measure;
use plimsoll_model::units::Dimension;

use files::systems;
use ledger::{Row, row_of, rows};

/// Contradictions whose sentence the owners no longer make, each with the rows that may be withdrawn for it. Every
/// other
/// row counts in the grade.
const WITHDRAWN: &[(&str, &[&str])] = &[
    ("A1-001", &["A1-001"]),
    ("C4-092", &["C4-092"]),
    ("X-05", &["A1-018"]),
    ("X-09", &["A2-014", "A2-015"]),
    ("X-10", &["A2-044"]),
    ("X-13", &["A0-005"]),
    ("X-16", &["A0-059"]),
    ("X-17", &["A1-024"]),
    ("X-19", &["A0-062", "A1-008", "A2-037"]),
    ("X-20", &["B3-022"]),
    ("X-28", &["C4-023"]),
    ("X-33", &["C4-078"]),
    ("X-41", &["B3-075"]),
];

#[test]
fn the_ledger_has_every_row_of_the_documents_once() {
    let mut counts = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for row in rows() {
        *counts.entry(row.system).or_insert(0) += 1;
        assert!(ids.insert(row.id), "{} stands twice", row.id);
    }
    let wanted = [("cultivai", 95), ("logistics", 86), ("reconciliation", 196)];
    assert_eq!(counts, BTreeMap::from(wanted));
}

#[test]
fn every_row_of_the_ledger_has_a_claim_in_the_file_of_its_system() {
    let systems = systems();
    let missing: Vec<&str> = rows()
        .filter(|row| {
            let claims = &systems[row.system].claims;
            !claims.keys().any(|id| row_of(id) == Some(row.id))
        })
        .map(|row| row.id)
        .collect();
    assert!(missing.is_empty(), "no claim for {missing:?}");
}

#[test]
fn every_claim_with_an_id_of_the_documents_is_a_row_of_its_systems_ledger() {
    let ledger: BTreeMap<&str, Row<'_>> = rows().map(|row| (row.id, row)).collect();
    for (name, app) in systems() {
        for id in app.claims.keys() {
            let row = row_of(id).and_then(|row| ledger.get(row));
            assert_eq!(
                row.map(|row| row.system),
                Some(name.as_str()),
                "{name}: {id}"
            );
        }
    }
}

#[test]
fn a_row_with_several_numbers_has_letters_from_a_on_and_no_gap() {
    for (name, app) in systems() {
        let mut letters: BTreeMap<&str, String> = BTreeMap::new();
        for id in app.claims.keys() {
            let row = row_of(id).unwrap();
            letters.entry(row).or_default().push_str(&id[row.len()..]);
        }
        for (row, letters) in letters {
            let wanted: String = ('a'..='z').take(letters.len()).collect();
            assert!(
                letters.len() != 1 && letters == wanted,
                "{name}: {row} has letters `{letters}`"
            );
        }
    }
}

#[test]
fn only_what_a_contradiction_refutes_is_withdrawn_and_each_one_is_shown() {
    let allowed: BTreeMap<&str, &[&str]> = WITHDRAWN.iter().copied().collect();
    let mut shown = BTreeSet::new();
    for (id, claim) in measured() {
        if claim.standing == Standing::Made {
            assert!(
                claim.because.is_none(),
                "{id} counts, so `because` says nothing"
            );
            continue;
        }
        let because = claim.because.clone().unwrap_or_default();
        let rows = allowed.get(because.as_str());
        let row = row_of(&id).unwrap();
        assert!(
            rows.is_some_and(|rows| rows.contains(&row)),
            "{id} may not be withdrawn for {because}"
        );
        shown.insert(because);
    }
    let wanted: BTreeSet<String> = allowed.keys().map(|key| (*key).to_owned()).collect();
    assert_eq!(shown, wanted);
}

#[test]
fn a_bound_is_the_ledgers_or_says_whose_it_is() {
    let ledger: BTreeMap<&str, Row<'_>> = rows().map(|row| (row.id, row)).collect();
    let mut strange = Vec::new();
    for (id, claim) in measured() {
        let explained = claim.note.is_some() || claim.means.is_some();
        let row = &ledger[row_of(&id).unwrap()];
        if !explained && !agrees(&claim, row) {
            strange.push(format!(
                "{id}: {} {}, and the row says {}",
                claim.measure, claim.bound, row.value
            ));
        }
    }
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn a_bound_that_the_ledger_does_not_have_is_noticed() {
    let row = rows().find(|row| row.id == "A0-022").unwrap();
    let mut claim = measured().remove("A0-022a").unwrap();
    assert!(agrees(&claim, &row));
    claim.bound = "<= 61MB".parse().unwrap();
    assert!(!agrees(&claim, &row));
    claim.bound = "<= 6MB".parse().unwrap();
    assert!(!agrees(&claim, &row));
}

#[test]
fn a_claim_about_other_claims_names_rows_that_exist() {
    let ids: BTreeSet<&str> = rows().map(|row| row.id).collect();
    for (id, claim) in measured() {
        if claim.measure == "claims.proven" {
            let named = claim.with.unwrap_or_default();
            assert!(
                named.split(' ').all(|named| ids.contains(named)),
                "{id}: {named}"
            );
            assert!(!named.contains(row_of(&id).unwrap()), "{id} names itself");
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a page of the repository, which git keeps, not state"
)]
fn the_page_of_coverage_is_what_files_and_ledger_give() {
    let wanted = page::write(systems());
    let path = page::path();
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = wanted
        .lines()
        .zip(found.lines())
        .find(|(wanted, found)| wanted != found);
    assert!(
        found == wanted,
        "docs/claims-coverage.md is stale: run with PLIMSOLL_BLESS=1; first difference: {differs:#?}"
    );
}

/// Every claim of every system that a measurement decides.
fn measured() -> BTreeMap<String, Measured> {
    let claims = systems().values().flat_map(|app| app.claims.clone());
    let measured = claims.filter_map(|(id, claim)| match claim {
        Claim::Measured(claim) => Some((id, claim)),
        Claim::Attested(_) => None,
    });
    measured.collect()
}

/// Whether the row holds the claim's bound, as far as a program can tell: none of something, all of it, a truth and a
/// name are not numbers that a document states.
fn agrees(claim: &Measured, row: &Row<'_>) -> bool {
    let dimension = measure::find(&claim.measure).unwrap().dimension;
    if matches!(dimension, Dimension::Truth | Dimension::Text)
        || ["0", "0%", "100%"].contains(&claim.bound.text.as_str())
    {
        return true;
    }
    let quantity = claim.bound.value(dimension).unwrap();
    spelling::occurs(
        &quantity,
        &claim.bound.text,
        &[row.claim, row.value, row.proof].join(" ; "),
    )
}
