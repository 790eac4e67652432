//! Beginning, signals, death, and what is left behind: nothing.

use std::path::PathBuf;

use super::*;
use plimsoll_bundle::Digest;
use plimsoll_supervisor::record::ExitReason;
use rustix::process::Signal;

#[tokio::test]
async fn signals_reach_the_program_through_its_shim_and_through_its_init() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained("web-1", &["serve"]);
    with_port(&mut order);
    let before = ready(&supervisor, order).await;
    let program = pid(&before);
    supervisor.stop("web-1").await.unwrap();
    assert!(!program.is_alive());
    let exit = supervisor
        .status_of("web-1")
        .await
        .unwrap()
        .last_exit
        .unwrap();
    let terminated = ExitReason::Signal {
        signal: 15,
        out_of_memory: Some(false),
    };
    assert_eq!(exit.reason, terminated);
    supervisor
        .start({
            let mut order = contained("web-2", &["serve"]);
            with_port(&mut order);
            order
        })
        .await
        .unwrap();
    supervisor.wait_ready("web-2", SOON).await.unwrap();
    let before = supervisor.status_of("web-2").await.unwrap();
    let init = init_of(&before);
    assert!(init.signal(Signal::TERM).unwrap());
    let after = next_ready(&supervisor, &before).await;
    assert_eq!(after.last_exit.unwrap().reason, terminated);
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn with_the_shim_or_the_init_everything_in_the_namespace_dies() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained("web-1", &["double-fork", "/tmp/grandchild"]);
    with_port(&mut order);
    let mut before = ready(&supervisor, order).await;
    for killed in ["shim", "init"] {
        let init = init_of(&before);
        let family = until("its family", || {
            let family = plimsoll_stdx::process::descendants(init.pid).unwrap();
            (family.len() >= 2).then_some(family)
        });
        let victim = if killed == "shim" {
            shim(&before)
        } else {
            init
        };
        victim.signal(Signal::KILL).unwrap();
        for process in family.into_iter().chain([init]) {
            until_dead(process);
        }
        before = next_ready(&supervisor, &before).await;
    }
    supervisor.stop_all().await.unwrap();
}

/// The program may have ended, and its init with it, before the shim has looked at either.
#[tokio::test]
async fn a_program_that_ends_at_once_has_started_and_ended_well() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let brief = |id: &str| supervisor.run_job(job(id, &["/bin/true"]), SOON);
    for round in 0..15 {
        let (one, two, three) = tokio::join!(brief("one"), brief("two"), brief("three"));
        for exit in [one, two, three] {
            let exit = exit.unwrap();
            assert!(exit.is_success(), "round {round}: {exit:?}");
        }
    }
}

/// Every group of ours of this environment, in every hierarchy.
pub(super) fn groups(env: &Env) -> Vec<PathBuf> {
    let parent = std::fs::canonicalize(env.path()).unwrap();
    let hash = Digest::of(parent.as_os_str().as_encoded_bytes());
    let name = format!("env-{}", &hash.hex()[..12]);
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    hierarchies
        .map(|hierarchy| hierarchy.path().join("plimsoll").join(&name))
        .filter(|path| path.exists())
        .collect()
}

#[tokio::test]
async fn fifty_starts_and_stops_leave_nothing_behind() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut processes = Vec::new();
    for number in 0..50 {
        let mut order = contained("web-1", &["touch", "1"]);
        order.limits.memory_bytes = 64 << 20;
        order.limits.pids = 16;
        order.release = number.to_string();
        let status = ready(&supervisor, order).await;
        processes.extend([pid(&status), shim(&status), init_of(&status)]);
        assert!(!groups(&env).is_empty());
        supervisor.stop("web-1").await.unwrap();
    }
    assert!(processes.iter().all(|process| !process.is_alive()));
    assert_eq!(groups(&env), Vec::<PathBuf>::new());
    // A namespace lives as long as a process in it or a mount of it, and its number is given to the next.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(env.path().to_str().unwrap()));
}

#[tokio::test]
async fn a_group_that_nobody_remembers_is_emptied_and_removed() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained("web-1", &["serve"]);
    with_port(&mut order);
    order.limits.pids = 16;
    let status = ready(&supervisor, order).await;
    let (program, above) = (pid(&status), shim(&status));
    supervisor.close().await.unwrap();
    // Its records are lost, and with them every trace but the group.
    std::fs::remove_dir_all(status.dir.clone().unwrap()).unwrap();
    above.signal(Signal::STOP).unwrap();
    let (supervisor, _) = env.open().await;
    until_dead(program);
    above.signal(Signal::KILL).unwrap();
    until_dead(above);
    assert_eq!(groups(&env), Vec::<PathBuf>::new());
    supervisor.stop_all().await.unwrap();
}
