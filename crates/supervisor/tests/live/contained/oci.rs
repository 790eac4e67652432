//! The same by OCI runtimes, as far as they are there: runc and crun, or the one that `PLIMSOLL_TEST_OCI` names.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::edges::{bridge, edge, says, somebody_who_says, tcp};
use super::life::groups;
use super::trees::look_into;
use super::walls::{PYTHON, attack, ensure_walled};
use super::*;
use plimsoll_stdx::fs::write_atomic_mode;
use plimsoll_supervisor::IsolationClass;
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::order::{Backend, Limits};
use plimsoll_supervisor::record::ExitReason;
use plimsoll_supervisor::runtimes;
use rustix::process::Signal;

/// Those that the tests are made with; says which are missing.
fn backends() -> Vec<Backend> {
    if !possible() {
        return Vec::new();
    }
    let wanted = std::env::var("PLIMSOLL_TEST_OCI").ok();
    let names = wanted.map_or(vec!["runc".to_owned(), "crun".to_owned()], |name| {
        vec![name]
    });
    let path = std::env::var_os("PATH").unwrap();
    let mut found = Vec::new();
    for name in names {
        match runtimes::find(&name, &path) {
            Ok(runtime) => found.push(Backend::Oci { runtime }),
            Err(_) => println!("skipped: needs {name}"),
        }
    }
    found
}

fn by(backend: &Backend, mut order: Order) -> Order {
    order.backend = backend.clone();
    order
}

fn server(id: &str) -> Order {
    let mut order = contained(id, &["serve"]);
    with_port(&mut order);
    order.limits = Limits {
        cpu_millis: 500,
        memory_bytes: 64 << 20,
        pids: 32,
        open_files: 256,
    };
    order
}

#[tokio::test]
async fn a_program_brought_up_by_a_runtime_answers_is_seen_to_be_contained_and_is_adopted() {
    for backend in backends() {
        let env = Env::new();
        let (supervisor, _) = env.open().await;
        let before = ready(&supervisor, by(&backend, server("web-1"))).await;
        assert_eq!(before.runtime, backend.runtime());
        assert_eq!(before.class, Some(IsolationClass::Contained), "{before:?}");
        for control in [
            "user 1001",
            "outside user 2100001001",
            "own user pid mnt net ipc uts cgroup",
            "no capabilities",
            "no new privileges",
            "system calls filtered",
            "a read-only root",
            "landlock",
            "open files 256",
            "memory 64 MiB",
            "cpu 500m",
            "processes 32",
        ] {
            let mut shown = before.controls.iter();
            let is_shown = shown.any(|shown| shown.starts_with(control));
            assert!(is_shown, "{control}: {:?}", before.controls);
        }
        assert!(!before.controls.iter().any(|one| one.contains("MISSING")));
        assert!(answer_at(&before.ports["http"]).await.is_ok());
        supervisor.close().await.unwrap();
        let (supervisor, report) = env.open().await;
        assert!(report[0].alive && report[0].killed.is_none(), "{report:?}");
        let after = supervisor.status_of("web-1").await.unwrap();
        assert_eq!(
            (after.pid, after.runtime.clone()),
            (before.pid, before.runtime)
        );
        assert_eq!(after.class, Some(IsolationClass::Contained));
        assert!(answer_at(&after.ports["http"]).await.is_ok());
        assert!(after.group.unwrap().memory_bytes > 0);
        supervisor.stop("web-1").await.unwrap();
        let exit = supervisor.status_of("web-1").await.unwrap().last_exit;
        let terminated = ExitReason::Signal {
            signal: 15,
            out_of_memory: Some(false),
        };
        assert_eq!(exit.unwrap().reason, terminated);
        supervisor.stop_all().await.unwrap();
    }
}

#[tokio::test]
async fn beyond_its_memory_a_program_of_a_runtime_dies_and_its_neighbour_lives() {
    for backend in backends() {
        let env = Env::new();
        let (supervisor, _) = env.open().await;
        let limited = |id: &str, mib: &str| {
            let mut order = by(&backend, contained(id, &["touch", mib]));
            order.limits.memory_bytes = 64 << 20;
            order.restart.give_up_after = 1;
            order
        };
        let within = ready(&supervisor, limited("within", "48")).await;
        assert_eq!(word(&within, "touched"), "touched 48");
        supervisor.start(limited("beyond", "80")).await.unwrap();
        supervisor.wait_ended("beyond", SOON).await.unwrap();
        let beyond = supervisor.status_of("beyond").await.unwrap();
        let wanted = ExitReason::Signal {
            signal: 9,
            out_of_memory: Some(true),
        };
        assert_eq!(beyond.last_exit.unwrap().reason, wanted);
        let within = supervisor.status_of("within").await.unwrap();
        assert_eq!((within.state.clone(), within.restarts), (State::Ready, 0));
        let mut breed = by(&backend, contained("breed", &["breed", "60"]));
        breed.kind = Kind::Job;
        breed.limits.pids = 16;
        let exit = supervisor.run_job(breed, SOON).await.unwrap();
        assert_eq!(exit.text(), "children 15");
        supervisor.stop_all().await.unwrap();
    }
}

/// The folders of groups that end with this name, in any hierarchy.
fn folders(name: &str) -> Vec<PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    hierarchies
        .map(|hierarchy| hierarchy.path().join(name))
        .filter(|path| path.exists())
        .collect()
}

#[tokio::test]
async fn a_start_by_a_runtime_leaves_nothing_behind_however_it_ends() {
    for backend in backends() {
        let env = Env::new();
        let (supervisor, _) = env.open().await;
        let mut before = ready(&supervisor, by(&backend, server("web-1"))).await;
        let mut processes = Vec::new();
        let mut dirs = Vec::new();
        for victim in ["shim", "init", "none"] {
            let init = init_of(&before);
            processes.extend([pid(&before), shim(&before), init]);
            let dir = before.dir.clone().unwrap();
            assert!(dir.join("oci/config.json").exists());
            dirs.push(dir);
            let killed = match victim {
                "shim" => shim(&before),
                "init" => init,
                _ => break,
            };
            killed.signal(Signal::KILL).unwrap();
            before = next_ready(&supervisor, &before).await;
        }
        supervisor.stop_all().await.unwrap();
        assert!(processes.iter().all(|process| !process.is_alive()));
        assert!(dirs.iter().all(|dir| !dir.join("oci").exists()), "{dirs:?}");
        assert_eq!(groups(&env), Vec::<PathBuf>::new());
        for name in ["web-1-1", "web-1-2", "web-1-3"] {
            assert_eq!(folders(name), Vec::<PathBuf>::new());
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(
            !mounts.contains("plimsoll/stage") && !mounts.contains("/oci/"),
            "{mounts}"
        );
        assert_eq!(std::fs::read_dir("/run/plimsoll/stage").unwrap().count(), 0);
        // Runtimes give the files of the standard streams to the program's user.
        let null = std::fs::metadata("/dev/null").unwrap();
        assert_eq!((null.uid(), null.gid()), (0, 0));
    }
}

#[tokio::test]
async fn every_way_out_of_a_runtimes_container_is_refused() {
    for backend in backends() {
        if !Path::new(PYTHON).exists() {
            println!("skipped: needs python3");
            return;
        }
        let answers = attack(Isolation::Contained, backend).await;
        ensure_walled(&answers);
        // Root has a number inside, which the program has no right to take.
        assert_eq!(answers["root"], "EPERM");
        assert_eq!(answers["map"], "0 2100000000 1 1001 2100001001 1");
    }
}

#[tokio::test]
async fn a_runtime_shows_an_images_tree_as_we_do() {
    for backend in backends() {
        look_into(
            &["proc", "dev", "tmp", "run", "usr", "app"],
            backend.clone(),
        )
        .await;
        look_into(&[], backend).await;
    }
}

#[tokio::test]
async fn edges_of_a_runtimes_program_lead_where_they_are_told_and_nowhere_else() {
    for backend in backends() {
        let env = Env::new();
        let (supervisor, _) = env.open().await;
        let port = somebody_who_says("well");
        let order = by(&backend, bridge("web-1", vec![edge("db", 5432, tcp(port))]));
        let status = ready(&supervisor, order).await;
        let address = status.ports["http"].clone();
        assert_eq!(says(&address, "db", 5432).await, "well");
        assert_ne!(says(&address, "127.0.0.1", port).await, "well");
        supervisor.stop_all().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_runtime_cannot_start_is_said_in_its_words() {
    for backend in backends() {
        let env = Env::new();
        let (supervisor, _) = env.open().await;
        let absent = by(&backend, job("none", &["/absent/program"]));
        let exit = supervisor.run_job(absent, SOON).await.unwrap();
        assert!(format!("{exit:?}").contains("/absent/program"), "{exit:?}");
        let mut nowhere = by(&backend, job("nowhere", &["/bin/true"]));
        nowhere.binds[0].source = "/nowhere".into();
        let exit = supervisor.run_job(nowhere, SOON).await.unwrap();
        assert!(format!("{exit:?}").contains("/nowhere"), "{exit:?}");
        let mut broken = by(&backend, job("broken", &["/bin/true"]));
        broken.workdir = "/proc/version".into();
        let exit = supervisor.run_job(broken, SOON).await.unwrap();
        assert!(format!("{exit:?}").contains("did not start it"), "{exit:?}");
        assert_eq!(groups(&env), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn a_runtime_that_is_not_there_is_named_with_the_way_to_have_it() {
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let missing = Backend::Oci {
        runtime: "/nowhere/runc".into(),
    };
    let exit = supervisor
        .run_job(by(&missing, job("job", &["/bin/true"])), SOON)
        .await;
    let said = format!("{exit:?}");
    assert!(said.contains("apt-get install runc"), "{said}");
    let mut shared = by(&missing, order("plain", &["serve"]));
    shared.isolation = Isolation::Shared;
    let refused = supervisor.start(shared).await.unwrap_err().to_string();
    assert!(refused.contains("only a contained process"), "{refused}");
}

/// A runtime like `backend` that does not heed something of what it is told, for the sake of this expression of sed.
fn careless(backend: &Backend, dir: &Path, expression: &str) -> Backend {
    let Backend::Oci { runtime } = backend else {
        panic!("{backend:?}");
    };
    let script = format!(
        "#!/bin/sh\nfor word; do\n  if [ \"$before\" = --bundle ]; then sed -i '{expression}' \"$word/config.json\"; fi\n  \
         before=$word\ndone\nexec {} \"$@\"\n",
        runtime.display()
    );
    let runtime = dir.join("careless");
    write_atomic_mode(&runtime, script.as_bytes(), 0o755).unwrap();
    Backend::Oci { runtime }
}

#[tokio::test]
async fn what_a_careless_runtime_leaves_out_is_missing_in_the_status_too() {
    for backend in backends() {
        for (expression, missing) in [
            (
                r#"s/"seccomp":/"unheeded":/"#,
                "MISSING: system calls filtered",
            ),
            (
                r#"s/"bounding":\[\]/"bounding":["CAP_CHOWN"]/"#,
                "MISSING: no capabilities",
            ),
            (r#"s/{"type":"ipc"},//"#, "shared with this machine: ipc"),
        ] {
            let env = Env::new();
            let (supervisor, _) = env.open().await;
            let backend = careless(&backend, env.dir.path(), expression);
            let status = ready(&supervisor, by(&backend, server("web-1"))).await;
            assert_ne!(status.class, Some(IsolationClass::Contained), "{missing}");
            let shown = status.controls.iter().any(|control| control == missing);
            assert!(shown, "{missing}: {:?}", status.controls);
            supervisor.stop_all().await.unwrap();
        }
    }
}
