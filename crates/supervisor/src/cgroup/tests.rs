use super::*;
use plimsoll_stdx::fs::write_atomic;

const LIMITS: Limits = Limits {
    cpu_millis: 350,
    memory_bytes: 64 << 20,
    pids: 32,
    open_files: 0,
};

/// A tree of plain files that looks like version 2; the kernel would make the files of a group with its folder.
fn second_version(root: &Path, name: &str) -> Hierarchies {
    write_atomic(
        &root.join("cgroup.controllers"),
        "cpuset cpu memory pids\n".as_bytes(),
    )
    .unwrap();
    let dir = root.join(OURS).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    for level in dir.ancestors().take_while(|dir| dir.starts_with(root)) {
        write_atomic(&level.join("cgroup.subtree_control"), "".as_bytes()).unwrap();
    }
    for file in [
        "memory.max",
        "memory.swap.max",
        "cpu.max",
        "pids.max",
        "cgroup.procs",
    ] {
        write_atomic(&dir.join(file), "max".as_bytes()).unwrap();
    }
    let line = format!("41 31 0:38 / {} rw - cgroup2 cgroup2 rw\n", root.display());
    Hierarchies::parse(&line)
}

#[test]
fn the_second_version_is_written_as_its_documentation_says_on_a_fake_tree() {
    let tree = tempfile::tempdir().unwrap();
    let hierarchies = second_version(tree.path(), "dev-1/web-1-2");
    let group = hierarchies.group("dev-1/web-1-2");
    let limited = group.create(&LIMITS).unwrap();
    assert!(limited.complete);
    assert!(
        limited
            .controls
            .iter()
            .all(|control| control.contains("not exercised")),
        "{limited:?}"
    );
    let dir = tree.path().join("plimsoll/dev-1/web-1-2");
    let text = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    assert_eq!(text("memory.max"), "67108864");
    assert_eq!(text("memory.swap.max"), "0");
    assert_eq!(text("cpu.max"), "35000 100000");
    assert_eq!(text("pids.max"), "33");
    for level in ["", "plimsoll", "plimsoll/dev-1"] {
        let passed =
            std::fs::read_to_string(tree.path().join(level).join("cgroup.subtree_control"));
        assert_eq!(passed.unwrap(), "+memory +cpu +pids", "{level}");
    }
    assert_eq!(
        text("cgroup.subtree_control"),
        "",
        "no processes beside groups"
    );
}

#[test]
fn the_second_versions_counters_are_read_from_a_fake_tree() {
    let tree = tempfile::tempdir().unwrap();
    let hierarchies = second_version(tree.path(), "dev-1/web-1-2");
    let group = hierarchies.group("dev-1/web-1-2");
    let dir = tree.path().join("plimsoll/dev-1/web-1-2");
    for (file, text) in [
        ("memory.current", "1000\n"),
        ("memory.stat", "anon 600\nfile 400\ninactive_file 300\n"),
        (
            "memory.events",
            "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
        ),
        (
            "cpu.stat",
            "usage_usec 5000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 7000\n",
        ),
        ("pids.current", "3\n"),
    ] {
        write_atomic(&dir.join(file), text.as_bytes()).unwrap();
    }
    let usage = group.usage().unwrap();
    let wanted = GroupUsage {
        memory_bytes: 1000,
        anon_bytes: 600,
        working_set_bytes: 700,
        cpu_ms: 5,
        periods: 9,
        throttled_periods: 4,
        throttled_ms: 7,
        oom_kills: 2,
        processes: 3,
    };
    assert_eq!(usage, wanted);
}

#[test]
fn controllers_are_found_alone_together_and_in_the_second_version() {
    let text = "\
30 29 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
31 29 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 29 0:28 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
33 29 0:29 / / rw - ext4 /dev/vda rw,memory
34 29 0:30 / /absent/unified rw - cgroup2 cgroup2 rw";
    let hierarchies = Hierarchies::parse(text);
    let group = hierarchies.group("a/b");
    let dir = |controller| group.places.get(&controller).map(|(_, dir)| dir.clone());
    let together = Some("/sys/fs/cgroup/cpu,cpuacct/plimsoll/a/b".into());
    assert_eq!(dir(Controller::Cpu), together);
    assert_eq!(dir(Controller::CpuAccount), together);
    assert_eq!(
        dir(Controller::Memory),
        Some("/sys/fs/cgroup/memory/plimsoll/a/b".into())
    );
    assert_eq!(dir(Controller::Pids), None);
    assert_eq!(group.dirs.len(), 2);
    assert!(group.counts_cpu());
}

#[test]
fn a_hierarchy_that_only_counts_is_not_used() {
    let text = "\
30 29 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
31 29 0:27 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct";
    let group = Hierarchies::parse(text).group("a/b");
    assert_eq!(group.dirs.len(), 1);
    assert!(!group.counts_cpu());
}

#[test]
fn a_limit_without_its_controller_is_named_and_not_claimed() {
    let none = Hierarchies::default().group("a/b");
    let limited = none.create(&LIMITS).unwrap();
    assert!(!limited.complete);
    assert_eq!(limited.controls[0], "memory not limited: no cgroup for it");
    assert!(none.create(&Limits::default()).unwrap().complete);
}

#[test]
fn two_clones_of_a_project_never_share_a_group() {
    let one = name(Path::new("/a/.plimsoll/env/development"), "web-1-2");
    let other = name(Path::new("/b/.plimsoll/env/development"), "web-1-2");
    assert_ne!(one, other);
    assert!(one.starts_with("development-") && one.ends_with("/web-1-2"));
}
