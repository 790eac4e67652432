use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

const FORMAT: Format = Format {
    name: "plimsoll.sample-log",
    version: 1,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    text: String,
}

fn note(text: &str) -> Note {
    Note {
        text: text.to_owned(),
    }
}

fn written(dir: &Path, texts: &[&str]) -> PathBuf {
    let path = dir.join("log.jsonl");
    let mut chain = Chain::open(&path, FORMAT).unwrap();
    for text in texts {
        chain.append(&note(text)).unwrap();
    }
    path
}

fn checked(path: &Path) -> (Vec<String>, Check) {
    let mut texts = Vec::new();
    let found = check::<Note>(path, FORMAT, |line| texts.push(line.record.text)).unwrap();
    (texts, found)
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let text = lines.join("\n") + "\n";
    plimsoll_stdx::fs::write_atomic(path, text.as_bytes()).unwrap();
}

#[test]
fn what_was_written_comes_back_in_order_also_over_several_openings() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &["one", "two"]);
    written(dir.path(), &["three"]);
    let (texts, found) = checked(&path);
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!((found.records, found.faults.len()), (3, 0));
}

#[test]
fn a_stranger_checks_it_with_sha256_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &["one", "two"]);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        let named: serde_json::Value = serde_json::from_str(pair[1]).unwrap();
        assert_eq!(named["prev"], digest(pair[0].as_bytes()).as_str());
    }
}

#[test]
fn a_changed_removed_moved_or_added_line_is_found_at_its_place() {
    type Change = fn(&mut Vec<String>);
    let table: [(&str, Change, u64); 5] = [
        (
            "changed",
            |lines| lines[2] = lines[2].replace("two", "owt"),
            4,
        ),
        ("removed", |lines| drop(lines.remove(2)), 3),
        ("moved", |lines| lines.swap(2, 3), 3),
        ("doubled", |lines| lines.insert(3, lines[2].clone()), 4),
        ("noise", |lines| lines[2] = "noise".to_owned(), 3),
    ];
    for (name, change, at) in table {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), &["one", "two", "three", "four"]);
        rewrite(&path, change);
        let (_, found) = checked(&path);
        assert_eq!(
            found.faults.first().map(|fault| fault.line),
            Some(at),
            "{name}"
        );
    }
}

#[test]
fn lines_cut_off_at_the_end_and_a_changed_last_line_are_shown_by_the_head() {
    type Change = fn(&mut Vec<String>);
    let table: [Change; 2] = [
        |lines| lines.truncate(2),
        |lines| lines[3] = lines[3].replace("three", "3"),
    ];
    for change in table {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), &["one", "two", "three"]);
        rewrite(&path, change);
        assert_eq!(checked(&path).1.faults.len(), 1);
        let error = Chain::open(&path, FORMAT).unwrap_err();
        assert!(matches!(error, ChainError::Changed { .. }), "{error}");
    }
}

#[test]
fn a_missing_head_is_a_fault_and_another_file_is_not_taken_for_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &["one"]);
    std::fs::remove_file(head_path(&path)).unwrap();
    assert_eq!(checked(&path).1.faults.len(), 1);
    assert!(Chain::open(&path, FORMAT).is_err());
    let other = Format {
        name: "plimsoll.other",
        version: 1,
    };
    let found = check::<Note>(&path, other, |_| {}).unwrap();
    assert!(found.faults[0].what.contains("plimsoll.sample-log"));
}

#[test]
fn a_write_that_was_interrupted_is_taken_back_and_one_without_its_head_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &["one"]);
    let before = std::fs::read(head_path(&path)).unwrap();
    written(dir.path(), &["two"]);
    // The head of before the last line: killed between the two writes.
    plimsoll_stdx::fs::write_atomic(&head_path(&path), &before).unwrap();
    assert!(checked(&path).1.faults.is_empty());
    // And half a line behind it: killed in the middle of a write.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(br#"{"seq":3,"prev":"sha"#);
    plimsoll_stdx::fs::write_atomic(&path, &bytes).unwrap();
    assert_eq!(checked(&path).1.faults.len(), 1);
    written(dir.path(), &["three"]);
    let (texts, found) = checked(&path);
    assert_eq!(texts, ["one", "two", "three"]);
    assert!(found.faults.is_empty(), "{found:?}");
}

#[test]
fn a_record_that_is_too_long_is_refused_and_nothing_of_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &["one"]);
    let mut chain = Chain::open(&path, FORMAT).unwrap();
    let error = chain.append(&note(&"x".repeat(LINE_MAX))).unwrap_err();
    assert!(matches!(error, ChainError::TooLong { .. }), "{error}");
    chain.append(&note("two")).unwrap();
    assert!(checked(&path).1.faults.is_empty());
}

#[test]
fn a_log_of_version_one_still_reads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let (texts, found) = checked(&dir.join("chain.v1.jsonl"));
    assert_eq!(texts, ["one", "two"]);
    assert!(found.faults.is_empty(), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_single_changed_byte_stays_unseen(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), &["one", "two", "three"]);
        let mut bytes = std::fs::read(&path).unwrap();
        let index = at.index(bytes.len());
        bytes[index] ^= flip;
        plimsoll_stdx::fs::write_atomic(&path, &bytes).unwrap();
        let (_, found) = checked(&path);
        prop_assert!(!found.faults.is_empty());
    }
}
