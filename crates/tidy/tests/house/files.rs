//! Every file keeps the house style where no compiler looks.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of product code in one file.
const MAX_LINES: usize = 500;
/// Columns of one line.
const MAX_COLUMNS: usize = 120;
/// Tables whose rows read best as rows.
const TABLES: [&str; 2] = ["/model/src/grammar/tables/", "/model/src/measure/"];
/// Where `unsafe` may stand, one item at a time.
const UNSAFE_HOMES: [&str; 2] = [
    "crates/supervisor/src/shim",
    "crates/supervisor/src/attack_calls.rs",
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Without the unit tests at its end.
    fn product(&self) -> &str {
        self.text
            .split("\n#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        ["/tests/", "/benches/", "/fuzz/"]
            .iter()
            .any(|part| self.path.contains(part))
            || self.path.ends_with("tests.rs")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let mut found = Vec::new();
    for top in ["crates", "systems"] {
        collect(&root, &root.join(top), &mut found);
    }
    assert!(
        found.len() > 20,
        "the walk found only {} files",
        found.len()
    );
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", "tidy"].contains(&name.as_str()) {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = format!("/{}", path.strip_prefix(root).unwrap().display());
            found.push(Source { path, text });
        }
    }
}

/// All complaints at once: one run shows the whole work.
fn check(complain: impl Fn(&Source, &mut Vec<String>)) {
    let mut complaints = Vec::new();
    for source in sources() {
        complain(&source, &mut complaints);
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    check(|source, complaints| {
        if !source.is_test() && !source.text.starts_with("//!") {
            complaints.push(format!("{}: no `//!` header", source.path));
        }
    });
}

#[test]
fn every_library_says_what_it_owns_and_what_it_must_not_know() {
    check(|source, complaints| {
        let is_library =
            source.path.starts_with("/crates/") && source.path.ends_with("/src/lib.rs");
        let head: String = source.text.lines().take(8).collect::<Vec<_>>().join("\n");
        if is_library && !(head.starts_with("//! Owns") && head.contains("ust not know")) {
            complaints.push(format!(
                "{}: must open with `Owns` and `Must not know`",
                source.path
            ));
        }
    });
}

#[test]
fn files_stay_short_and_lines_narrow() {
    check(|source, complaints| {
        let lines = source.product().lines().count();
        if !source.is_test() && lines > MAX_LINES {
            complaints.push(format!(
                "{}: {lines} lines (at most {MAX_LINES})",
                source.path
            ));
        }
        for (index, line) in source.text.lines().enumerate() {
            // A text for people is not broken in the middle.
            let exempt = source.is_test()
                || line.contains('"')
                // SQL reads best as its author broke it.
                || source.path.starts_with("/systems/")
                || TABLES.iter().any(|table| source.path.contains(table));
            if line.chars().count() > MAX_COLUMNS && !exempt {
                complaints.push(format!(
                    "{}:{}: over {MAX_COLUMNS} columns",
                    source.path,
                    index + 1
                ));
            }
        }
    });
}

#[test]
fn no_test_is_switched_off_or_waits_for_a_panic_or_for_the_clock() {
    check(|source, complaints| {
        for (index, line) in source.text.lines().enumerate() {
            for word in [
                "#[ignore",
                "#[should_panic",
                "todo!(",
                "unimplemented!(",
                "FIXME",
            ] {
                if line.contains(word) {
                    complaints.push(format!("{}:{}: `{word}`", source.path, index + 1));
                }
            }
        }
    });
}

#[test]
fn unsafe_stands_in_its_home_with_its_reason() {
    check(|source, complaints| {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !code.contains("unsafe {")
                && !code.contains("unsafe fn")
                && !code.contains("unsafe impl")
            {
                continue;
            }
            let at_home = UNSAFE_HOMES
                .iter()
                .any(|home| source.path[1..].starts_with(home));
            let reason = lines[index.saturating_sub(8)..=index]
                .iter()
                .any(|line| line.contains("SAFETY:"));
            if !at_home || !reason {
                complaints.push(format!(
                    "{}:{}: unsafe away from home or without SAFETY",
                    source.path,
                    index + 1
                ));
            }
        }
    });
}

#[test]
fn durable_bytes_go_through_one_door() {
    check(|source, complaints| {
        let exempt = source.is_test()
            || source.path.starts_with("/crates/stdx/")
            // Mount points on a tmpfs that lives as long as the process.
            || source.path == "/crates/supervisor/src/shim/mounts.rs"
            || source.path.starts_with("/systems/");
        for (index, line) in source.product().lines().enumerate() {
            if !exempt && (line.contains("fs::write(") || line.contains("File::create(")) {
                complaints.push(format!(
                    "{}:{}: use stdx::fs::write_atomic",
                    source.path,
                    index + 1
                ));
            }
        }
    });
}
