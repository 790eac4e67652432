//! The tree of an image.

use std::path::{Path, PathBuf};

use super::edges::{edge, relay_user, tcp};
use super::*;
use plimsoll_bundle::Digest;
use plimsoll_supervisor::order::{Backend, Bind, ImageRoot};

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

/// Panics unless the program sees what it is to see, and writes where it may; `line` is what it says of a path.
fn ensure_seen(line: impl Fn(&str) -> String) {
    for (path, end) in [
        ("/", "write=false"),
        ("/tmp", "write=true"),
        ("/var/scratch", "write=true"),
        ("/run/scratch", "write=true"),
        ("/volume", "write=true"),
    ] {
        assert!(line(path).ends_with(end), "{path}: {}", line(path));
    }
    for (path, seen) in [
        ("/etc/release", "read=Some(\"image\")"),
        ("/etc/hosts", "127.0.0.1 localhost"),
        ("/etc/hosts", "127.0.0.2 db"),
        ("/outside", "seen=true"),
        ("/run/secrets/key", "read=Some(\"s3cret\")"),
        ("/run/needs/db", "seen=true"),
        ("/root", "seen=false"),
    ] {
        assert!(line(path).contains(seen), "{path}: {}", line(path));
    }
}

pub(super) async fn look_into(folders: &[&str], backend: Backend) {
    let mut env = Env::new();
    let volume = env.dir.path().join("data");
    std::fs::create_dir(&volume).unwrap();
    std::os::unix::fs::chown(&volume, Some(2_100_001_001), Some(2_100_001_001)).unwrap();
    let mut order = contained(
        "look",
        &["look", "/", "/etc/release", "/etc/hosts", "/tmp", "/volume"],
    );
    for inside in [
        "/outside",
        "/run/secrets/key",
        "/run/needs/db",
        "/root",
        "/var/scratch",
        "/run/scratch",
    ] {
        order.command.push(inside.into());
    }
    order.kind = Kind::Job;
    order.backend = backend;
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
    for scratch in ["/var/scratch", "/run/scratch"] {
        order.writable.insert(scratch.into(), 1 << 20);
    }
    order.edges = vec![edge("db", 5432, tcp(1))];
    order.relay = Some(relay_user());
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
    ensure_seen(line);
    assert_eq!(line("CapEff:"), "CapEff: 0000000000000000");
    assert_eq!(line("leaks"), "leaks false");
    assert!(volume.join("probe").exists());
    assert!(!Path::new("/outside").exists());
}

#[tokio::test]
async fn an_images_tree_is_shown_read_only_and_its_links_lead_nowhere_else() {
    if possible() {
        look_into(&["proc", "dev", "tmp", "run", "usr", "app"], Backend::Own).await;
    }
}

#[tokio::test]
async fn an_image_without_the_places_that_are_mounted_on_is_completed() {
    if possible() {
        look_into(&[], Backend::Own).await;
    }
}

#[tokio::test]
async fn folders_in_memory_have_the_size_that_the_orders_give() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let mut order = contained(
        "job",
        &["fill", "/tmp", "/var/cache/app", "/run/app", "/srv"],
    );
    order.kind = Kind::Job;
    order.limits.memory_bytes = 64 << 20;
    order.writable.insert("/var/cache/app".into(), 3 << 20);
    order.writable.insert("/run/app".into(), 2 << 20);
    let exit = supervisor.run_job(order.clone(), SOON).await.unwrap();
    let said = |exit: &plimsoll_supervisor::JobExit| -> Vec<String> {
        exit.output.iter().map(|line| line.text.clone()).collect()
    };
    // Without a size `/tmp` has half of the memory, and what nobody named cannot be written.
    assert_eq!(
        said(&exit),
        ["/tmp 32", "/var/cache/app 3", "/run/app 2", "/srv 0"]
    );
    order.writable.insert("/tmp".into(), 4 << 20);
    let exit = supervisor.run_job(order, SOON).await.unwrap();
    assert_eq!(said(&exit)[0], "/tmp 4");
    supervisor.stop_all().await.unwrap();
}
