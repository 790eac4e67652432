//! A full disk and a kill in the middle: nothing half-written, and the next run succeeds without cleaning up.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_image::oci::{Layout, OciError};
use plimsoll_image::{ImageError, assemble};

use crate::world::{plan, succeeds};

/// Set for the process that is this test, run again: the folder it shall work in.
const FOLDER: &str = "PLIMSOLL_TEST_FOLDER";
/// From starting a process to seeing what it does.
const WITHIN: Duration = Duration::from_mins(1);

/// `test` of this file, run again as a process of its own by way of `before`.
fn again(before: &[&str], test: &str, folder: &Path) -> Child {
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let name = format!("interrupted::{test}");
    let argv: Vec<&str> = before
        .iter()
        .copied()
        .chain([own, "--exact", &name])
        .collect();
    Command::new(argv[0])
        .args(&argv[1..])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn folder_of_the_second_run() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

/// Neither blobs nor half of one, but those that `index.json` names have all they need.
fn ensure_sound(layout: &Layout) {
    for image in layout.index().unwrap().manifests {
        layout.read(&image, u64::MAX).unwrap();
    }
    for blob in std::fs::read_dir(layout.root().join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let digest = plimsoll_bundle::Digest::of(&std::fs::read(&path).unwrap());
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), digest.hex());
    }
    let partial = layout.root().join(".partial");
    let left = std::fs::read_dir(partial).map_or(0, Iterator::count);
    assert_eq!(left, 0, "half-written blobs");
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    if let Some(folder) = folder_of_the_second_run() {
        return on_a_small_disk(&folder);
    }
    let namespace: &[&str] = if succeeds(&["unshare", "--mount", "true"]) {
        &["unshare", "--mount"]
    } else {
        &["unshare", "--mount", "--map-root-user"]
    };
    let works: Vec<&str> = namespace.iter().copied().chain(["true"]).collect();
    if !succeeds(&works) {
        println!("skipped: needs mount namespaces");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=1m small \"$1\" && shift && exec \"$@\"";
    let path = folder.path().to_str().unwrap();
    let before: Vec<&str> = namespace
        .iter()
        .copied()
        .chain(["sh", "-c", mount, "sh", path])
        .collect();
    let test = "a_full_disk_is_said_and_leaves_nothing_half_written";
    let status = again(&before, test, folder.path()).wait().unwrap();
    assert!(status.success(), "see what the second run printed");
}

fn on_a_small_disk(folder: &Path) {
    let layout = Layout::create(folder.join("images")).unwrap();
    let error = assemble("backend", &plan(2 << 20), &layout).unwrap_err();
    assert!(matches!(error, ImageError::Disk { .. }), "{error}");
    assert!(!error.is_users_fault());
    let advice = error.advice().unwrap();
    assert!(advice.contains("space"), "{advice}");
    ensure_sound(&layout);
    assert!(matches!(
        layout.resolve("app/backend"),
        Err(OciError::UnknownName { .. })
    ));
    // The next run has less to write, and needs nobody to tidy up.
    assemble("backend", &plan(64 << 10), &layout).unwrap();
    ensure_sound(&layout);
}

#[test]
fn a_killed_build_leaves_nothing_half_written_and_the_next_one_succeeds() {
    if let Some(folder) = folder_of_the_second_run() {
        let layout = Layout::create(folder.join("images")).unwrap();
        // Killed long before it ends of itself.
        for size in 0..1_000_000 {
            assemble("backend", &plan((4 << 20) + size), &layout).unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "a_killed_build_leaves_nothing_half_written_and_the_next_one_succeeds";
    // Each round is killed at another point: as soon as a blob of at least so many bytes is on its way.
    for least in [1, 100_000, 1 << 20] {
        let mut child = again(&[], test, folder.path());
        let seen = wait_for_half_a_blob(&folder.path().join("images/.partial"), least);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(seen && status.signal() == Some(9), "{status}");
        let layout = Layout::create(folder.path().join("images")).unwrap();
        ensure_sound(&layout);
        let built = assemble("backend", &plan(4 << 20), &layout).unwrap();
        assert_eq!(layout.resolve("app/backend").unwrap().digest, built.digest);
    }
}

fn wait_for_half_a_blob(partial: &Path, least: u64) -> bool {
    let deadline = Instant::now() + WITHIN;
    while Instant::now() < deadline {
        let entries = std::fs::read_dir(partial).into_iter().flatten().flatten();
        let sizes = entries
            .filter_map(|entry| entry.metadata().ok())
            .map(|file| file.len());
        if sizes.into_iter().any(|size| size >= least) {
            return true;
        }
        thread::yield_now();
    }
    false
}
