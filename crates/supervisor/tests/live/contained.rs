//! Contained programs, seen from inside and from outside. As root: without, this machine gives no limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::*;
use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Address;
use plimsoll_stdx::net::{dial, unix};
use plimsoll_stdx::process::ProcessId;
use plimsoll_supervisor::logs;
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::order::{Bind, Door, ImageRoot, Isolation, Limits, Root};
use plimsoll_supervisor::record::ExitReason;
use plimsoll_supervisor::runner::Runner;
use plimsoll_supervisor::{IsolationClass, Kind, Order, ProcessRunner, ProcessStatus, Supervisor};
use rustix::process::Signal;

/// Whether this machine can hold a program in; if not, says why the test is not made.
fn possible() -> bool {
    if !is_root() {
        println!("skipped: needs root");
        return false;
    }
    if let Err(reason) = &ProcessRunner::new(FIXTURE.into()).capabilities().contained {
        println!("skipped: needs namespaces ({reason})");
        return false;
    }
    true
}

/// Orders for the fixture with these words, contained.
fn contained(id: &str, words: &[&str]) -> Order {
    let mut order = order(id, words);
    order.root = Root::Tools;
    order.isolation = Isolation::Contained;
    order.user = Some(somebody());
    order
}

fn job(id: &str, command: &[&str]) -> Order {
    let mut order = contained(id, &[]);
    order.kind = Kind::Job;
    order.command = command.iter().map(|&word| word.to_owned()).collect();
    order
}

async fn ready(supervisor: &Supervisor, order: Order) -> ProcessStatus {
    let id = order.id.clone();
    supervisor.start(order).await.unwrap();
    if let Err(error) = supervisor.wait_ready(&id, SOON).await {
        panic!("{error}: {:?}", supervisor.status_of(&id).await);
    }
    supervisor.status_of(&id).await.unwrap()
}

fn word(status: &ProcessStatus, start: &str) -> String {
    let dir = status.dir.clone().unwrap();
    until(start, || {
        let lines = logs::tail(&dir, 100).unwrap();
        let mut texts = lines.into_iter().map(|line| line.text);
        texts.find(|text| text.starts_with(start))
    })
}

/// Who answers at an address of either kind.
async fn answer_at(address: &Address) -> std::io::Result<String> {
    let Address::Shim { socket, port } = address else {
        panic!("{address:?}");
    };
    let mut stream = dial::connect(socket, *port).await?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text)?;
    Ok(text.trim().to_owned())
}

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

const ATTACKS: &str = include_str!("attacks.py");
const PYTHON: &str = "/usr/bin/python3";

/// What each attack came to.
async fn attack(isolation: Isolation) -> BTreeMap<String, String> {
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = job("attack", &[PYTHON, "-c", ATTACKS]);
    order.isolation = isolation;
    let shim = std::process::id().to_string();
    order.env.insert("SHIM_PID".into(), shim);
    let exit = supervisor.run_job(order, SOON).await.unwrap();
    let lines = exit.output.iter().map(|line| line.text.as_str());
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let answers: BTreeMap<String, String> = pairs
        .map(|(name, answer)| (name.to_owned(), answer.to_owned()))
        .collect();
    assert!(answers.contains_key("name"), "{exit:?}");
    answers
}

#[tokio::test]
async fn every_way_out_is_refused_and_ordinary_ways_are_open() {
    if !possible() {
        return;
    }
    if !Path::new(PYTHON).exists() {
        println!("skipped: needs python3");
        return;
    }
    let answers = attack(Isolation::Contained).await;
    let expected = [
        ("EROFS", "write /"),
        ("ENOSYS", "clone3;a call of the future"),
        (
            "EPERM",
            "unshare user;unshare mount;setns;clone into a new user namespace;keyctl;add_key;ptrace init;\
             process_vm_readv;mount;umount;chroot;pivot_root;open_tree;mknod;bpf;perf_event_open;io_uring_setup;\
             userfaultfd;kexec_load;init_module;reboot;syslog;open_by_handle_at;settimeofday;type into a terminal;\
             raw socket;packet socket;vsock;alg socket;netlink audit",
        ),
        ("done", "inet socket;unix socket;netlink route"),
        ("ENOENT", "shadow;the home of root;sysfs;a disk"),
        ("EACCES", "a program in /tmp;core_pattern"),
        ("ESRCH", "signal the shim"),
        ("EINVAL", "root"),
        ("0 bytes", "keys"),
    ];
    let mut wrong = Vec::new();
    for (answer, names) in expected {
        for name in names.split(';') {
            if answers[name] != answer {
                wrong.push(format!("{name}: {} and not {answer}", answers[name]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Not every kernel shows it.
    assert!(["0 bytes", "ENOENT"].contains(&answers["kcore"].as_str()));
    assert_eq!(answers["interfaces"], "lo");
    assert_eq!(answers["user"], "1001");
    assert_eq!(answers["map"], "1001 2100001001 1");
    assert_eq!(answers["name"], "attack");
    assert!(["1", "2"].contains(&answers["processes"].as_str()));
    for hidden in ["init's environment", "init's memory"] {
        assert!(["EACCES", "EPERM", "ENOENT"].contains(&answers[hidden].as_str()));
    }
    // The same words outside: what is refused above is refused by the containment.
    let outside = attack(Isolation::Shared).await;
    for open in [
        "unshare user",
        "setns",
        "keyctl",
        "clone3",
        "a program in /tmp",
    ] {
        assert_ne!(outside[open], answers[open], "{open}");
    }
}

#[tokio::test]
async fn what_is_shown_of_a_contained_program_names_each_control() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained("web-1", &["serve"]);
    with_port(&mut order);
    order.limits = Limits {
        cpu_millis: 500,
        memory_bytes: 64 << 20,
        pids: 32,
        open_files: 256,
    };
    let status = ready(&supervisor, order).await;
    assert_eq!(
        status.class,
        Some(IsolationClass::Contained),
        "{:?}",
        status.controls
    );
    for control in [
        "user 1001",
        "outside user 2100001001",
        "own user pid mnt net ipc uts cgroup",
        "no capabilities",
        "no new privileges",
        "system calls filtered",
        "a read-only root",
        "open files 256",
        "memory 64 MiB",
        "cpu 500m",
        "processes 32",
    ] {
        let shown = status
            .controls
            .iter()
            .any(|shown| shown.starts_with(control));
        assert!(shown, "{control}: {:?}", status.controls);
    }
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn a_contained_program_that_cannot_be_executed_says_so() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let exit = supervisor
        .run_job(job("none", &["/absent/program"]), SOON)
        .await
        .unwrap();
    assert!(format!("{exit:?}").contains("/absent/program"), "{exit:?}");
    let mut nobody = job("root", &["/bin/true"]);
    nobody.user = None;
    let exit = supervisor.run_job(nobody, SOON).await.unwrap();
    assert!(format!("{exit:?}").contains("name no user"), "{exit:?}");
}

/// An image's tree: the system by a bind, and only some of the places that are mounted on.
fn image(env: &Env, folders: &[&str]) -> Root {
    let rootfs = env.dir.path().join("rootfs");
    std::fs::create_dir(&rootfs).unwrap();
    for folder in folders {
        std::fs::create_dir_all(rootfs.join(folder)).unwrap();
    }
    for link in ["bin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{link}"), rootfs.join(link)).unwrap();
    }
    std::fs::create_dir_all(rootfs.join("etc")).unwrap();
    plimsoll_stdx::fs::write_atomic_mode(&rootfs.join("etc/release"), b"image", 0o444).unwrap();
    // A link that leads out, where something is mounted: it must not be followed out of the image.
    std::os::unix::fs::symlink("/outside", rootfs.join("volume")).unwrap();
    std::fs::create_dir_all(rootfs.join("outside")).unwrap();
    Root::Image(ImageRoot {
        rootfs,
        digest: Digest::of(b"image"),
    })
}

async fn look_into(folders: &[&str]) {
    let mut env = Env::new();
    let volume = env.dir.path().join("data");
    std::fs::create_dir(&volume).unwrap();
    std::os::unix::fs::chown(&volume, Some(2_100_001_001), Some(2_100_001_001)).unwrap();
    let mut order = contained(
        "look",
        &["look", "/", "/etc/release", "/etc/hosts", "/tmp", "/volume"],
    );
    for inside in ["/outside", "/run/secrets/key", "/run/needs/db", "/root"] {
        order.command.push(inside.into());
    }
    order.kind = Kind::Job;
    order.root = image(&env, folders);
    order.limits.memory_bytes = 64 << 20;
    let needs = env.dir.path().join("needs");
    std::fs::create_dir(&needs).unwrap();
    for (source, target, writable) in [
        (PathBuf::from("/usr"), "/usr", false),
        (volume.clone(), "/volume", true),
        (needs, "/run/needs/db", false),
    ] {
        order.binds.push(Bind {
            source,
            target: target.into(),
            writable,
        });
    }
    env.secrets.files.insert("key".into(), "s3cret".into());
    let (supervisor, _) = env.open().await;
    let exit = supervisor.run_job(order, SOON).await.unwrap();
    assert!(exit.is_success(), "{exit:?}");
    let lines: Vec<String> = exit.output.into_iter().map(|line| line.text).collect();
    let line = |start: &str| {
        let found = lines
            .iter()
            .find(|line| line.split(' ').next() == Some(start));
        found
            .unwrap_or_else(|| panic!("{start}: {lines:#?}"))
            .clone()
    };
    assert!(line("/").ends_with("write=false"));
    assert!(line("/etc/release").contains("read=Some(\"image\")"));
    assert!(line("/etc/hosts").contains("127.0.0.1 localhost"));
    assert!(line("/tmp").ends_with("write=true"));
    assert!(line("/volume").ends_with("write=true"));
    assert!(line("/outside").contains("seen=true"));
    assert!(line("/run/secrets/key").contains("read=Some(\"s3cret\")"));
    assert!(line("/run/needs/db").contains("seen=true"));
    assert!(line("/root").contains("seen=false"));
    assert_eq!(line("CapEff:"), "CapEff: 0000000000000000");
    assert_eq!(line("leaks"), "leaks false");
    assert!(volume.join("probe").exists());
    assert!(!Path::new("/outside").exists());
}

#[tokio::test]
async fn an_images_tree_is_shown_read_only_and_its_links_lead_nowhere_else() {
    if possible() {
        look_into(&["proc", "dev", "tmp", "run", "usr", "app"]).await;
    }
}

#[tokio::test]
async fn an_image_without_the_places_that_are_mounted_on_is_completed() {
    if possible() {
        look_into(&[]).await;
    }
}

#[tokio::test]
async fn a_port_of_another_replica_is_out_of_reach_and_both_may_have_the_same() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    for id in ["web-1", "web-2"] {
        let mut order = contained(id, &["serve"]);
        with_port(&mut order);
        order.ports.get_mut("http").unwrap().number = Some(2000);
        let status = ready(&supervisor, order).await;
        assert!(answer_at(&status.ports["http"]).await.is_ok());
    }
    let mut visitor = contained("visitor", &["knock", "2000"]);
    visitor.kind = Kind::Job;
    let exit = supervisor.run_job(visitor, SOON).await.unwrap();
    assert_eq!(exit.output[0].text, "opened false");
    assert!(std::net::TcpStream::connect(("127.0.0.1", 2000)).is_err());
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn connections_come_through_the_door_also_after_adoption_and_nothing_else_does() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let doors = env.dir.path().join("doors");
    std::fs::create_dir(&doors).unwrap();
    let mut order = contained("web-1", &["serve"]);
    with_port(&mut order);
    order.door = Some(Door {
        dir: doors.clone(),
        uid: 2_100_001_003,
    });
    let (supervisor, _) = env.open().await;
    let before = ready(&supervisor, order).await;
    let address = before.ports["http"].clone();
    let Address::Shim { socket, .. } = &address else {
        panic!("{address:?}");
    };
    assert_eq!(
        socket,
        &doors.join(format!("web-1-{}.sock", before.generation))
    );
    assert!(answer_at(&address).await.is_ok());
    let closed = dial::connect(socket, 1).await.unwrap_err();
    assert!(closed.to_string().contains("this door leads"), "{closed}");
    let name = socket.file_name().unwrap().to_str().unwrap();
    let mut stream = unix::connect(&doors, name).unwrap();
    let kill = plimsoll_supervisor::protocol::Request::Signal { signal: 9 };
    plimsoll_stdx::net::frame::write(&mut stream, &kill).unwrap();
    let answer: plimsoll_supervisor::protocol::Response =
        plimsoll_stdx::net::frame::read(&mut stream).unwrap();
    assert!(matches!(
        answer,
        plimsoll_supervisor::protocol::Response::Refused { .. }
    ));
    supervisor.close().await.unwrap();
    let (supervisor, report) = env.open().await;
    assert!(report[0].alive && report[0].killed.is_none(), "{report:?}");
    let after = supervisor.status_of("web-1").await.unwrap();
    assert_eq!((after.pid, &after.ports["http"]), (before.pid, &address));
    assert_eq!(after.class, Some(IsolationClass::Contained));
    assert!(after.group.is_some());
    assert!(answer_at(&address).await.is_ok());
    supervisor.stop_all().await.unwrap();
    assert_eq!(std::fs::read_dir(&doors).unwrap().count(), 0);
}

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

/// The parent of the program: process 1 of its namespace.
fn init_of(status: &ProcessStatus) -> ProcessId {
    let stat = plimsoll_stdx::process::stat(status.pid.unwrap()).unwrap();
    ProcessId::of(stat.parent).unwrap()
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

/// Every group of ours of this environment, in every hierarchy.
fn groups(env: &Env) -> Vec<PathBuf> {
    let parent = std::fs::canonicalize(env.path()).unwrap();
    let hash = Digest::of(parent.as_os_str().as_encoded_bytes());
    let name = format!("env-{}", &hash.hex()[..12]);
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    hierarchies
        .map(|hierarchy| hierarchy.path().join("plimsoll").join(&name))
        .filter(|path| path.exists())
        .collect()
}

fn network_of(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

#[tokio::test]
async fn fifty_starts_and_stops_leave_nothing_behind() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut networks = BTreeSet::new();
    let mut processes = Vec::new();
    for number in 0..50 {
        let mut order = contained("web-1", &["touch", "1"]);
        order.limits.memory_bytes = 64 << 20;
        order.limits.pids = 16;
        order.release = number.to_string();
        let status = ready(&supervisor, order).await;
        networks.extend(network_of(status.pid.unwrap()));
        processes.extend([pid(&status), shim(&status), init_of(&status)]);
        assert!(!groups(&env).is_empty());
        supervisor.stop("web-1").await.unwrap();
    }
    assert!(processes.iter().all(|process| !process.is_alive()));
    assert_eq!(groups(&env), Vec::<PathBuf>::new());
    let left: BTreeSet<PathBuf> = plimsoll_stdx::process::all()
        .unwrap()
        .into_iter()
        .filter_map(network_of)
        .collect();
    assert!(networks.is_disjoint(&left));
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
