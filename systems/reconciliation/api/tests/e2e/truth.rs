//! What a run finds, against the truth of the generator.

use std::collections::HashMap;

use serde_json::Value;

use crate::needs::client::Session;
use crate::needs::{Needs, started, upload_both};

struct Truth {
    side: String,
    ext_id: String,
    state: String,
    match_id: String,
}

fn truth(needs: &Needs) -> Vec<Truth> {
    let text = std::fs::read_to_string(needs.path().join("data/truth.csv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let own = |place: usize| cells[place].to_owned();
            Truth {
                match_id: own(0),
                side: own(1),
                ext_id: own(3),
                state: own(4),
            }
        })
        .collect()
}

#[test]
fn a_run_ends_exactly_in_the_truth_of_the_generator() {
    let Some((needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let (left, right) = upload_both(&needs, &session, "2000");
    let ended = session.run(&left, &right);
    assert_eq!(ended["status"], "review", "{ended}");
    let id = ended["id"].as_str().unwrap();
    let items = session.all(&format!("/runs/{id}/items"));
    let truth = truth(&needs);
    assert_states(&items, &truth);
    assert_pairs(&items, &truth);
    assert_counts(&session, &ended, &truth);
    assert_export(&session, id, &items);
    assert_evidence(&session, id);
}

/// A confirmed match says why when it is asked for alone, and everything that its pass looked at holds.
fn assert_evidence(session: &Session, run: &str) {
    let confirmed = session.get(&format!("/runs/{run}/matches?status=confirmed&limit=20"));
    for found in confirmed["items"].as_array().unwrap() {
        let alone = session.get(&format!("/matches/{}", found["id"].as_str().unwrap()));
        let evidence = alone["evidence"].as_array().unwrap();
        assert!(
            evidence.len() > 1 && evidence.iter().all(|seen| seen["pass"] == true),
            "{alone}"
        );
        assert_eq!(alone["left"], found["left"]);
    }
}

/// Each row that can be told by its id is in the state of the truth, and no row is there that the truth does not know.
fn assert_states(items: &[Value], truth: &[Truth]) {
    let found: HashMap<(&str, &str), &str> = items
        .iter()
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap();
            ((text("side"), text("ext_id")), text("state"))
        })
        .collect();
    assert_eq!(found.len(), items.len(), "a row stands twice");
    let mut expected = 0;
    for row in truth {
        let state = found
            .get(&(row.side.as_str(), row.ext_id.as_str()))
            .copied();
        match row.state.as_str() {
            // The first of the two rows with this id is in the run, in the state of its own line.
            "duplicate" => assert!(state.is_some(), "{}", row.ext_id),
            "rejected" => assert_eq!(state, None, "{}", row.ext_id),
            wanted => {
                expected += 1;
                assert_eq!(state, Some(wanted), "{} {}", row.side, row.ext_id);
            }
        }
    }
    assert_eq!(expected, items.len());
}

/// Rows are together in a match exactly where the truth puts them together.
fn assert_pairs(items: &[Value], truth: &[Truth]) {
    let matches: HashMap<(&str, &str), &str> = items
        .iter()
        .filter_map(|item| {
            let text = |name: &str| item[name].as_str();
            Some(((text("side")?, text("ext_id")?), text("match_id")?))
        })
        .collect();
    let mut by_truth: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
    let in_match = truth
        .iter()
        .filter(|row| matches!(row.state.as_str(), "matched" | "suggested"));
    for row in in_match {
        let found = matches
            .get(&(row.side.as_str(), row.ext_id.as_str()))
            .copied();
        by_truth.entry(&row.match_id).or_default().push(found);
    }
    for (id, found) in by_truth {
        assert_eq!(found.len(), 2, "{id}");
        assert!(
            found[0].is_some() && found[0] == found[1],
            "{id}: {found:?}"
        );
    }
}

fn assert_counts(session: &Session, ended: &Value, truth: &[Truth]) {
    let count = |side: &str, state: &str| {
        truth
            .iter()
            .filter(|row| row.side == side && row.state == state)
            .count() as u64
    };
    for side in ["left", "right"] {
        for state in ["matched", "suggested", "unmatched"] {
            assert_eq!(
                ended["stats"][side][state],
                count(side, state),
                "{side} {state}"
            );
        }
    }
    for upload in session.all("/uploads") {
        let side = if upload["source_name"] == "Bank" {
            "left"
        } else {
            "right"
        };
        assert_eq!(upload["duplicate"], count(side, "duplicate"), "{upload}");
        assert_eq!(upload["rejected"], count(side, "rejected"), "{upload}");
        let id = upload["id"].as_str().unwrap();
        let errors = session.all(&format!("/uploads/{id}/errors"));
        assert_eq!(errors.len() as u64, count(side, "rejected"));
    }
}

fn assert_export(session: &Session, id: &str, items: &[Value]) {
    let count = |states: &[&str]| {
        items
            .iter()
            .filter(|item| states.contains(&item["state"].as_str().unwrap()))
            .count()
    };
    for (kind, rows) in [
        ("matched", count(&["matched", "suggested"])),
        ("unmatched", count(&["unmatched"])),
        ("exceptions", count(&["unmatched", "suggested"])),
    ] {
        let csv = session.send("GET", &format!("/runs/{id}/export?kind={kind}"), None);
        let text = String::from_utf8(csv.body).unwrap();
        let (body, trailer) = text.trim_end().rsplit_once("\r\n").unwrap();
        assert_eq!(body.lines().count() - 1, rows, "{kind}");
        let digest = sha256(format!("{body}\r\n").as_bytes());
        assert_eq!(trailer, format!("#rows={rows},sha256={digest}"));
        let json = session.get(&format!("/runs/{id}/export?kind={kind}&fmt=json"));
        assert_eq!(json["items"].as_array().unwrap().len(), rows);
        assert_eq!(json["rows"], rows as u64);
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}
