use plimsoll_bundle::Digest;
use proptest::prelude::*;

use super::*;
use crate::order::{Bind, ImageRoot, Isolation, Kind, PortOrder, Root, User};

const STAGE: &str = "/run/plimsoll/stage";

fn order() -> Order {
    let mut order = Order::new("web-1", Kind::Replica, vec!["/app/web".into(), "-v".into()]);
    order.isolation = Isolation::Contained;
    order.root = Root::Image(ImageRoot {
        rootfs: "/images/a".into(),
        digest: Digest::of(b"image"),
    });
    order.workdir = "/app".into();
    order.env.insert("HOME".into(), "/tmp".into());
    order.user = Some(User {
        uid: 2_100_001_001,
        gid: 2_100_001_001,
        name: "app".into(),
        inside: Some(1001),
    });
    order
}

fn told(order: &Order) -> Result<Value, String> {
    config(Given {
        order,
        ports: &BTreeMap::from([("http".to_owned(), 2000)]),
        token: "t0",
        stage: Path::new(STAGE),
        network: Path::new("/proc/7/ns/net"),
        group: "plimsoll/env-1/web-1-3",
    })
}

/// The mount at `target`, as type, source and options.
fn mount(config: &Value, target: &str) -> Option<(String, String, String)> {
    let mounts = config["mounts"].as_array().unwrap();
    let mut found = mounts.iter().filter(|mount| mount["destination"] == target);
    let mount = found.next()?;
    assert!(found.next().is_none(), "{target} twice");
    let options: Vec<&str> = mount["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|option| option.as_str().unwrap())
        .collect();
    let text = |key: &str| mount[key].as_str().unwrap().to_owned();
    Some((text("type"), text("source"), options.join(",")))
}

#[test]
fn a_runtime_is_told_all_that_contains_and_nothing_that_lets_out() {
    let mut order = order();
    let port = PortOrder {
        variable: "PORT".into(),
        number: Some(2000),
    };
    order.ports.insert("http".into(), port);
    let config = told(&order).unwrap();
    for (pointer, expected) in [
        (
            "/root",
            json!({"path": "/run/plimsoll/stage/image", "readonly": true}),
        ),
        ("/hostname", json!("web-1")),
        ("/process/terminal", json!(false)),
        ("/process/user", json!({"uid": 1001, "gid": 1001})),
        ("/process/cwd", json!("/app")),
        ("/process/noNewPrivileges", json!(true)),
        (
            "/process/args",
            json!(["/run/plimsoll/init", "__inside", "/app/web", "-v"]),
        ),
        (
            "/process/env",
            json!(["HOME=/tmp", "PLIMSOLL_TOKEN=t0", "PORT=2000"]),
        ),
        ("/linux/cgroupsPath", json!("/plimsoll/env-1/web-1-3")),
        (
            "/linux/uidMappings",
            json!([
                {"containerID": 0, "hostID": BUILDER, "size": 1},
                {"containerID": 1001, "hostID": 2_100_001_001, "size": 1}
            ]),
        ),
        (
            "/linux/resources/devices",
            json!([{"allow": false, "access": "rwm"}]),
        ),
        ("/linux/seccomp/defaultAction", json!("SCMP_ACT_ERRNO")),
    ] {
        assert_eq!(config.pointer(pointer), Some(&expected), "{pointer}");
    }
    let sets = config["process"]["capabilities"].as_object().unwrap();
    assert!(sets.len() == 5 && sets.values().all(|set| *set == json!([])));
    let namespaces = config["linux"]["namespaces"].as_array().unwrap();
    let mut kinds: Vec<&str> = namespaces
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    let all = ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"];
    assert_eq!(kinds, all);
    let network = namespaces.iter().find(|one| one["type"] == "network");
    assert_eq!(network.unwrap()["path"], "/proc/7/ns/net");
    let masked = config["linux"]["maskedPaths"].as_array().unwrap();
    assert!(masked.contains(&json!("/proc/kcore")) && masked.contains(&json!("/proc/acpi")));
    let fixed = config["linux"]["readonlyPaths"].as_array().unwrap();
    assert!(fixed.contains(&json!("/proc/sys")));
}

#[test]
fn what_may_be_written_is_in_memory_or_was_ordered() {
    let mut order = order();
    order.limits.memory_bytes = 64 << 20;
    order.writable.insert("/var/cache".into(), 3 << 20);
    for (target, writable) in [("/run/needs/db", true), ("/app", false), ("/volume", true)] {
        order.binds.push(Bind {
            source: "/somewhere".into(),
            target: target.into(),
            writable,
        });
    }
    let config = told(&order).unwrap();
    let at = |target: &str| mount(&config, target).unwrap_or_else(|| panic!("{target}"));
    let tmpfs = |options: &str| ("tmpfs".to_owned(), "tmpfs".to_owned(), options.to_owned());
    let stage = |name: &str, options: &str| {
        let source = format!("{STAGE}/{name}");
        (
            "bind".to_owned(),
            source,
            format!("rbind,nosuid,nodev,{options}"),
        )
    };
    for (target, expected) in [
        (
            "/tmp",
            tmpfs("nosuid,noexec,nodev,mode=1777,uid=1001,gid=1001,size=33554432"),
        ),
        (
            "/var/cache",
            tmpfs("nosuid,noexec,nodev,mode=1777,uid=1001,gid=1001,size=3145728"),
        ),
        ("/dev", tmpfs("nosuid,noexec,ro,mode=755,size=64k")),
        ("/run/needs/db", stage("binds/0", "rw")),
        ("/app", stage("binds/1", "ro")),
        ("/volume", stage("binds/2", "rw")),
        ("/etc/hosts", stage("hosts", "ro,noexec")),
        ("/run/secrets", stage("secrets", "ro,noexec")),
        ("/run/plimsoll/token", stage("token", "ro,noexec")),
        ("/run/plimsoll/init", stage("init", "ro")),
    ] {
        assert_eq!(at(target), expected, "{target}");
    }
    order.root = Root::Tools;
    assert_eq!(mount(&told(&order).unwrap(), "/etc/hosts"), None);
}

#[test]
fn orders_that_would_run_as_root_or_as_the_builder_are_refused() {
    let mut nobody = order();
    nobody.user = None;
    assert!(told(&nobody).unwrap_err().contains("name none"));
    let mut builder = order();
    builder.user.as_mut().unwrap().uid = BUILDER;
    assert!(told(&builder).is_err());
    let mut broken = order();
    broken.env.insert("A=B".into(), String::new());
    assert!(told(&broken).unwrap_err().contains("`A=B`"));
    // Of one who takes itself for root nobody else is.
    let mut root = order();
    root.user.as_mut().unwrap().inside = Some(0);
    let alone = json!([{"containerID": 0, "hostID": 2_100_001_001, "size": 1}]);
    assert_eq!(told(&root).unwrap()["linux"]["uidMappings"], alone);
}

proptest! {
    #[test]
    fn nothing_that_is_mounted_hides_what_was_mounted_before(
        targets in prop::collection::btree_set("(/[a-c]){1,4}", 0..8),
        writable in prop::collection::btree_set("(/[d-f]){1,4}", 0..4),
    ) {
        let mut order = order();
        for target in &targets {
            order.binds.push(Bind {
                source: "/somewhere".into(),
                target: target.into(),
                writable: false,
            });
        }
        order.writable.extend(writable.iter().map(|path| (PathBuf::from(path), 1)));
        let config = told(&order).unwrap();
        let mounts = config["mounts"].as_array().unwrap();
        let mounts: Vec<&Path> = mounts
            .iter()
            .map(|mount| Path::new(mount["destination"].as_str().unwrap()))
            .collect();
        for (number, later) in mounts.iter().enumerate() {
            for earlier in &mounts[..number] {
                prop_assert!(!earlier.starts_with(later), "{later:?} hides {earlier:?}");
            }
        }
        for target in targets.iter().chain(&writable) {
            prop_assert!(mounts.contains(&Path::new(target)));
        }
    }
}
