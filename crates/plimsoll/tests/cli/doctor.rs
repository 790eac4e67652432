//! `doctor` as a person meets it. What it observes depends on who runs it; what it does with that does not.

use std::fs;

use serde_json::Value;

use crate::exit_codes::site;
use crate::folder::{Ended, Folder};

fn said(ended: &Ended) -> Value {
    assert!(!ended.stdout.contains('\u{1b}'), "{ended:?}");
    ended.json()
}

#[test]
fn what_is_seen_is_printed_and_kept_and_decides_how_it_ends() {
    let folder = site();
    let ended = folder.run(&["doctor", "--format", "json"]);
    let report = said(&ended);
    assert_eq!(report["format"], "plimsoll.evidence");
    assert_eq!(report["experiment"], "doctor");
    let broken = report["summary"]["broken"].as_u64().unwrap();
    assert_eq!(ended.code, i32::from(broken > 0), "{ended:?}");
    let kept: Vec<_> = fs::read_dir(folder.app().join(".plimsoll/evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let kept: Value = serde_json::from_slice(&fs::read(&kept[0]).unwrap()).unwrap();
    assert_eq!(kept, report);
}

#[test]
fn people_read_a_table_with_its_sum_and_outside_a_project_nothing_is_kept() {
    let folder = Folder::new();
    let ended = folder.run(&["doctor"]);
    let last = ended.stdout.lines().last().unwrap();
    assert!(
        last.contains(" held, ") && last.ends_with(" inapplicable here"),
        "{ended:?}"
    );
    assert_eq!(
        ended.code,
        i32::from(!last.contains(" 0 broken, ")),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("write to /"), "{ended:?}");
    assert!(ended.stderr.contains("not kept as evidence"), "{ended:?}");
    assert!(!folder.app().join(".plimsoll").exists());
}
