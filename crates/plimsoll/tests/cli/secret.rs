//! A secret's value comes from standard input, and nothing shows it.

use std::fs;
use std::path::Path;

use crate::exit_codes::{SITE, site};
use crate::folder::Folder;

const VALUE: &str = "s3cr3t-0f-the-sh0p";

/// A site that has secrets.
fn shop() -> Folder {
    let secrets =
        "[secret.token]\nask = \"Token of the shop\"\n[secret.key]\ngenerate = \"32 bytes\"\n";
    site().with("plimsoll.toml", &format!("{SITE}{secrets}"))
}

fn ensure_nowhere(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            ensure_nowhere(&path);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let found = bytes
                .windows(VALUE.len())
                .any(|window| window == VALUE.as_bytes());
            assert!(!found, "{} holds the value", path.display());
        }
    }
}

#[test]
fn a_value_comes_from_standard_input_and_nothing_shows_it() {
    let folder = shop();
    let set = folder
        .run_with(&["secret", "set", "token"], &format!("{VALUE}\n"))
        .ends_with(0);
    let list = folder.run(&["secret", "list"]).ends_with(0);
    assert!(
        list.stdout.contains("token") && list.stdout.contains("v1"),
        "{list:?}"
    );
    let json = folder
        .run(&["secret", "list", "--format", "json"])
        .ends_with(0);
    for shown in [
        &set.stdout,
        &set.stderr,
        &list.stdout,
        &list.stderr,
        &json.stdout,
    ] {
        assert!(!shown.contains(VALUE), "{shown}");
    }
    assert_eq!(json.json()[0]["name"], "token");
    ensure_nowhere(folder.path());
}

#[test]
fn a_value_is_never_an_argument() {
    let folder = shop();
    let ended = folder
        .run_with(&["secret", "set", "token", VALUE], "")
        .ends_with(2);
    assert!(ended.stdout.is_empty(), "{ended:?}");
    let empty = folder
        .run_with(&["secret", "set", "token"], "")
        .ends_with(2);
    assert!(
        empty.stderr.contains("standard input is empty"),
        "{empty:?}"
    );
}

#[test]
fn a_new_value_is_a_new_version_and_only_generated_ones_are_rotated() {
    let folder = shop();
    folder
        .run_with(&["secret", "set", "token"], "one")
        .ends_with(0);
    let second = folder
        .run_with(&["secret", "set", "token"], "two")
        .ends_with(0);
    assert!(second.stderr.contains("version 2"), "{second:?}");
    folder.run(&["secret", "rotate", "token"]).ends_with(2);
    folder.run(&["secret", "rotate", "key"]).ends_with(0);
    let unknown = folder
        .run_with(&["secret", "set", "tokn"], "x")
        .ends_with(2);
    assert!(unknown.stderr.contains("it has: key, token"), "{unknown:?}");
}
