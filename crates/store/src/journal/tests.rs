use proptest::prelude::*;
use serde_json::json;

use super::*;

fn values(replay: &Replay) -> Vec<Value> {
    replay
        .records
        .iter()
        .map(|record| record.value.clone())
        .collect()
}

fn filled(dir: &Path, count: u64) -> Vec<Value> {
    let (mut journal, _) = Journal::open(dir).unwrap();
    let records: Vec<Value> = (0..count)
        .map(|n| json!({"step": n, "text": "ä b"}))
        .collect();
    for (seq, record) in (journal.next_seq()..).zip(&records) {
        assert_eq!(journal.append(record).unwrap(), seq);
    }
    records
}

#[test]
fn records_come_back_in_order_and_numbering_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let records = filled(dir.path(), 3);
    let (mut journal, replay) = Journal::open(dir.path()).unwrap();
    assert_eq!(values(&replay), records);
    assert_eq!(replay.torn, None);
    assert_eq!(journal.append(&json!("next")).unwrap(), 4);
}

#[test]
fn a_journal_cut_at_any_byte_gives_a_prefix_and_takes_new_records() {
    let dir = tempfile::tempdir().unwrap();
    let records = filled(dir.path(), 4);
    let path = segment_path(dir.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write_atomic(&segment_path(dir.path(), 1), &whole[..cut]).unwrap();
        let (mut journal, replay) = Journal::open(dir.path()).unwrap();
        let kept = values(&replay);
        let lines = whole[..cut].split(|&byte| byte == b'\n').count() - 1;
        assert_eq!(kept, records[..lines.saturating_sub(1)], "cut at {cut}");
        let at_line_end = cut == 0 || whole[cut - 1] == b'\n';
        assert_eq!(replay.torn.is_none(), at_line_end, "cut at {cut}");
        journal.append(&json!("after")).unwrap();
        let (_, replay) = Journal::open(dir.path()).unwrap();
        assert_eq!(values(&replay).len(), kept.len() + 1);
        assert_eq!(replay.torn, None);
    }
}

#[test]
fn damage_in_the_middle_names_the_file_and_the_record() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 4);
    let path = segment_path(dir.path(), 1);
    let text = std::fs::read_to_string(&path).unwrap();
    let damaged = text.replace("\"step\":1", "\"step\":7");
    fs::write_atomic(&path, damaged.as_bytes()).unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    let JournalError::Damaged {
        path: named, seq, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((named, *seq), (&path, 2));
    assert!(
        error.to_string().contains("1.plmj is damaged at record 2"),
        "{error}"
    );
}

#[test]
fn a_missing_and_a_doubled_line_are_damage() {
    for edit in ["missing", "doubled"] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 3);
        let path = segment_path(dir.path(), 1);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if edit == "missing" {
            lines.remove(2);
        } else {
            lines.insert(2, lines[2]);
        }
        fs::write_atomic(&path, lines.concat().as_bytes()).unwrap();
        assert!(
            matches!(Journal::open(dir.path()), Err(JournalError::Damaged { .. })),
            "{edit}"
        );
    }
}

#[test]
fn a_snapshot_replaces_what_was_before_and_numbering_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    journal.compact(&[json!("a"), json!("b")]).unwrap();
    assert_eq!(journal.append(&json!("c")).unwrap(), 8);
    assert_eq!(replay::segments(dir.path()).unwrap(), [2]);
    let (_, replay) = Journal::open(dir.path()).unwrap();
    assert_eq!(values(&replay), [json!("a"), json!("b"), json!("c")]);
    assert_eq!(replay.records[0].seq, 6);
}

#[test]
fn a_crash_between_snapshot_and_removal_leaves_the_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 2);
    write_snapshot(dir.path(), 2, 3, &[(3, "\"kept\"".to_owned())]).unwrap();
    let (_, replay) = Journal::open(dir.path()).unwrap();
    assert_eq!(values(&replay), [json!("kept")]);
    assert_eq!(replay::segments(dir.path()).unwrap(), [2]);
}

#[test]
fn a_cut_snapshot_is_damage_and_not_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    write_snapshot(
        dir.path(),
        2,
        3,
        &[(3, "1".to_owned()), (4, "2".to_owned())],
    )
    .unwrap();
    let path = segment_path(dir.path(), 2);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write_atomic(&path, &whole[..cut]).unwrap();
        assert!(Journal::open(dir.path()).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_newer_journal_and_a_payload_beyond_the_bound_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    let error = journal.append(&"x".repeat(MAX_RECORD)).unwrap_err();
    assert!(matches!(error, JournalError::Payload(_)), "{error}");
    let newer =
        json!({"format":"plimsoll.journal","version":2,"segment":1,"first_seq":1,"snapshot":0});
    let text = line::encode(0, &newer.to_string());
    fs::write_atomic(&segment_path(dir.path(), 1), text.as_bytes()).unwrap();
    assert!(matches!(
        Journal::open(dir.path()),
        Err(JournalError::Newer { .. })
    ));
}

proptest! {
    // Each case flushes the disk dozens of times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_appended_comes_back(texts in prop::collection::vec(".{0,30}", 0..12), cut: prop::sample::Index) {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(dir.path()).unwrap();
        for (index, text) in texts.iter().enumerate() {
            if index > 0 && index == cut.index(texts.len()) {
                journal.compact(&texts[..index]).unwrap();
            }
            journal.append(text).unwrap();
        }
        let (_, replay) = Journal::open(dir.path()).unwrap();
        let back: Vec<String> = replay.records.iter().map(|r| r.decode().unwrap()).collect();
        prop_assert_eq!(back, texts);
    }
}
