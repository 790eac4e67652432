//! Memory, CPU and processes.

use super::*;
use plimsoll_supervisor::IsolationClass;
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::order::Limits;
use plimsoll_supervisor::record::ExitReason;
use plimsoll_supervisor::runner::Runner;

#[tokio::test]
async fn beyond_its_memory_a_program_dies_and_its_neighbour_does_not_notice() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let limited = |id: &str, mib: &str| {
        let mut order = contained(id, &["touch", mib]);
        order.limits.memory_bytes = 64 << 20;
        order.restart.give_up_after = 1;
        order
    };
    let within = ready(&supervisor, limited("within", "48")).await;
    assert_eq!(word(&within, "touched"), "touched 48");
    assert_eq!(within.class, Some(IsolationClass::Contained), "{within:?}");
    supervisor.start(limited("beyond", "80")).await.unwrap();
    supervisor.wait_ended("beyond", SOON).await.unwrap();
    let beyond = supervisor.status_of("beyond").await.unwrap();
    let reason = beyond.last_exit.unwrap().reason;
    let wanted = ExitReason::Signal {
        signal: 9,
        out_of_memory: Some(true),
    };
    assert_eq!(reason, wanted);
    assert!(reason.to_string().ends_with("out of memory"));
    let within = supervisor.status_of("within").await.unwrap();
    assert_eq!((within.state.clone(), within.restarts), (State::Ready, 0));
    let group = within.group.unwrap();
    assert!(
        group.anon_bytes >= 48 << 20 && group.oom_kills == 0,
        "{group:?}"
    );
    assert!(group.working_set_bytes <= 64 << 20, "{group:?}");
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_program_has_as_many_processes_as_its_orders_allow() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained("breed", &["breed", "60"]);
    order.kind = Kind::Job;
    order.limits.pids = 32;
    let exit = supervisor.run_job(order, SOON).await.unwrap();
    let said: Vec<String> = exit.output.into_iter().map(|line| line.text).collect();
    // Itself and 31 children; the init of the namespace is not counted against it.
    assert_eq!(said, ["children 31"]);
}

#[tokio::test]
async fn a_program_at_its_cpu_limit_is_held_back_and_the_status_shows_it() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained("burn", &["burn"]);
    order.limits.cpu_millis = 100;
    ready(&supervisor, order.clone()).await;
    let throttled = loop {
        let status = supervisor.status_of("burn").await.unwrap();
        let group = status.group.unwrap();
        if group.throttled_periods > 0 && group.throttled_ms > 0 {
            break group;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        throttled.periods >= throttled.throttled_periods,
        "{throttled:?}"
    );
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn limits_are_changed_while_a_program_runs() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let mut order = contained("web-1", &["serve"]);
    with_port(&mut order);
    order.limits.memory_bytes = 64 << 20;
    let (supervisor, _) = env.open().await;
    let status = ready(&supervisor, order).await;
    let runner = ProcessRunner::new(FIXTURE.into());
    let dir = status.dir.unwrap();
    let plimsoll_supervisor::runner::Found::Alive(running) = runner.adopt(&dir).unwrap() else {
        panic!("not alive");
    };
    for mib in [128, 32] {
        let limits = Limits {
            memory_bytes: mib << 20,
            pids: 16,
            ..Limits::default()
        };
        let controls = runner.update(&running, &limits).unwrap();
        assert!(
            controls[0].starts_with(&format!("memory {mib} MiB")),
            "{controls:?}"
        );
    }
    supervisor.stop_all().await.unwrap();
}
