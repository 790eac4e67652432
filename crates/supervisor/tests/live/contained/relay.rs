//! The process that carries the connections of a program: what it passes on, how much it holds, how long it lives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::edges::*;
use super::*;
use plimsoll_supervisor::order::Towards;
use rustix::process::Signal;

/// Somebody behind a Unix socket who can be killed.
struct Far(Child);

impl Far {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(FIXTURE)
            .args(["far", dir.to_str().unwrap(), "far.sock"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut word)
            .unwrap();
        Self(child)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_far_end_that_is_killed_ends_its_connections_and_is_reached_again_when_it_is_back() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let dir = folder(&env, "far");
    let (supervisor, _) = env.open().await;
    let far = Far::start(&dir);
    let order = bridge("web", vec![edge("db", 5432, socket(&dir))]);
    let status = ready(&supervisor, order).await;
    let inside = &status.ports["http"];
    let mut open = from_inside(inside, "db", 5432).await.unwrap();
    assert_eq!(line(&mut open), far.0.id().to_string());
    drop(far);
    assert_eq!(line(&mut open), "", "the connection has ended");
    assert_eq!(says(inside, "db", 5432).await, "", "nobody answers");
    word(&status, "plimsoll: cannot reach db:5432");
    let far = Far::start(&dir);
    assert_eq!(says(inside, "db", 5432).await, far.0.id().to_string());
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_program_that_has_said_all_is_still_answered() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let dir = folder(&env, "far");
    let _far = Far::start(&dir);
    let port = somebody_who_says("hello");
    let edges = vec![edge("db", 5432, socket(&dir)), edge("api", 80, tcp(port))];
    let status = ready(&supervisor, bridge("web", edges)).await;
    for (host, port) in [("db", 5432), ("api", 80)] {
        let mut stream = from_inside(&status.ports["http"], host, port)
            .await
            .unwrap();
        line(&mut stream);
        let said = vec![b'x'; 1 << 20];
        let mut writer = stream.get_ref().try_clone().unwrap();
        let words = said.clone();
        let saying = std::thread::spawn(move || {
            writer.write_all(&words).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        saying.join().unwrap();
        assert!(heard == said, "{host}: {} bytes", heard.len());
    }
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_program_that_never_reads_holds_up_nobody_and_little_is_kept_for_it() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut mute = contained("mute", &["mute", "far", "1"]);
    mute.edges = vec![edge("far", 1, tcp(port))];
    mute.relay = Some(relay_user());
    ready(&supervisor, mute).await;
    let (mut stream, _) = listener.accept().unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let piece = vec![1; 64 << 10];
    let mut taken = 0;
    while let Ok(count) = stream.write(&piece) {
        taken += count;
        // Mostly the kernel's, of the connection outside, whose buffers grow to 4 and 6 MiB.
        assert!(taken < 16 << 20, "{taken} bytes were taken");
    }
    // And the other way it goes on all the same.
    let hello = somebody_who_says("hello");
    let status = ready(&supervisor, bridge("web", vec![edge("far", 1, tcp(hello))])).await;
    assert_eq!(says(&status.ports["http"], "far", 1).await, "hello");
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_said_in_the_log_and_holds_up_nobody() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let unknown = Towards::Tcp {
        host: "nowhere.invalid".into(),
        port: 80,
    };
    let edges = vec![
        edge("nowhere.invalid", 80, unknown),
        edge("far", 1, tcp(somebody_who_says("hello"))),
    ];
    let status = ready(&supervisor, bridge("web", edges)).await;
    let inside = &status.ports["http"];
    let mut waiting = from_inside(inside, "nowhere.invalid", 80).await.unwrap();
    assert_eq!(says(inside, "far", 1).await, "hello");
    assert_eq!(line(&mut waiting), "");
    word(&status, "plimsoll: cannot reach nowhere.invalid:80");
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn more_connections_than_an_edge_has_wait_and_other_edges_go_on() {
    const OF_ONE_EDGE: usize = 256;
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let edges = vec![
        edge("far", 1, tcp(port)),
        edge("other", 1, tcp(somebody_who_says("hello"))),
    ];
    let status = ready(&supervisor, bridge("web", edges)).await;
    let inside = &status.ports["http"];
    let mut held = Vec::new();
    for _ in 0..OF_ONE_EDGE + 8 {
        held.push(from_inside(inside, "far", 1).await.unwrap());
    }
    let mut accepted = Vec::new();
    until("as many as an edge has", || {
        accepted.extend(listener.accept());
        (accepted.len() == OF_ONE_EDGE).then_some(())
    });
    assert_eq!(says(inside, "other", 1).await, "hello");
    assert!(listener.accept().is_err(), "the others wait");
    // The first that came was the first that was accepted. With both its ends closed there is room for another.
    drop((held.remove(0), accepted.remove(0)));
    until("the next", || listener.accept().ok());
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_thousand_quick_connections_are_answered_and_leave_nothing_open() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"hello");
        }
    });
    let status = ready(&supervisor, bridge("web", vec![edge("far", 1, tcp(port))])).await;
    let relay = relay_of(&status).unwrap();
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", relay.pid))
            .unwrap()
            .count()
    };
    let before = open();
    for _ in 0..100 {
        assert_eq!(says(&status.ports["http"], "far", 1).await, "hello");
    }
    until("its files are closed", || (open() <= before).then_some(()));

    let mut storm = contained("storm", &["storm", "far", "1", "1000"]);
    storm.kind = Kind::Job;
    storm.edges = vec![edge("far", 1, tcp(port))];
    storm.relay = Some(relay_user());
    let exit = supervisor.run_job(storm, SOON).await.unwrap();
    assert_eq!(exit.output[0].text, "answered 1000");
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn what_a_program_says_before_it_ends_arrives() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let hearing = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        heard.len()
    });
    let mut order = contained("job", &["last-word", "far", "1"]);
    order.kind = Kind::Job;
    order.edges = vec![edge("far", 1, tcp(port))];
    order.relay = Some(relay_user());
    supervisor.run_job(order, SOON).await.unwrap();
    assert_eq!(hearing.join().unwrap(), 1 << 20);
}

#[tokio::test]
async fn a_relay_outlives_a_killed_supervisor_and_ends_with_its_program() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let port = somebody_who_says("hello");
    let order = bridge("web", vec![edge("far", 1, tcp(port))]);
    let mut host = Command::new(FIXTURE)
        .args(["host", env.path().to_str().unwrap()])
        .arg(serde_json::to_string(&order).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut word = String::new();
    BufReader::new(host.stdout.take().unwrap())
        .read_line(&mut word)
        .unwrap();
    assert_eq!(word, "ready\n");
    host.kill().unwrap();
    host.wait().unwrap();

    let (supervisor, report) = env.open().await;
    assert!(report[0].alive, "{report:?}");
    supervisor.wait_ready("web", SOON).await.unwrap();
    let status = supervisor.status_of("web").await.unwrap();
    let relay = relay_of(&status).unwrap();
    assert_eq!(says(&status.ports["http"], "far", 1).await, "hello");
    supervisor.stop("web").await.unwrap();
    assert!(!relay.is_alive());

    supervisor.start(order).await.unwrap();
    supervisor.wait_ready("web", SOON).await.unwrap();
    let before = supervisor.status_of("web").await.unwrap();
    let relay = relay_of(&before).unwrap();
    shim(&before).signal(Signal::KILL).unwrap();
    until_dead(relay);
    let after = next_ready(&supervisor, &before).await;
    assert_eq!(says(&after.ports["http"], "far", 1).await, "hello");
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_program_whose_relay_dies_is_started_again_with_another() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let port = somebody_who_says("hello");
    let before = ready(&supervisor, bridge("web", vec![edge("far", 1, tcp(port))])).await;
    relay_of(&before).unwrap().signal(Signal::KILL).unwrap();
    let after = next_ready(&supervisor, &before).await;
    assert_eq!(says(&after.ports["http"], "far", 1).await, "hello");
    word(&before, "plimsoll: the relay of its connections died");
    supervisor.stop_all().await.unwrap();
}
