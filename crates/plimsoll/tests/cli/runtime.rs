//! `PLIMSOLL_RUNTIME`: an app whose replicas an OCI runtime contains.

use plimsoll_supervisor::IsolationClass;
use serde_json::Value;

use crate::folder::{Ended, has};
use crate::given::{App, can_contain, copy, theirs};

const RUNTIME: &str = "PLIMSOLL_RUNTIME";

impl App {
    fn by(&self, runtime: &str, args: &[&str]) -> Ended {
        let mut command = self.folder.command(args);
        command.env(RUNTIME, runtime).output().unwrap().into()
    }
}

fn replica(app: &App) -> Value {
    let status = app.folder.run(&["status", "--format", "json"]).json();
    let mut processes = status["processes"].as_array().unwrap().iter();
    processes
        .find(|process| process["kind"] == "replica")
        .unwrap_or_else(|| panic!("{status}"))
        .clone()
}

fn app() -> App {
    let (maker, digest) = theirs();
    let app = App::new(&format!("image = \"oci:vendor/theirs@{digest}\""));
    let layout = app.folder.app().join("vendor/theirs");
    copy(&maker.app().join(".plimsoll/images"), &layout);
    app
}

#[test]
fn an_app_runs_contained_by_the_runtime_that_was_chosen_and_by_no_other() {
    if !can_contain() || !has("runc") {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    let app = app();
    app.by("runc", &["up", "--detach"]).ends_with(0);
    assert_eq!(app.get(), "theirs");
    let one = replica(&app);
    let contained = IsolationClass::Contained.to_string();
    assert_eq!(one["isolation"], contained.as_str(), "{one}");
    assert_eq!(one["runtime"], "runc");
    let shown = app.folder.run(&["status"]).stdout;
    assert!(shown.contains("contained (runc)"), "{shown}");
    // What else starts something must have been chosen alike.
    let other = app.folder.run(&["up", "--detach"]).ends_with(2);
    assert!(other.stderr.contains("plimsoll down"), "{other:?}");
    assert_eq!(replica(&app)["pid"], one["pid"]);
    app.by("runc", &["up", "--detach"]).ends_with(0);
    assert_eq!(replica(&app)["pid"], one["pid"]);
    app.folder.run(&["down"]).ends_with(0);
    app.folder.run(&["up", "--detach"]).ends_with(0);
    assert_eq!(app.get(), "theirs");
    assert_eq!(replica(&app)["runtime"], Value::Null);
}

#[test]
fn a_runtime_that_is_not_there_is_wrong_usage_with_a_way_out() {
    let app = app();
    for (runtime, said) in [
        ("docker", "no runtime that we know"),
        ("/nowhere/crun", "apt-get install crun"),
    ] {
        let ended = app.by(runtime, &["up", "--detach"]).ends_with(2);
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert!(ended.stderr.contains(RUNTIME), "{ended:?}");
        app.by(runtime, &["status"]).ends_with(1);
        let doctor = app.by(runtime, &["doctor"]).ends_with(2);
        assert!(doctor.stderr.contains(said), "{doctor:?}");
    }
}
