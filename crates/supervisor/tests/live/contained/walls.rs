//! What a contained program may not do, and what it may.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use plimsoll_supervisor::IsolationClass;
use plimsoll_supervisor::order::{Backend, Limits};

const ATTACKS: &str = include_str!("attacks.py");
pub(super) const PYTHON: &str = "/usr/bin/python3";

/// What each attack came to.
pub(super) async fn attack(isolation: Isolation, backend: Backend) -> BTreeMap<String, String> {
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = job("attack", &[PYTHON, "-c", ATTACKS]);
    order.isolation = isolation;
    order.backend = backend;
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

/// Panics unless every way out is refused and ordinary ways are open.
pub(super) fn ensure_walled(answers: &BTreeMap<String, String>) {
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
    // The fourth is the folder that is being listed.
    assert_eq!(answers["descriptors"], "0 1 2 3");
    assert_eq!(answers["interfaces"], "lo");
    assert_eq!(answers["user"], "1001");
    assert_eq!(answers["name"], "attack");
    assert!(["1", "2"].contains(&answers["processes"].as_str()));
    for hidden in ["init's environment", "init's memory"] {
        assert!(["EACCES", "EPERM", "ENOENT"].contains(&answers[hidden].as_str()));
    }
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
    let answers = attack(Isolation::Contained, Backend::Own).await;
    ensure_walled(&answers);
    assert_eq!(answers["root"], "EINVAL");
    assert_eq!(answers["map"], "1001 2100001001 1");
    // The same words outside: what is refused above is refused by the containment.
    let outside = attack(Isolation::Shared, Backend::Own).await;
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
async fn programs_of_other_languages_run_under_the_filter() {
    const SERVER: &str = "
        const { Worker } = require('worker_threads');
        const server = require('http').createServer((_, answer) => answer.end('well'));
        server.listen(2000, '127.0.0.1', async () => {
            const said = await (await fetch('http://localhost:2000/')).text();
            new Worker('1 + 1', { eval: true }).on('exit', () => {
                require('child_process').execSync('true');
                require('fs').writeFileSync('/tmp/file', said);
                console.log(said);
                process.exit(0);
            });
        });";
    const SCRIPT: &str = "
import asyncio, multiprocessing, os, subprocess, threading
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
with multiprocessing.get_context('spawn').Pool(1) as pool: assert pool.map(abs, [-1]) == [1]
subprocess.run(['true'], check=True)
async def serve():
    async def answer(_, writer): writer.write(b'well'); writer.close()
    server = await asyncio.start_server(answer, 'localhost', 0)
    reader, _ = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    print((await reader.read()).decode())
asyncio.run(serve())";
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    for (name, program, flag, text) in [
        ("node", "/usr/bin/node", "-e", SERVER),
        ("python3", PYTHON, "-c", SCRIPT),
    ] {
        if !Path::new(program).exists() {
            println!("skipped: needs {name}");
            continue;
        }
        let exit = supervisor
            .run_job(job(name, &[program, flag, text]), SOON)
            .await
            .unwrap();
        assert!(exit.is_success() && exit.text() == "well", "{exit:?}");
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
