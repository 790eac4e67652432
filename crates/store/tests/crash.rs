//! A process that is killed at a record leaves a journal that opens and holds a prefix.
//!
//! The victim is this test binary, run again with one test named and the directory in the environment.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use plimsoll_store::Journal;

const RECORDS: u64 = 12;
const DIR: &str = "PLIMSOLL_TEST_JOURNAL";
const POINT: &str = "PLIMSOLL_TEST_CRASH_AT";

/// Not a test of its own: the victim. Without the environment it has nothing to do.
#[test]
fn victim() {
    let (Ok(dir), Ok(point)) = (std::env::var(DIR), std::env::var(POINT)) else {
        return;
    };
    let (mut journal, _) = Journal::open(Path::new(&dir)).unwrap();
    journal.crash_at(Some(point.parse().unwrap()));
    for number in 1..=RECORDS {
        journal.append(&number).unwrap();
    }
}

#[test]
fn a_kill_at_every_record_leaves_every_acknowledged_record_and_no_other() {
    for record in 1..=RECORDS {
        for (side, survivors) in [("before", record - 1), ("after", record)] {
            let dir = tempfile::tempdir().unwrap();
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "victim", "--quiet"])
                .env(DIR, dir.path())
                .env(POINT, format!("{record}:{side}"))
                .output()
                .unwrap()
                .status;
            assert_eq!(status.signal(), Some(9), "{record}:{side}");
            let (journal, replay) = Journal::open(dir.path()).unwrap();
            let numbers: Vec<u64> = replay.records.iter().map(|r| r.decode().unwrap()).collect();
            assert_eq!(
                numbers,
                (1..=survivors).collect::<Vec<_>>(),
                "{record}:{side}"
            );
            assert_eq!(journal.next_seq(), survivors + 1);
        }
    }
}
