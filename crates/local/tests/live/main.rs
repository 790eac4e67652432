//! A whole environment on this machine: real processes, real PostgreSQL and Redis where they are installed.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod images;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod project;
#[cfg(test)]
mod published;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod shift;

use std::time::Instant;

use plimsoll_deploy::Step;
use plimsoll_local::{Data, Ending, Event, LogFilter, Phase, ProcessKind, ProcessState};
use plimsoll_stdx::process::ProcessId;
use project::{Project, Spec, kill, wait};
use rustix::process::Signal;

#[test]
fn an_app_comes_up_from_nothing_and_goes_down_to_nothing() {
    let Some(project) = Project::new(&Spec::with_resources()) else {
        return;
    };
    let outcome = project.up();
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    assert_eq!(outcome.logins[0].email, "admin@example.com");
    let status = project.local.status().unwrap();
    assert_eq!(status.phase, Phase::Up, "{status:?}");
    let ready = status.processes.iter().filter(|process| {
        process.kind == ProcessKind::Replica && process.state == ProcessState::Ready
    });
    assert_eq!(ready.count(), 2);
    assert!(project.get("/database").contains("postgres://shop:"));
    assert_eq!(project.get("/redis"), ":1");
    assert!(!project.get("/secret").is_empty());

    assert_eq!(project.up().ending, Ending::Unchanged);

    let pids: Vec<u32> = status
        .processes
        .iter()
        .filter_map(|process| process.pid)
        .collect();
    project.local.down(Data::Keep, &mut |_| {}).unwrap();
    for pid in pids {
        assert!(
            !ProcessId::of(pid).is_ok_and(ProcessId::is_alive),
            "{pid} still runs"
        );
    }
    assert_eq!(project.sockets(), Vec::<String>::new());
    assert_eq!(project.local.status().unwrap().phase, Phase::Down);

    let outcome = project.up();
    assert_eq!(outcome.ending, Ending::InForce);
    assert_eq!(project.get("/redis"), ":2", "state survives");
    eprintln!("up again after down: {:?}", outcome.took);
}

#[test]
fn a_killed_supervisor_is_replaced_and_nothing_restarts() {
    let Some(project) = Project::new(&Spec::plain()) else {
        return;
    };
    project.up();
    let before = project.pids(ProcessKind::Replica);
    let gateway = project.pids(ProcessKind::Gateway);
    kill(project.pids(ProcessKind::Supervisor)[0]);
    assert!(!project.get("/").is_empty(), "traffic goes on");
    let mut adopted = 0;
    let outcome = project.up_with(&mut |event| {
        if let Event::Attached { adopted: count, .. } = event {
            adopted = count;
        }
    });
    assert_eq!(outcome.ending, Ending::Unchanged, "{outcome:?}");
    assert!(adopted >= 3, "{adopted}");
    assert_eq!(project.pids(ProcessKind::Replica), before);
    assert_eq!(project.pids(ProcessKind::Gateway), gateway);
}

#[test]
fn a_killed_replica_is_back_and_the_other_serves_meanwhile() {
    let Some(project) = Project::new(&Spec::plain()) else {
        return;
    };
    project.up();
    let before = project.pids(ProcessKind::Replica);
    kill(before[0]);
    wait("another process", || {
        assert!(!project.get("/").is_empty());
        let now = project.pids(ProcessKind::Replica);
        now.len() == 2 && now != before && project.phase() == Phase::Up
    });
}

#[test]
fn everything_killed_comes_up_again() {
    let Some(project) = Project::new(&Spec::with_resources()) else {
        return;
    };
    project.up();
    let status = project.local.status().unwrap();
    for process in &status.processes {
        if let Some(pid) = process.pid.and_then(|pid| ProcessId::of(pid).ok()) {
            let _ = pid.signal(Signal::KILL);
        }
    }
    let began = Instant::now();
    project.up();
    eprintln!(
        "up again after SIGKILL of everything: {:?}",
        began.elapsed()
    );
    assert_eq!(project.phase(), Phase::Up);
    assert_eq!(project.get("/redis"), ":1");
}

#[test]
fn a_release_that_cannot_start_is_undone_and_the_old_one_serves() {
    let Some(project) = Project::new(&Spec::plain()) else {
        return;
    };
    project.up();
    let before = project.pids(ProcessKind::Replica);
    let outcome = project.up_bundle(&Spec {
        command: "fail",
        ..Spec::plain()
    });
    let Ending::Undone { message, hint, .. } = outcome.ending else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("did not become ready"), "{message}");
    assert!(hint.unwrap_or_default().contains("the disk is on fire"));
    assert_eq!(project.pids(ProcessKind::Replica), before);
    assert!(!project.get("/").is_empty());
}

#[test]
fn scaling_adds_and_removes_replicas_without_a_release() {
    let Some(project) = Project::new(&Spec::plain()) else {
        return;
    };
    let release = project.up().release;
    project.local.scale("api", 4, &mut |_| {}).unwrap();
    assert_eq!(project.pids(ProcessKind::Replica).len(), 4);
    project.local.scale("api", 1, &mut |_| {}).unwrap();
    assert_eq!(project.pids(ProcessKind::Replica).len(), 1);
    let status = project.local.status().unwrap();
    assert_eq!(status.release.as_deref(), Some(release.as_str()));
}

#[test]
fn a_port_in_use_is_said_with_its_holder_and_what_to_do() {
    let Some(project) = Project::new(&Spec::plain()) else {
        return;
    };
    let _held = std::net::TcpListener::bind(("127.0.0.1", project.port)).unwrap();
    let outcome = project.up();
    let Ending::Undone { message, hint, .. } = outcome.ending else {
        panic!("{outcome:?}")
    };
    assert!(
        message.contains("is in use by") && message.contains("(pid "),
        "{message}"
    );
    assert!(hint.unwrap().contains("http = <port>"));
}

#[test]
fn output_of_replicas_can_be_read() {
    let Some(project) = Project::new(&Spec {
        command: "serve",
        ..Spec::plain()
    }) else {
        return;
    };
    project.up();
    let lines = || {
        let mut lines = Vec::new();
        let filter = LogFilter {
            names: vec!["api".into()],
            ..LogFilter::default()
        };
        project
            .local
            .logs(filter, false, &mut |line| {
                assert!(!line.at.is_empty());
                lines.push((line.source, line.text));
            })
            .unwrap();
        lines.sort();
        lines
    };
    let attended = lines();
    let sources: Vec<&str> = attended.iter().map(|(source, _)| source.as_str()).collect();
    assert_eq!(sources, ["api-1", "api-2"], "{attended:?}");
    assert!(
        attended
            .iter()
            .all(|(_, text)| text.starts_with("serves on "))
    );

    kill(project.pids(ProcessKind::Supervisor)[0]);
    wait("the supervisor's end", || {
        project.phase() == Phase::Unattended
    });
    assert_eq!(lines(), attended, "the files say the same");
    project.local.down(Data::Keep, &mut |_| {}).unwrap();
    assert_eq!(lines(), attended, "and go on saying it when all is down");
}

#[test]
fn a_replica_knows_its_build_and_a_release_its_schema() {
    let Some(project) = Project::new(&Spec::with_resources()) else {
        return;
    };
    let release = project.up().release;
    let build = project.get("/build");
    let (id, artefact) = build.split_once('/').unwrap();
    assert_eq!(id, release.as_str());
    assert_eq!(artefact.len(), 12, "{build}");
    let schema = project.read(&format!("releases/{release}/schema.json"));
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let span = serde_json::json!({"head": "0007", "compatible_from": "0005"});
    assert_eq!(schema["services"]["api"], span, "{schema}");
    assert_eq!(project.up().ending, Ending::Unchanged, "and keeps its name");
}

#[test]
fn there_is_no_way_back_to_a_release_that_a_migration_has_left_behind() {
    let Some(project) = Project::new(&Spec::with_resources()) else {
        return;
    };
    let first = project.up().release;
    let contracted = Spec {
        release: "contracted",
        ..Spec::with_resources()
    };
    let second = project.up_bundle(&contracted).release;
    for wish in [None, Some(first.clone())] {
        let error = project.local.roll_back(wish, &mut |_| {}).unwrap_err();
        let said = format!(
            "{} {:?}",
            plimsoll_local::error::chain(&error),
            error.hint()
        );
        for part in [
            first.as_str(),
            "schema of api",
            "0008",
            "0007",
            "new release",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert_eq!(project.get("/release"), "contracted");
    let status = project.local.status().unwrap();
    assert_eq!(
        status.release.as_ref(),
        Some(&second.to_string()),
        "{status:?}"
    );
}

#[test]
fn another_build_takes_over_supervision_and_the_gateway_and_no_replica_restarts() {
    let Some(mut project) = Project::new(&Spec::plain()) else {
        return;
    };
    project.up();
    let replicas = project.pids(ProcessKind::Replica);
    let gateway = project.pids(ProcessKind::Gateway);
    let daemon = |project: &Project| project.pids(ProcessKind::Supervisor)[0];
    let first = daemon(&project);
    assert_eq!(project.up().ending, Ending::Unchanged);
    assert_eq!(daemon(&project), first, "the same build stays");

    let tool = project.upgrade_tool();
    let mut adopted = 0;
    let outcome = project.up_with(&mut |event| {
        if let Event::Attached { adopted: count, .. } = event {
            adopted = count;
        }
    });
    assert_eq!(outcome.ending, Ending::Unchanged, "{outcome:?}");
    assert_eq!(adopted, 3, "two replicas and the keeper");
    let second = daemon(&project);
    assert_ne!(second, first);
    assert!(!ProcessId::of(first).is_ok_and(ProcessId::is_alive));
    assert_eq!(project.pids(ProcessKind::Replica), replicas);
    let is = |pid| std::fs::read(format!("/proc/{pid}/exe")).is_ok_and(|bytes| bytes == tool);
    wait("a gateway of the new build", || {
        let now = project.pids(ProcessKind::Gateway);
        now.len() == 1 && now != gateway && is(now[0])
    });
    assert!(!project.get("/").is_empty());
    // The next one finds it in place already, and its own daemon too.
    let gateway = project.pids(ProcessKind::Gateway);
    assert_eq!(project.up().ending, Ending::Unchanged);
    assert_eq!(project.pids(ProcessKind::Gateway), gateway);
}

#[test]
fn a_first_deploy_that_is_undone_leaves_nothing_running() {
    let Some(project) = Project::new(&Spec {
        command: "fail",
        ..Spec::plain()
    }) else {
        return;
    };
    let mut daemon = 0;
    let outcome = project.up_with(&mut |event| {
        if let Event::Attached { pid, .. } = event {
            daemon = pid;
        }
    });
    assert!(
        matches!(outcome.ending, Ending::Undone { .. }),
        "{outcome:?}"
    );
    assert!(outcome.stopped);
    assert!(!ProcessId::of(daemon).is_ok_and(ProcessId::is_alive));
    let status = project.local.status().unwrap();
    assert_eq!(status.phase, Phase::Down, "{status:?}");
    assert_eq!(status.processes, []);
    assert_eq!(project.sockets(), Vec::<String>::new());
    assert_eq!(project.up_bundle(&Spec::plain()).ending, Ending::InForce);
}

#[test]
fn a_change_cancelled_at_any_step_is_in_force_or_taken_back_when_the_call_returns() {
    let Some((project, two)) = one_and_the_wish_for(&Spec {
        release: "two",
        ..Spec::plain()
    }) else {
        return;
    };
    for at in 0.. {
        let (outcome, cancelled) = project.up_until(
            &two,
            &|event| matches!(event, Event::StepStarted { index, .. } if *index == at),
        );
        if matches!(outcome.ending, Ending::Undone { .. }) {
            assert_is_as_before(&project);
            continue;
        }
        // Too quick for the wish to be noticed, or no such step: it is in force, never in between.
        assert_eq!(outcome.ending, Ending::InForce, "cancelled at step {at}");
        assert_eq!(project.get("/release"), "two", "cancelled at step {at}");
        if !cancelled {
            break;
        }
        project.up();
    }
}

/// A release that never gets ready is cancelled long before it is given up.
#[test]
fn a_change_cancelled_while_it_waits_is_taken_back_before_the_call_returns() {
    let Some((project, broken)) = one_and_the_wish_for(&Spec {
        command: "fail",
        release: "two",
        ..Spec::plain()
    }) else {
        return;
    };
    let waits = |event: &Event| {
        matches!(
            event,
            Event::StepStarted {
                step: Step::Scale { to: 1.., .. },
                ..
            }
        )
    };
    let (outcome, cancelled) = project.up_until(&broken, &waits);
    assert!(cancelled);
    let Ending::Undone { message, .. } = outcome.ending else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("interrupted"), "{message}");
    assert_is_as_before(&project);
}

fn one_and_the_wish_for(wanted: &Spec) -> Option<(Project, Spec)> {
    let project = Project::new(&Spec {
        replicas: 1,
        ..Spec::plain()
    })?;
    project.up();
    let wanted = Spec {
        replicas: 1,
        ..*wanted
    };
    Some((project, wanted))
}

/// The first release serves, and no change is open.
fn assert_is_as_before(project: &Project) {
    assert_eq!(project.get("/release"), "one");
    let mut left = false;
    let again = project.up_with(&mut |event| left |= matches!(event, Event::Unfinished { .. }));
    assert_eq!(again.ending, Ending::Unchanged);
    assert!(!left, "a change is open");
}
