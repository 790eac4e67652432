//! The checksums of `Cargo.lock`, which `cargo metadata` does not repeat.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_stdx::fs::read_bounded;

use crate::BuildError;

/// A lock file of 10,000 packages has 3 MB.
const MAX_LOCK: u64 = 16 << 20;

/// SHA-256 in hexadecimal, by name and version.
pub(super) type Checksums = BTreeMap<(String, String), String>;

/// The checksums of the file at `path`; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Checksums, BuildError> {
    match read_bounded(path, MAX_LOCK) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.is_not_found() => Ok(Checksums::new()),
        Err(error) => Err(error.into()),
    }
}

/// Cargo writes one member a line, always in one form; a reader of TOML would say nothing more.
pub(super) fn parse(text: &str) -> Checksums {
    let mut checksums = Checksums::new();
    let (mut name, mut version) = ("", "");
    for line in text.lines() {
        let Some((member, value)) = line.split_once(" = ") else {
            if line == "[[package]]" {
                (name, version) = ("", "");
            }
            continue;
        };
        let value = value.trim_matches('"');
        match member {
            "name" => name = value,
            "version" => version = value,
            "checksum" => {
                checksums.insert((name.to_owned(), version.to_owned()), value.to_owned());
            }
            _ => {}
        }
    }
    checksums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_has_its_own_checksum_or_none() {
        let text = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "lib",
]

[[package]]
name = "lib"
version = "1.2.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "abc"
"#;
        let checksums = parse(text);
        assert_eq!(checksums.len(), 1);
        assert_eq!(checksums[&("lib".to_owned(), "1.2.3".to_owned())], "abc");
    }
}
