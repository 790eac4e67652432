//! The deploying process is killed before and after every record of its journal: nobody notices at the edge, and the
//! next deploy goes on or goes back and says which.
//!
//! The victim is this test binary, run again with one test named and the point in the environment.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::{env, sync::Arc};

use plimsoll_deploy::Strategy;
use plimsoll_local::{Data, Decision, Ending, Event, LocalError, Phase, ProcessKind};
use plimsoll_stdx::process::ProcessId;
use rustix::process::{Signal, getpid, kill_process};

use crate::project::{Project, Spec, wait};

const PORT: &str = "PLIMSOLL_TEST_PORT";
const DIR: &str = "PLIMSOLL_TEST_PROJECT";
const POINT: &str = "PLIMSOLL_TEST_CRASH_AT";
const WANTED: &str = "PLIMSOLL_TEST_SPEC";
const STOPS: &str = "PLIMSOLL_TEST_STOPS";
const STRATEGY: &str = "PLIMSOLL_TEST_STRATEGY";
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
    let mut project = Project::of_another(Path::new(&dir), port, point);
    let strategy = env::var(STRATEGY).unwrap();
    project.strategy = serde_json::from_str(&strategy).unwrap();
    let stops = env::var(STOPS).is_ok();
    project.up_spec(&spec(&name), &mut |event| {
        if stops && matches!(event, Event::StepStarted { index: 1, .. }) {
            kill_process(getpid(), Signal::STOP).unwrap();
        }
    });
}

/// A deploy of `name` in a process of its own.
fn another(project: &Project, name: &str, point: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "crash::victim", "--quiet", "--nocapture"])
        .env(DIR, project.path())
        .env(PORT, project.port.to_string())
        .env(POINT, point)
        .env(WANTED, name)
        .env(STRATEGY, serde_json::to_string(&project.strategy).unwrap());
    command
}

/// Whether a deploy of `name` dies at this point; not when its journal has fewer records.
fn dies(project: &Project, name: &str, point: &str) -> bool {
    let output = another(project, name, point).output().unwrap();
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

/// What clients meet before anybody has resumed or undone it: replicas and table of the same release.
fn assert_one_release(project: &Project, point: &str) {
    let table = project.header("x-table");
    for _ in 0..3 {
        assert_eq!(project.get("/release"), table, "{point}");
    }
}

#[test]
fn a_blue_green_change_killed_at_any_record_serves_one_release_and_is_resumed_or_undone() {
    let Some(mut project) = Project::new(&spec("one")) else {
        return;
    };
    deploy(&project, "one");
    project.strategy = Strategy::BlueGreen {
        keep_warm_ms: 0,
        judge_ms: 0,
    };
    let records = deploy(&project, "two").records;
    deploy(&project, "one");
    assert!(
        records >= 12,
        "scale, shift, scale, promote, commit: {records}"
    );
    let visitor = Visitor::start(project.port);
    // There and back by turns.
    let mut releases = ["one", "two"];
    for (point, decision) in points(records, Decision::Resume) {
        releases.reverse();
        let [to, _] = releases;
        assert!(dies(&project, to, &point), "{point}");
        assert_one_release(&project, &point);
        assert_eq!(deploy(&project, to).decision, decision, "{point}");
        assert_serves(&project, to, &point);
    }
    deploy(&project, "one");
    for (point, decision) in points(records, Decision::Undo) {
        assert!(dies(&project, "two", &point), "{point}");
        assert_one_release(&project, &point);
        assert_eq!(deploy(&project, "one").decision, decision, "{point}");
        assert_serves(&project, "one", &point);
        assert_one_release(&project, &point);
    }
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

/// Never reached: a deploy with this point dies nowhere.
const NOWHERE: &str = "1000:after";

#[test]
fn a_deploy_that_was_stopped_is_succeeded_and_nothing_of_it_is_carried_out_when_it_wakes_up() {
    let Some(project) = Project::new(&spec("one")) else {
        return;
    };
    deploy(&project, "one");
    let mut command = another(&project, "two", NOWHERE);
    let mut stopped = command
        .env(STOPS, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = stopped.id();
    wait("the stop", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    });
    let request = project.request(&spec("one"));
    let busy = project.local.deploy(&request, &mut |_| {}).unwrap_err();
    assert!(matches!(busy, LocalError::Busy(_)), "{busy:?}");

    project.age(|name| name.starts_with("change-"));
    assert_eq!(deploy(&project, "one").decision, Some(Decision::Undo));
    assert_serves(&project, "one", "taken over");
    let woken = ProcessId::of(pid).unwrap();
    woken.signal(Signal::CONT).unwrap();
    let mut words = String::new();
    let mut stderr = stopped.stderr.take().unwrap();
    stderr.read_to_string(&mut words).unwrap();
    assert!(!stopped.wait().unwrap().success());
    assert!(words.contains("another plimsoll has taken over"), "{words}");
    assert_serves(&project, "one", "after it woke up");
    assert_eq!(
        deploy(&project, "one").decision,
        None,
        "and it left nothing open"
    );
    deploy(&project, "two");
    assert_serves(&project, "two", "a change of our own");
}
