//! The same without root, which the test gives up.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::edges::{edge, tcp};
use super::*;
use plimsoll_supervisor::order::Bind;

/// Starts these orders under a supervisor of a user who is not root, and reads what its shim wrote.
fn as_nobody(mut order: Order) -> (Env, serde_json::Value) {
    const NOBODY: u32 = 65534;
    let env = Env::new();
    let place = env.dir.path();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place, open).unwrap();
    let fixture = place.join("fixture");
    std::fs::copy(FIXTURE, &fixture).unwrap();
    std::fs::create_dir(env.path()).unwrap();
    std::os::unix::fs::chown(env.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    order.command[0] = fixture.to_str().unwrap().to_owned();
    order.user = None;
    order.binds = vec![Bind {
        source: fixture.clone(),
        target: fixture.clone(),
        writable: false,
    }];
    let mut host = Command::new(&fixture)
        .args(["host", env.path().to_str().unwrap()])
        .arg(serde_json::to_string(&order).unwrap())
        .uid(NOBODY)
        .gid(NOBODY)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(host.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let record = env.path().join("replicas").join(format!("{}-1", order.id));
    let record = std::fs::read(record.join("shim.json")).unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    assert_eq!(line, "ready\n");
    (env, serde_json::from_slice(&record).unwrap())
}

#[test]
fn without_root_everything_holds_but_the_limits_and_the_class_says_so() {
    if !possible() {
        return;
    }
    let mut order = contained("web-1", &["touch", "1"]);
    let (_env, record) = as_nobody(order.clone());
    let program = &record["program"];
    assert_eq!(program["class"], "contained", "{program}");
    let pid = program["process"]["pid"].as_u64().unwrap();
    let map = std::fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
    assert_eq!(
        map.split_whitespace().collect::<Vec<_>>(),
        ["1001", "65534", "1"]
    );
    order.limits.memory_bytes = 64 << 20;
    let (_env, record) = as_nobody(order);
    let program = &record["program"];
    assert_eq!(program["class"], "confined", "{program}");
    let controls = program["controls"].to_string();
    assert!(
        controls.contains("memory, cpu and processes not limited"),
        "{controls}"
    );
}

#[test]
fn without_root_what_is_declared_is_reached_too() {
    if !possible() {
        return;
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut order = contained("web-1", &["mute", "far.example.com", "443"]);
    order.edges = vec![edge("far.example.com", 443, tcp(port))];
    let (_env, record) = as_nobody(order);
    assert_eq!(record["program"]["class"], "contained");
    until("its connection", || listener.accept().ok());
}
