//! Builds the small static server that the images of front ends carry, so that the binary can hand it out.
//!
//! Cargo has no stable way to depend on another package's binary, so it is built by a Cargo of its own, below our
//! output folder: small where we are released, quickly where we are tested.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "plimsoll-static-server";
const BINARY: &str = "plimsoll-static";
/// What it is made of, beside the lock file.
const SOURCES: [&str; 3] = ["static-server", "files", "bundle"];

fn main() {
    let crates = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    let root = crates.join("..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", crates.join(source).display());
    }
    for file in ["Cargo.lock", ".cargo/config.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let built = build(&root, &PathBuf::from(variable("OUT_DIR")));
    println!(
        "cargo::rustc-env=PLIMSOLL_STATIC_SERVER={}",
        built.display()
    );
}

fn build(root: &Path, out: &Path) -> PathBuf {
    let (profile, folder) = match variable("PROFILE").as_str() {
        "release" => ("small", "small"),
        _ => ("dev", "debug"),
    };
    let (target, target_dir) = (variable("TARGET"), out.join("static-server"));
    let status = Command::new(variable("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", PACKAGE])
        .args(["--profile", profile, "--target", &target, "--target-dir"])
        .arg(&target_dir)
        .current_dir(root)
        // A linter that wraps the compiler for us would only check, and leave no program.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CLIPPY_ARGS")
        .status();
    match status {
        Ok(status) if status.success() => target_dir.join(target).join(folder).join(BINARY),
        failed => panic!("cannot build {PACKAGE}: {failed:?}"),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name}"))
}
