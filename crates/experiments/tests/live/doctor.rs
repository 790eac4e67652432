//! The doctor on this machine, and on a containment that is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_experiments::attack::{ATTACKS, Outcome};
use plimsoll_experiments::doctor::judge::Judgement;
use plimsoll_experiments::doctor::report::{FORMAT, Report, Row};
use plimsoll_experiments::doctor::{Doctor, DoctorError};
use plimsoll_stdx::process;
use plimsoll_store::state;
use plimsoll_supervisor::order::{Isolation, Order, Root};
use plimsoll_supervisor::{IsolationClass, ProcessRunner};
use serde_json::Value;

use crate::published;

const FIXTURE: &str = env!("CARGO_BIN_EXE_plimsoll-experiments-fixture");

/// Whether this machine can hold a program in; if not, says why the test is not made.
fn possible() -> bool {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return false;
    }
    if let Err(reason) = &ProcessRunner::new(FIXTURE.into()).capabilities().contained {
        println!("skipped: needs namespaces ({reason})");
        return false;
    }
    true
}

/// A folder for examinations, which other users enter.
fn place() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new()
        .permissions(open)
        .tempdir()
        .unwrap()
}

fn examine(place: &Path, weaken: Option<fn(&mut Order)>) -> Report {
    examine_as(&Doctor {
        temp: place.to_owned(),
        weaken,
        ..Doctor::new(FIXTURE.into())
    })
}

fn examine_as(doctor: &Doctor) -> Report {
    let report = doctor.examine(|_| true).unwrap();
    assert_eq!(report.rows.len(), ATTACKS.len());
    assert_eq!(leftovers(&doctor.temp), Vec::<PathBuf>::new());
    report
}

/// As deployed; examined once for all tests.
fn deployed() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| examine(place().path(), None))
}

/// Files and processes of examinations in `place`.
fn leftovers(place: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(place);
    let mark = place.to_str().unwrap();
    for pid in process::all().unwrap() {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(mark) {
            found.push(format!("/proc/{pid}").into());
        }
    }
    found
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn by_name(report: &Report) -> BTreeMap<&str, &Row> {
    report
        .rows
        .iter()
        .map(|row| (row.attack.as_str(), row))
        .collect()
}

#[test]
fn every_control_of_a_replica_is_held_or_inapplicable() {
    if !possible() {
        return;
    }
    let report = deployed();
    assert!(report.is_sound(), "{:#?}", report.rows);
    assert_eq!(
        report.class,
        IsolationClass::Contained,
        "{:?}",
        report.controls
    );
    let rows = by_name(report);
    // What this kernel has for root whatever else it lacks: were these inapplicable, nothing would be shown.
    for name in [
        "write-root",
        "read-host-file",
        "signal-neighbour",
        "loopback-port",
        "unshare-user",
        "memory",
        "cpu",
    ] {
        assert_eq!(rows[name].result, Judgement::Held, "{:#?}", rows[name]);
    }
    for row in &report.rows {
        let works = row.uncontained.outcome == Outcome::Succeeded;
        assert_eq!(row.result == Judgement::Held, works, "{row:#?}");
        assert_eq!(row.reason.is_some(), !works, "{row:#?}");
    }
    // Refused, while the one port that is declared is reached.
    let declared = rows["loopback-port"].within.as_ref().unwrap();
    assert_eq!(declared.outcome, Outcome::Succeeded, "{declared:?}");
    assert!(rows["memory"].contained.detail.contains("out of memory"));
    assert!(rows["cpu"].contained.detail.starts_with("held back in"));
}

#[test]
fn a_containment_that_is_none_is_called_broken() {
    if !possible() {
        return;
    }
    let place = place();
    let report = examine(
        place.path(),
        Some(|order| {
            order.root = Root::Host;
            order.isolation = Isolation::Shared;
            order.user = None;
        }),
    );
    assert!(!report.is_sound());
    let rows = by_name(&report);
    for name in [
        "read-host-file",
        "open-shadow",
        "loopback-port",
        "become-root",
        "take-capabilities",
        "raw-socket",
        "unshare-mounts",
        "keyring",
        "bpf",
    ] {
        let works = rows[name].uncontained.outcome == Outcome::Succeeded;
        let expected = if works {
            Judgement::Broken
        } else {
            Judgement::Inapplicable
        };
        assert_eq!(rows[name].result, expected, "{:#?}", rows[name]);
    }
    assert!(report.summary.broken > 10, "{:?}", report.summary);
}

#[test]
fn one_missing_control_is_found_among_those_that_hold() {
    if !possible() {
        return;
    }
    let place = place();
    let report = examine(place.path(), Some(|order| order.limits.memory_bytes = 0));
    let broken: Vec<&str> = report
        .rows
        .iter()
        .filter(|row| row.result == Judgement::Broken)
        .map(|row| row.attack.as_str())
        .collect();
    assert_eq!(broken, ["memory"]);
}

#[test]
fn a_report_is_kept_whole_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    if !possible() {
        return;
    }
    let (place, report) = (place(), deployed());
    let path = report.store(place.path()).unwrap();
    assert!(
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("doctor-")
    );
    let folder = std::fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    assert_eq!(&state::load::<Report>(&path, FORMAT).unwrap(), report);
    let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(kept, serde_json::to_value(report.document()).unwrap());
    assert_eq!(published::wrong(&kept), Vec::<String>::new());
}

#[test]
fn an_examination_that_is_interrupted_leaves_nothing() {
    let place = place();
    let doctor = Doctor {
        temp: place.path().to_owned(),
        ..Doctor::new(FIXTURE.into())
    };
    let mut left = 3;
    let ended = doctor.examine(|_| {
        left -= 1;
        left > 0
    });
    assert!(matches!(ended, Err(DoctorError::Interrupted)), "{ended:?}");
    assert_eq!(leftovers(place.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_an_oci_runtime_contains_is_held_as_what_we_do() {
    if !possible() {
        return;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Ok(runtime) = plimsoll_supervisor::runtimes::find("runc", &path) else {
        println!("skipped: needs runc");
        return;
    };
    let place = place();
    let theirs = examine_as(&Doctor {
        temp: place.path().to_owned(),
        runtime: Some(runtime),
        ..Doctor::new(FIXTURE.into())
    });
    assert_eq!(
        theirs.class,
        IsolationClass::Contained,
        "{:?}",
        theirs.controls
    );
    assert_eq!(theirs.runtime.as_deref(), Some("runc"));
    let (own, theirs) = (by_name(deployed()), by_name(&theirs));
    for (name, row) in &own {
        let found = theirs[name];
        assert_eq!(found.result, row.result, "{name}: {found:?}");
    }
}
