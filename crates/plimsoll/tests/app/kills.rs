//! SIGKILL of each process of ours, one at a time, under traffic.

use hyper::{Method, StatusCode};

use super::app::{App, Process, lives, plimsoll, sigkill, wait_for};
use super::http::{self, Connection, block_on};
use super::load::Traffic;
use super::truth;
use super::turn;

/// Requests that the app answers before and after the blow, so that the blow falls into traffic.
const SPELL: u64 = 200;

fn wait_for_answers(traffic: &Traffic, more: u64) {
    let enough = traffic.answered() + more;
    wait_for("traffic", || (traffic.answered() >= enough).then_some(()));
}

fn all_ready(app: &App, service: &str, count: usize) -> Option<Vec<Process>> {
    let replicas = app.replicas(service);
    let ready = replicas
        .iter()
        .filter(|replica| replica.state == "ready")
        .count();
    (ready == count && replicas.len() == count).then_some(replicas)
}

#[test]
fn a_killed_replica_is_back_and_no_idempotent_request_fails() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    let before = app.replicas("backend");
    let traffic = Traffic::start(app.address());
    wait_for_answers(&traffic, SPELL);
    let victim = before[0].pid.unwrap();
    sigkill(victim);
    let (after, took) = wait_for("the replica to be back", || {
        let now = all_ready(&app, "backend", before.len())?;
        now.iter()
            .all(|replica| replica.pid != Some(victim))
            .then_some(now)
    });
    wait_for_answers(&traffic, SPELL);
    let tally = traffic.stop();
    println!(
        "replica back after {took:?}; {} requests, {} failed",
        tally.requests,
        tally.failed.len()
    );
    assert_eq!(tally.failed, Vec::<String>::new());
    let untouched = |list: &[Process]| {
        list.iter()
            .filter(|one| before[1..].iter().any(|old| old.pid == one.pid))
            .count()
    };
    assert_eq!(
        untouched(&after),
        before.len() - 1,
        "the others were left alone"
    );
}

#[test]
fn a_killed_supervisor_leaves_traffic_alone_and_up_adopts_every_replica() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    let before = app.replicas("backend");
    let traffic = Traffic::start(app.address());
    wait_for_answers(&traffic, SPELL);
    let supervisor = app.one("supervisor").pid.unwrap();
    sigkill(supervisor);
    wait_for("the supervisor to be gone", || {
        (!lives(supervisor)).then_some(())
    });
    wait_for_answers(&traffic, SPELL);
    let again = App::up();
    let after = again.replicas("backend");
    wait_for_answers(&traffic, SPELL);
    let tally = traffic.stop();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert_eq!(after, before, "no replica restarted");
    assert_eq!(again.release(), app.release());
}

#[test]
fn a_killed_gateway_is_back_on_the_same_ports_and_no_connection_is_refused() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    let gateway = app.one("gateway").pid.unwrap();
    sigkill(gateway);
    let (refused, took) = block_on(async {
        let mut refused = 0;
        let started = std::time::Instant::now();
        loop {
            match Connection::open(app.address()).await {
                Err(_) => refused += 1,
                Ok(mut connection) => {
                    let answer = connection.get("/api/v1/version").await;
                    if answer.is_ok_and(|answer| answer.status == StatusCode::OK) {
                        return (refused, started.elapsed());
                    }
                }
            }
        }
    });
    println!("gateway answers again after {took:?}; {refused} connections refused");
    assert_eq!(refused, 0, "the keeper holds the ports");
    wait_for("the new gateway", || {
        app.one("gateway").pid.filter(|pid| *pid != gateway)
    });
}

#[test]
fn a_killed_postmaster_costs_no_acknowledged_upload() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    let files = truth::generate(2_000, 77);
    let postmaster = app.resource("db").pid.unwrap();
    block_on(async {
        let mut recon = truth::Recon::open(&app).await;
        let (left, right) = recon.new_sources("postmaster").await;
        // The blow falls while the second upload is on its way; the first has been acknowledged.
        let first = recon.upload(&left, "left.csv", &files.left).await;
        let second = {
            let address = app.address();
            let token = http::token(address, app.login("preparer")).await;
            let (body, right) = (files.right.clone(), right.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.unwrap().with_token(&token);
                let (kind, body) = truth::multipart(&right, "right.csv", &body);
                connection
                    .send(Method::POST, "/api/v1/uploads", &kind, body)
                    .await
            })
        };
        tokio::task::yield_now().await;
        sigkill(postmaster);
        let second = second
            .await
            .unwrap()
            .ok()
            .filter(|answer| answer.status.is_success());
        let ((), took) = wait_for("the app to be ready again", || {
            let ready = all_ready(&app, "backend", app.replicas("backend").len()).is_some();
            let db = app.resource("db");
            (ready && db.state == "ready" && db.pid != Some(postmaster)).then_some(())
        });
        println!(
            "ready again after {took:?}; the upload under way was {}",
            if second.is_some() {
                "acknowledged"
            } else {
                "refused"
            }
        );
        let mut recon = truth::Recon::open(&app).await;
        recon.assert_upload(&first).await;
        match second {
            Some(answer) => recon.assert_upload(&answer.json()).await,
            // Refused is honest; sent again it must go through.
            None => drop(recon.upload(&right, "right.csv", &files.right).await),
        }
    });
}

#[test]
fn after_a_kill_of_everything_up_starts_again_and_down_leaves_nothing() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    let pids: Vec<u32> = app
        .processes()
        .iter()
        .filter_map(|process| process.pid)
        .collect();
    assert!(
        pids.len() >= 8,
        "supervisor, keeper, gateway, two resources and replicas: {pids:?}"
    );
    for pid in &pids {
        // One may have died with another.
        if lives(*pid) {
            sigkill(*pid);
        }
    }
    let app = App::up();
    let pids: Vec<u32> = app
        .processes()
        .iter()
        .filter_map(|process| process.pid)
        .collect();
    let down = plimsoll(&["down"]);
    assert!(
        down.status.success(),
        "{}",
        String::from_utf8_lossy(&down.stderr)
    );
    let left: Vec<&u32> = pids.iter().filter(|pid| lives(**pid)).collect();
    assert!(left.is_empty(), "still alive: {left:?}");
    assert!(
        std::net::TcpStream::connect(app.address()).is_err(),
        "the port is still open"
    );
    let sockets =
        truth::sockets_below(&super::app::root().join("systems/reconciliation/.plimsoll"));
    assert!(sockets.is_empty(), "{sockets:?}");
}
