//! A root of its own, seen from inside.

use crate::support::*;
use plimsoll_supervisor::order::{Bind, Root};
use plimsoll_supervisor::{IsolationClass, Kind, Order, ProcessRunner};

fn looking(env: &Env) -> Order {
    let artefact = env.dir.path().join("artefact");
    let volume = env.dir.path().join("volume");
    for dir in [&artefact, &volume] {
        std::fs::create_dir(dir).unwrap();
    }
    std::fs::copy(FIXTURE, artefact.join("program")).unwrap();
    let words = [
        "look",
        "/",
        "/usr",
        "/root",
        "/etc/shadow",
        "/etc/passwd",
        "/app",
        "/data",
        "/tmp",
        "/run/secrets/key",
        "/home",
    ];
    let mut order = Order::new("look", Kind::Job, vec!["/app/program".into()]);
    order.command.extend(words.map(String::from));
    order.root = Root::Tools;
    order.binds = vec![
        Bind {
            source: artefact,
            target: "/app".into(),
            writable: false,
        },
        Bind {
            source: volume,
            target: "/data".into(),
            writable: true,
        },
    ];
    order
}

async fn look(mut env: Env, order: Order) -> Vec<String> {
    env.secrets.files.insert("key".into(), "s3cret".into());
    let (supervisor, _) = env.open().await;
    let exit = supervisor.run_job(order, SOON).await.unwrap();
    assert!(exit.is_success(), "{exit:?}");
    exit.output.into_iter().map(|line| line.text).collect()
}

fn line<'a>(lines: &'a [String], start: &str) -> &'a str {
    lines
        .iter()
        .find(|line| line.split(' ').next() == Some(start))
        .unwrap()
}

fn check(lines: &[String]) {
    for path in ["/", "/usr", "/app", "/run/secrets/key"] {
        assert!(line(lines, path).ends_with("write=false"), "{lines:#?}");
    }
    for path in ["/root", "/home", "/etc/shadow"] {
        assert!(line(lines, path).contains("seen=false"), "{lines:#?}");
    }
    for path in ["/tmp", "/data"] {
        assert!(line(lines, path).ends_with("write=true"), "{lines:#?}");
    }
    assert!(
        line(lines, "/run/secrets/key").contains("read=Some(\"s3cret\")"),
        "{lines:#?}"
    );
    assert!(line(lines, "/etc/passwd").contains("app:x:"), "{lines:#?}");
    assert_eq!(line(lines, "leaks"), "leaks false");
    assert_eq!(line(lines, "environ"), "environ PLIMSOLL_TOKEN,");
    assert_eq!(line(lines, "NoNewPrivs:"), "NoNewPrivs: 1");
    assert_eq!(line(lines, "CapEff:"), "CapEff: 0000000000000000");
}

#[tokio::test]
async fn in_a_root_of_its_own_a_program_sees_and_writes_only_what_its_orders_name() {
    let env = Env::new();
    let mut order = looking(&env);
    if is_root() {
        order.user = Some(somebody());
        let user = somebody();
        std::os::unix::fs::chown(
            env.dir.path().join("volume"),
            Some(user.uid),
            Some(user.gid),
        )
        .unwrap();
    } else if let Err(reason) = &ProcessRunner::new(FIXTURE.into()).capabilities().tools {
        println!("skipped: needs user namespaces ({reason})");
        return;
    }
    let lines = look(env, order).await;
    check(&lines);
    if is_root() {
        let uid = "2100001001";
        assert_eq!(
            line(&lines, "Uid:"),
            format!("Uid: {uid} {uid} {uid} {uid}")
        );
        assert_eq!(line(&lines, "Groups:"), "Groups:");
    }
}

#[tokio::test]
async fn on_the_hosts_tree_secrets_are_files_of_the_process_alone_and_vanish_with_it() {
    let env = Env::new();
    let folder = env.dir.path().join("secrets");
    let file = folder.join("key");
    let mut order = order("look", &["look", file.to_str().unwrap()]);
    order.secrets_dir = folder.to_str().unwrap().to_owned();
    let lines = look(env, order).await;
    assert!(
        line(&lines, file.to_str().unwrap()).contains("read=Some(\"s3cret\")"),
        "{lines:#?}"
    );
    assert_eq!(line(&lines, "leaks"), "leaks false");
    assert!(!folder.exists());
}

#[tokio::test]
async fn the_class_that_is_shown_is_what_was_observed() {
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut plain = order("plain", &[]);
    plain.command = ["/bin/sleep", "600"].map(String::from).to_vec();
    supervisor.start(plain.clone()).await.unwrap();
    supervisor.wait_ready("plain", SOON).await.unwrap();
    let status = supervisor.status_of("plain").await.unwrap();
    if is_root() {
        // Nobody told it to be somebody else: as root it is held by nothing.
        assert_eq!(status.class, Some(IsolationClass::ByConvention));
        let mut held = plain;
        held.id = "held".into();
        held.user = Some(somebody());
        held.root = Root::Tools;
        held.limits.memory_bytes = 1 << 30;
        held.limits.open_files = 512;
        supervisor.start(held).await.unwrap();
        supervisor.wait_ready("held", SOON).await.unwrap();
        let status = supervisor.status_of("held").await.unwrap();
        assert_eq!(
            status.class,
            Some(IsolationClass::Confined),
            "{:?}",
            status.controls
        );
        let has = |wanted: &str| status.controls.iter().any(|control| control == wanted);
        assert!(
            has("open files 512") && has("memory not limited: no cgroup"),
            "{:?}",
            status.controls
        );
    } else {
        println!("skipped: needs root");
    }
    supervisor.stop_all().await.unwrap();
}
