//! The keeper: sockets outlive the program that serves them.

use std::time::{Duration, Instant};

use crate::support::*;
use plimsoll_supervisor::Kind;
use plimsoll_supervisor::order::{Bind, Listener, Root};
use rustix::process::Signal;

fn keeper(env: &Env) -> plimsoll_supervisor::Order {
    let dir = env.path().join("keeper");
    let mut order = order("gateway", &["gateway", dir.to_str().unwrap()]);
    order.kind = Kind::Keeper;
    let listener = |name: &str, count| Listener {
        name: name.into(),
        address: "127.0.0.1:0".parse().unwrap(),
        count,
    };
    order.listeners = vec![listener("http", 2), listener("https", 1)];
    order.binds.push(Bind {
        source: dir.clone(),
        target: dir,
        writable: true,
    });
    order
}

/// Kills the program again and again while clients connect.
async fn outlives_its_program(env: &Env, order: plimsoll_supervisor::Order) {
    let (supervisor, _) = env.open().await;
    supervisor.start(order).await.unwrap();
    if let Err(error) = supervisor.wait_ready("gateway", SOON).await {
        panic!("{error}: {:?}", supervisor.status().await);
    }
    let status = supervisor.status_of("gateway").await.unwrap();
    let http = address(&status, "http");
    until("a first answer", || answerer(http));
    let mut worst = Duration::ZERO;
    for _ in 0..4 {
        let status = supervisor.status_of("gateway").await.unwrap();
        assert_eq!(address(&status, "http"), http);
        let program = pid(&status);
        let killed = Instant::now();
        program.signal(Signal::KILL).unwrap();
        // Every connection from here on is accepted by the kernel; what was in the hands of the dead program is
        // broken, and asked again.
        let new = until("another program", || {
            assert!(std::net::TcpStream::connect(http).is_ok(), "refused");
            answerer(http).filter(|&pid| pid != program.pid)
        });
        worst = worst.max(killed.elapsed());
        until("its record", || {
            let text = std::fs::read_to_string(env.path().join("keeper/shim.json")).ok()?;
            text.contains(&format!("\"pid\": {new}")).then_some(())
        });
    }
    assert!(worst < Duration::from_secs(5), "{worst:?}");
    println!("worst time to another program: {worst:?}");
    let status = supervisor.status_of("gateway").await.unwrap();
    assert_eq!(status.restarts, 4);
    let (program, above) = (pid(&status), shim(&status));
    supervisor.stop_all().await.unwrap();
    assert!(!program.is_alive() && !above.is_alive());
    assert!(std::net::TcpStream::connect(http).is_err());
}

#[tokio::test]
async fn sockets_outlive_the_program_that_serves_them() {
    let env = Env::new();
    outlives_its_program(&env, keeper(&env)).await;
}

#[tokio::test]
async fn a_successor_is_started_beside_the_program_that_serves() {
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    supervisor.start(keeper(&env)).await.unwrap();
    supervisor.wait_ready("gateway", SOON).await.unwrap();
    let status = supervisor.status_of("gateway").await.unwrap();
    let (first, above, http) = (pid(&status), shim(&status), address(&status, "http"));
    until("a first answer", || answerer(http));
    above.signal(Signal::USR2).unwrap();
    let second = until("an answer of the successor", || {
        assert!(first.is_alive());
        answerer(http).filter(|&pid| pid != first.pid)
    });
    // The keeper has no other word to it than that it is there; who serves decides when to go.
    first.signal(Signal::TERM).unwrap();
    until("the first has left", || (!first.is_alive()).then_some(()));
    for _ in 0..20 {
        assert_eq!(until("an answer", || answerer(http)), second);
    }
    until("its record", || {
        let text = std::fs::read_to_string(env.path().join("keeper/shim.json")).ok()?;
        text.contains(&format!("\"pid\": {second}")).then_some(())
    });
    let status = supervisor.status_of("gateway").await.unwrap();
    let serving = pid(&status);
    assert_eq!((serving.pid, status.restarts), (second, 1));
    // One that is on its way out when all ends goes with it.
    above.signal(Signal::USR2).unwrap();
    let third = until("a third", || answerer(http).filter(|&pid| pid != second));
    supervisor.stop_all().await.unwrap();
    assert!(!serving.is_alive() && !above.is_alive());
    let gone = || std::net::TcpStream::connect(http).is_err().then_some(());
    until("nobody listens", gone);
    assert!(!std::path::Path::new(&format!("/proc/{third}")).exists());
}

#[tokio::test]
async fn as_another_user_in_a_root_of_its_own_it_does_the_same() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let env = Env::new();
    let mut order = keeper(&env);
    order.root = Root::Tools;
    order.user = Some(somebody());
    outlives_its_program(&env, order).await;
}

#[tokio::test]
async fn after_a_killed_keeper_the_program_serves_on_until_the_next_takes_over() {
    let env = Env::new();
    let mut order = keeper(&env);
    for listener in &mut order.listeners {
        // A fixed port, as a real one is: the next keeper binds the same.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.address = free.local_addr().unwrap();
    }
    let (supervisor, _) = env.open().await;
    supervisor.start(order).await.unwrap();
    supervisor.wait_ready("gateway", SOON).await.unwrap();
    let before = supervisor.status_of("gateway").await.unwrap();
    let http = address(&before, "http");
    until("a first answer", || answerer(http));
    let program = pid(&before);
    shim(&before).signal(Signal::KILL).unwrap();
    assert!(program.is_alive());
    let after = next_ready(&supervisor, &before).await;
    assert_eq!(address(&after, "http"), http);
    until_dead(program);
    until("an answer", || {
        answerer(http).filter(|&pid| Some(pid) == after.pid)
    });
    supervisor.stop_all().await.unwrap();
}
