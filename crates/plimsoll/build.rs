//! Builds the small programs that the binary carries: the static server of the images of front ends, and the shim.
//!
//! Cargo has no stable way to depend on another package's binary, so they are built by a Cargo of its own, below our
//! output folder: small where we are released, quickly where we are tested. The shim is left out there: the binary is
//! its own shim as well, and a second build of all that is in it would be a minute of every test run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Package, program, and the variable that tells our sources where it is.
const CARRIED: [[&str; 3]; 2] = [
    [
        "plimsoll-static-server",
        "plimsoll-static",
        "PLIMSOLL_STATIC_SERVER",
    ],
    [SHIM, "plimsoll-shim", "PLIMSOLL_SHIM"],
];
const SHIM: &str = "plimsoll-shim";
/// What they are made of, beside the lock file.
const SOURCES: [&str; 7] = [
    "static-server",
    "files",
    "bundle",
    "shim",
    "supervisor/src",
    "stdx",
    "store",
];

fn main() {
    let crates = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    let root = crates.join("..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", crates.join(source).display());
    }
    for file in ["Cargo.lock", ".cargo/config.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    println!("cargo::rustc-check-cfg=cfg(carries_shim)");
    if is_released() {
        println!("cargo::rustc-cfg=carries_shim");
    }
    for [package, binary, name] in CARRIED {
        if is_released() || package != SHIM {
            let built = build(&root, &out, package).join(binary);
            println!("cargo::rustc-env={name}={}", built.display());
        }
    }
}

fn is_released() -> bool {
    variable("PROFILE") == "release"
}

/// The folder of the package's program.
fn build(root: &Path, out: &Path, package: &str) -> PathBuf {
    let (profile, folder) = if is_released() {
        ("small", "small")
    } else {
        ("dev", "debug")
    };
    let (target, target_dir) = (variable("TARGET"), out.join("carried"));
    let status = Command::new(variable("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", package])
        .args(["--profile", profile, "--target", &target, "--target-dir"])
        .arg(&target_dir)
        .current_dir(root)
        // A linter that wraps the compiler for us would only check, and leave no program.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CLIPPY_ARGS")
        .status();
    match status {
        Ok(status) if status.success() => target_dir.join(target).join(folder),
        failed => panic!("cannot build {package}: {failed:?}"),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name}"))
}
