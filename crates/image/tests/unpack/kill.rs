//! Killed at any moment, nothing is taken for an image that is not whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_bundle::Digest;
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::unpack::{Image, Limits, Rootfs};

use super::support::{Bench, What, layer, list, read_tree};

/// Set for the process that is killed: the folder it works in, and the image.
const ORDERS: &str = "PLIMSOLL_TEST_UNPACK";
const FILES: usize = 2_000;
const ROUNDS: usize = 12;

/// Does nothing unless it is the process that the test below starts.
#[test]
fn unpack_as_told_and_be_killed() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let (folder, digest) = orders.split_once('\n').unwrap();
    let layout = Layout::open(Path::new(folder).join("images")).unwrap();
    let named = layout.resolve(digest).unwrap();
    let image = Image::open(
        &layout,
        &named,
        &Platform::linux(std::env::consts::ARCH).unwrap(),
    )
    .unwrap();
    Rootfs::ensure(
        &layout,
        &image,
        &Path::new(folder).join("rootfs"),
        &Limits::default(),
    )
    .unwrap();
}

/// Entries anywhere below, counted only as far as needed.
fn has_entries(folder: &Path, wanted: usize) -> bool {
    let staged = list(folder)
        .into_iter()
        .filter(|name| name.starts_with(".unpack-"));
    staged
        .map(|name| list(&folder.join(name).join("d")).len())
        .sum::<usize>()
        >= wanted
}

fn kill_after(bench: &Bench, digest: &Digest, entries: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::unpack_as_told_and_be_killed"])
        .env(
            ORDERS,
            format!("{}\n{digest}", bench.folder.path().display()),
        )
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !has_entries(&bench.root(), entries) && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the child makes no progress");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_unpacking_leaves_nothing_that_is_taken_for_an_image() {
    let bench = Bench::new();
    let paths: Vec<String> = (0..FILES).map(|number| format!("d/{number}")).collect();
    let entries: Vec<_> = paths
        .iter()
        .map(|path| (path.as_str(), What::File(path.as_bytes())))
        .collect();
    let image = bench.image(&[layer(&entries)]);
    let digest = &image.descriptor.digest;
    let mut unfinished = 0;
    for round in 0..ROUNDS {
        kill_after(&bench, digest, round * FILES / ROUNDS);
        if let Some(found) = Rootfs::find(&bench.root(), digest) {
            assert_eq!(
                read_tree(&found.path).len(),
                FILES + 1,
                "whole, or not there"
            );
            std::fs::remove_dir_all(&found.path).unwrap();
        } else {
            unfinished += 1;
            assert!(!bench.root().join(digest.hex()).exists());
        }
    }
    assert!(unfinished > 0, "no round was killed in the middle");
    let found = bench.ensure(&image).unwrap();
    assert_eq!(read_tree(&found.path).len(), FILES + 1);
    bench.assert_nothing_outside();
}

#[test]
fn a_disk_that_fills_up_is_an_error_that_leaves_nothing_and_the_next_run_succeeds() {
    let bench = Bench::new();
    let large = vec![b'x'; 1 << 20];
    let image = bench.image(&[layer(&[
        ("small", What::File(b"x")),
        ("large", What::File(&large)),
    ])]);
    // As a full disk does it: the write fails, and no signal comes. 128 blocks of 512 bytes fit.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::unpack_as_told_and_be_killed",
            "--nocapture",
        ])
        .env(
            ORDERS,
            format!(
                "{}\n{}",
                bench.folder.path().display(),
                image.descriptor.digest
            ),
        )
        .output()
        .unwrap();
    assert!(!limited.status.success());
    let said = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert!(
        said.contains("path: \"large\"") && said.contains("FileTooLarge"),
        "{said}"
    );
    assert!(list(&bench.root()).is_empty());
    assert_eq!(read_tree(&bench.ensure(&image).unwrap().path).len(), 2);
}
