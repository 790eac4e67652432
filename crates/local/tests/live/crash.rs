//! The deploying process is killed before and after every record of its journal: nobody notices at the edge, and the
//! next deploy goes on or goes back and says which.
//!
//! The victim is this test binary, run again with one test named and the point in the environment.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::{env, sync::Arc};

use plimsoll_local::{Data, Decision, Ending, Event, Phase, ProcessKind};

use crate::project::{Project, Spec};

const PORT: &str = "PLIMSOLL_TEST_PORT";
const DIR: &str = "PLIMSOLL_TEST_PROJECT";
const POINT: &str = "PLIMSOLL_TEST_CRASH_AT";
const WANTED: &str = "PLIMSOLL_TEST_SPEC";
/// Records of a deploy whose first step fails: begin, applying, undoing, undone, end.
const BROKEN: usize = 5;

fn spec(name: &str) -> Spec {
    let plain = Spec {
        replicas: 1,
        ..Spec::plain()
    };
    match name {
        "one" => plain,
        "two" => Spec {
            release: "two",
            ..plain
        },
        "broken" => Spec {
            command: "fail",
            release: "broken",
            ..plain
        },
        other => panic!("{other}"),
    }
}

/// Not a test of its own: the victim. Without the environment it has nothing to do.
#[test]
fn victim() {
    let [Ok(dir), Ok(port), Ok(point), Ok(name)] = [DIR, PORT, POINT, WANTED].map(env::var) else {
        return;
    };
    let (port, point) = (port.parse().unwrap(), point.parse().unwrap());
    let project = Project::of_another(Path::new(&dir), port, point);
    project.up_bundle(&spec(&name));
}

/// Whether a deploy of `name` dies at this point; not when its journal has fewer records.
fn dies(project: &Project, name: &str, point: &str) -> bool {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::victim", "--quiet"])
        .env(DIR, project.path())
        .env(PORT, project.port.to_string())
        .env(POINT, point)
        .env(WANTED, name)
        .output()
        .unwrap();
    match output.status.signal() {
        Some(signal) => assert_eq!(signal, 9, "{point}"),
        None => assert!(output.status.success(), "{point}: {output:?}"),
    }
    output.status.signal().is_some()
}

/// Every point of a journal of `records` records, with what the next deploy has to say when it decides `otherwise`
/// about what is left half done: nothing, where nothing was begun and where all was over.
fn points(records: usize, otherwise: Decision) -> Vec<(String, Option<Decision>)> {
    let mut points = Vec::new();
    for record in 1..=records {
        for side in ["before", "after"] {
            let point = format!("{record}:{side}");
            let settled = point == "1:before" || (record == records && side == "after");
            points.push((point, (!settled).then_some(otherwise)));
        }
    }
    points
}

/// What a deploy says of itself.
#[derive(Debug, Default)]
struct Said {
    decision: Option<Decision>,
    /// Begin and end, and two for each step of the plan.
    records: usize,
}

fn deploy(project: &Project, name: &str) -> Said {
    let mut said = Said::default();
    let outcome = project.up_spec(&spec(name), &mut |event| match event {
        Event::Unfinished { decision, .. } => said.decision = Some(decision),
        Event::Planned { plan } => said.records = 2 * plan.steps.len() + 2,
        _ => {}
    });
    let ended = matches!(outcome.ending, Ending::InForce | Ending::Unchanged);
    assert!(ended, "{outcome:?}");
    said
}

/// One release is in force, alone, and answers.
fn assert_serves(project: &Project, release: &str, point: &str) {
    let status = project.local.status().unwrap();
    assert_eq!(status.phase, Phase::Up, "{point}: {status:?}");
    assert_eq!(project.pids(ProcessKind::Replica).len(), 1, "{point}");
    for _ in 0..3 {
        assert_eq!(project.get("/release"), release, "{point}");
    }
}

/// Asks all the time. What it saw comes at the end.
struct Visitor {
    over: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Visitor {
    fn start(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !seen_over.load(Ordering::Relaxed) {
                // Fails the thread on anything but an answer of the app.
                seen.insert(crate::project::get(port, "/release"));
            }
            seen
        });
        Self { over, thread }
    }

    fn end(self) -> BTreeSet<String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[test]
fn an_upgrade_killed_at_any_record_is_resumed_or_undone_and_the_edge_serves_throughout() {
    let Some(project) = Project::new(&spec("one")) else {
        return;
    };
    deploy(&project, "one");
    let records = deploy(&project, "two").records;
    deploy(&project, "one");
    assert!(records >= 10, "scale, scale, route, commit: {records}");
    let visitor = Visitor::start(project.port);
    for (point, decision) in points(records, Decision::Resume) {
        assert!(dies(&project, "two", &point), "{point}");
        assert_eq!(deploy(&project, "two").decision, decision, "{point}");
        assert_serves(&project, "two", &point);
        deploy(&project, "one");
    }
    for (point, decision) in points(records, Decision::Undo) {
        assert!(dies(&project, "two", &point), "{point}");
        assert_eq!(deploy(&project, "one").decision, decision, "{point}");
        assert_serves(&project, "one", &point);
    }
    assert!(!dies(&project, "two", &format!("{}:before", records + 1)));
    assert_eq!(visitor.end(), ["one", "two"].map(str::to_owned).into());
}

#[test]
fn a_way_back_killed_at_any_record_goes_on_going_back() {
    let Some(project) = Project::new(&spec("one")) else {
        return;
    };
    deploy(&project, "one");
    let visitor = Visitor::start(project.port);
    for (point, decision) in points(BROKEN, Decision::Undo) {
        assert!(dies(&project, "broken", &point), "{point}");
        assert_eq!(deploy(&project, "one").decision, decision, "{point}");
        assert_serves(&project, "one", &point);
    }
    assert!(!dies(&project, "broken", &format!("{}:before", BROKEN + 1)));
    assert_eq!(visitor.end(), ["one".to_owned()].into());
}

#[test]
fn a_first_deploy_killed_at_any_record_is_resumed_or_undone() {
    let Some(project) = Project::new(&spec("one")) else {
        return;
    };
    let records = deploy(&project, "one").records;
    for (wanted, otherwise) in [("one", Decision::Resume), ("two", Decision::Undo)] {
        for (point, decision) in points(records, otherwise) {
            project.local.down(Data::Delete, &mut |_| {}).unwrap();
            assert!(dies(&project, "one", &point), "{point}");
            assert_eq!(deploy(&project, wanted).decision, decision, "{point}");
            assert_serves(&project, wanted, &point);
        }
    }
}
