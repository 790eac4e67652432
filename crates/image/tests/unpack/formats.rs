//! Archives of GNU tar in every format that it writes.

use std::path::Path;
use std::process::Command;

use super::support::{Bench, read_tree, write};

/// Long names, links, an empty folder, and a file that is mostly holes.
fn source(folder: &Path) {
    let long = folder.join("a".repeat(120)).join("b".repeat(120));
    std::fs::create_dir_all(&long).unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    write(&long.join("file"), b"at the end of a long path");
    let prefixed = folder.join("p".repeat(90)).join("q".repeat(60));
    std::fs::create_dir_all(&prefixed).unwrap();
    write(&prefixed.join("file"), b"in the prefix of ustar");
    write(&folder.join("plain"), &b"plain ".repeat(1000));
    std::os::unix::fs::symlink("plain", folder.join("soft")).unwrap();
    std::os::unix::fs::symlink("c".repeat(200), folder.join("long-soft")).unwrap();
    std::fs::hard_link(folder.join("plain"), folder.join("hard")).unwrap();
    let mut holes = vec![0; 2 << 20];
    for start in (0..holes.len()).step_by(128 << 10) {
        holes[start + 70_000..start + 70_010].copy_from_slice(b"not a hole");
    }
    write(&folder.join("holes"), &holes);
    // Written again with holes, which the kernel then reports.
    let copied = Command::new("cp")
        .arg("--sparse=always")
        .args(["holes", "sparse"])
        .current_dir(folder)
        .status();
    assert!(copied.unwrap().success());
}

#[test]
fn what_gnu_tar_writes_is_read_in_every_format() {
    let is_gnu = Command::new("tar").arg("--version").output();
    if !is_gnu.is_ok_and(|output| output.stdout.starts_with(b"tar (GNU tar)")) {
        println!("skipped: needs GNU tar");
        return;
    }
    let bench = Bench::new();
    let folder = bench.folder.path().join("source");
    std::fs::create_dir(&folder).unwrap();
    source(&folder);
    let expected = read_tree(&folder);
    for arguments in [
        &["--format=gnu"][..],
        &["--format=gnu", "--sparse"],
        &["--format=pax"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ] {
        let made = Command::new("tar")
            .args(arguments)
            .args(["-cf", "-", "."])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        assert_eq!(bench.tree(&[made.stdout]), expected, "{arguments:?}");
    }
    // ustar has no room for the longest names.
    let made = Command::new("tar")
        .args([
            "--format=ustar",
            "-cf",
            "-",
            "--exclude=./aaa*",
            "--exclude=long-soft",
            ".",
        ])
        .current_dir(&folder)
        .output()
        .unwrap();
    let mut without = expected;
    without.retain(|path, _| !path.starts_with("aaa") && path != "long-soft");
    assert_eq!(bench.tree(&[made.stdout]), without);
}
