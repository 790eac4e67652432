//! Edges between crates point down only (DESIGN.md section 4).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layer of every crate. A crate may depend on lower layers, and on nothing else of ours.
const LAYERS: [(&str, u8); 19] = [
    ("stdx", 0),
    ("tidy", 0),
    ("diag", 1),
    ("store", 1),
    ("bundle", 2),
    ("model", 2),
    ("files", 3),
    ("render", 3),
    ("gateway", 4),
    ("image", 4),
    ("load", 4),
    ("static-server", 4),
    ("supervisor", 4),
    ("deploy", 5),
    ("shim", 5),
    ("local", 6),
    ("experiments", 7),
    ("web", 7),
    ("plimsoll", 8),
];

/// Foreign crates that only the named crates of ours may reach, and why.
const RESERVED: [(&str, &[&str], &str); 9] = [
    ("clap", &["plimsoll"], "arguments are the binary's"),
    ("indicatif", &["plimsoll"], "printing is the binary's"),
    ("anyhow", &["plimsoll"], "libraries have typed errors"),
    (
        "hyper",
        &["gateway", "load", "local", "static-server"],
        "HTTP is the edge's, and that of clients that test it",
    ),
    (
        "tokio-rustls",
        &["gateway", "load"],
        "TLS is the edge's, and that of clients that test it",
    ),
    ("ureq", &["image"], "registries are the image's"),
    ("kube", &["cluster"], "Kubernetes has one home"),
    ("toml", &["model", "tidy"], "the app's file has one reader"),
    ("openssl", &[], "no OpenSSL in the binary"),
];

/// Crates of the pure middle: no clock, no I/O.
const PURE: [&str; 4] = ["bundle", "diag", "model", "render"];
const IMPURE: [&str; 10] = [
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "std::process",
    "std::env::var",
    "SystemTime",
    "Instant::now",
    "std::thread",
    "File::open",
    "read_to_string(",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn manifests() -> BTreeMap<String, toml::Table> {
    fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| {
            let text = fs::read_to_string(entry.path().join("Cargo.toml")).unwrap();
            (
                entry.file_name().into_string().unwrap(),
                text.parse().unwrap(),
            )
        })
        .collect()
}

fn names(manifest: &toml::Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table
        .into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[test]
fn every_crate_has_a_layer_and_depends_on_lower_ones_only() {
    let layers: BTreeMap<&str, u8> = LAYERS.into_iter().collect();
    for (name, manifest) in manifests() {
        let layer = *layers.get(name.as_str()).unwrap_or_else(|| {
            panic!("crate `{name}` has no layer: add it to LAYERS and to ARCHITECTURE.md")
        });
        for dependency in names(&manifest, "dependencies") {
            let Some(ours) = dependency.strip_prefix("plimsoll-") else {
                continue;
            };
            let theirs = layers
                .get(ours)
                .unwrap_or_else(|| panic!("`{ours}` has no layer"));
            assert!(
                *theirs < layer,
                "`{name}` (layer {layer}) must not depend on `{ours}` (layer {theirs})"
            );
        }
    }
}

#[test]
fn reserved_crates_are_reached_from_their_homes_only() {
    for (name, manifest) in manifests() {
        for dependency in names(&manifest, "dependencies") {
            let reserved = RESERVED
                .iter()
                .find(|(crate_name, ..)| *crate_name == dependency);
            let Some((_, homes, why)) = reserved else {
                continue;
            };
            assert!(
                homes.contains(&name.as_str()),
                "`{name}` must not depend on `{dependency}`: {why}"
            );
        }
    }
}

#[test]
fn versions_stand_in_the_root_manifest_only() {
    for (name, manifest) in manifests() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (dependency, value) in table.into_iter().flatten() {
                let inherits = value.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(
                    inherits,
                    Some(true),
                    "`{name}`: `{dependency}` names its own version"
                );
            }
        }
    }
}

#[test]
fn every_dependency_has_its_line_of_reason() {
    let reasons = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    for (name, manifest) in manifests() {
        for section in ["dependencies", "dev-dependencies"] {
            for dependency in names(&manifest, section) {
                let is_named = dependency.starts_with("plimsoll-")
                    || reasons.contains(&format!("| `{dependency}` |"))
                    || reasons.contains(&format!("| {dependency} |"));
                assert!(
                    is_named,
                    "`{dependency}` (of `{name}`) has no line in docs/dependencies.md"
                );
            }
        }
    }
}

#[test]
fn systems_know_nothing_of_plimsoll_and_plimsoll_nothing_of_them() {
    for manifest in walk(&root().join("systems"), "Cargo.toml") {
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(
            !text.contains("plimsoll-"),
            "{} depends on Plimsoll",
            manifest.display()
        );
    }
    for (name, manifest) in manifests() {
        for dependency in names(&manifest, "dependencies") {
            assert!(
                !dependency.starts_with("recon"),
                "`{name}` depends on `{dependency}`"
            );
        }
    }
}

#[test]
fn the_pure_middle_takes_no_clock_and_does_no_input_or_output() {
    for name in PURE {
        for path in walk(&root().join("crates").join(name).join("src"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            let is_test = path.ends_with("tests.rs");
            for word in IMPURE.into_iter().filter(|_| !is_test) {
                assert!(
                    !product.contains(word),
                    "{}: `{word}` in the pure middle",
                    path.display()
                );
            }
        }
    }
}

fn walk(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}
