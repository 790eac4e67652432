use serde_json::json;

use super::*;

/// A workspace: `app` needs `lib` (run time), `gen` (build) and `check` (tests); `gen` needs `lib` and `deep`.
fn metadata() -> Metadata {
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let package = |name: &str, source: Option<&str>, path: &str| {
        json!({ "id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT",
            "manifest_path": path })
    };
    let dep = |name: &str, kind: Option<&str>| json!({ "pkg": name, "dep_kinds": [{ "kind": kind, "target": null }] });
    let node = |name: &str, deps: Vec<serde_json::Value>| json!({ "id": name, "deps": deps });
    let cached = "/home/ann/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
    let raw = json!({
        "packages": [
            package("app", None, "/home/ann/work/app/Cargo.toml"),
            package("beside", None, "/home/ann/beside/Cargo.toml"),
            package("lib", Some(registry), &format!("{cached}/lib-1.0.0/Cargo.toml")),
            package("gen", Some(registry), &format!("{cached}/gen-1.0.0/Cargo.toml")),
            package("deep", Some("git+https://example.com/deep#abc"), "/home/ann/.cargo/git/checkouts/deep-1/abc/Cargo.toml"),
            package("check", Some(registry), &format!("{cached}/check-1.0.0/Cargo.toml")),
        ],
        "resolve": { "nodes": [
            node("app", vec![dep("lib", None), dep("gen", Some("build")), dep("check", Some("dev")), dep("beside", None)]),
            node("gen", vec![dep("lib", None), dep("deep", None)]),
            node("lib", vec![]), node("deep", vec![]), node("check", vec![]), node("beside", vec![]),
        ] },
        "workspace_root": "/home/ann/work",
        "workspace_members": ["app"],
        "target_directory": "/home/ann/work/target",
    });
    Metadata {
        raw: serde_json::from_value(raw).unwrap(),
        checksums: lock::parse(
            "[[package]]\nname = \"lib\"\nversion = \"1.0.0\"\nchecksum = \"abcd\"\n",
        ),
    }
}

#[test]
fn what_runs_and_what_only_builds_are_told_apart_and_tests_are_left_out() {
    let packages = metadata().packages("app");
    let phases: Vec<(&str, Phase)> = packages.iter().map(|one| (&*one.name, one.phase)).collect();
    assert_eq!(
        phases,
        [
            ("app", Phase::Runtime),
            ("beside", Phase::Runtime),
            ("deep", Phase::Build),
            ("gen", Phase::Build),
            ("lib", Phase::Runtime)
        ]
    );
    assert!(packages[0].is_root);
    assert_eq!(packages[0].needs, [1, 3, 4]);
    assert_eq!(packages[4].checksum, Some(Checksum::Sha256("abcd".into())));
    assert!(metadata().packages("nothing").is_empty());
}

#[test]
fn no_path_that_a_compiler_writes_names_the_user() {
    let remap = metadata().remap();
    let shown = |path: &str| {
        let fits = |(prefix, name): &(PathBuf, String)| {
            let rest = Path::new(path).strip_prefix(prefix).ok()?;
            Some(format!("{name}/{}", rest.display()))
        };
        remap
            .iter()
            .rev()
            .find_map(fits)
            .unwrap_or_else(|| path.to_owned())
    };
    let cached = "/home/ann/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
    assert_eq!(
        shown("/home/ann/work/app/src/main.rs"),
        "/src/app/src/main.rs"
    );
    assert_eq!(
        shown(&format!("{cached}/lib-1.0.0/src/lib.rs")),
        "/cargo/registry/lib-1.0.0/src/lib.rs"
    );
    assert_eq!(
        shown("/home/ann/.cargo/git/checkouts/deep-1/abc/src/lib.rs"),
        "/cargo/git/abc/src/lib.rs"
    );
    assert_eq!(
        shown("/home/ann/beside/src/lib.rs"),
        "/beside/beside/src/lib.rs"
    );
    assert_eq!(
        shown("/home/ann/work/target/x/out/gen.rs"),
        "/target/x/out/gen.rs"
    );
}
