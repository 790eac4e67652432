//! The crate list inside a program, in the format of cargo-auditable: section `.dep-v0`, zlib over JSON. Scanners
//! (Trivy, Grype, osv-scanner, cargo-audit) read it, and it survives `strip`.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use crate::package::{Ecosystem, Origin, Package, Phase};

/// The section's name.
pub const SECTION: &str = ".dep-v0";
/// Plain bytes of a list, at the most: what cargo-auditable's own reader accepts.
const MAX_PLAIN: u64 = 8 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct List {
    packages: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    version: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<usize>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    root: bool,
}

/// The section's bytes for `packages`.
pub fn encode(packages: &[Package]) -> io::Result<Vec<u8>> {
    let list = List {
        packages: packages.iter().map(entry).collect(),
    };
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&serde_json::to_vec(&list)?)?;
    encoder.finish()
}

/// The packages of a section, whoever wrote it.
pub fn decode(section: &[u8]) -> io::Result<Vec<Package>> {
    let mut plain = Vec::new();
    ZlibDecoder::new(section)
        .take(MAX_PLAIN + 1)
        .read_to_end(&mut plain)?;
    if plain.len() as u64 > MAX_PLAIN {
        return Err(io::Error::other("the crate list is longer than 8 MiB"));
    }
    let list: List = serde_json::from_slice(&plain)?;
    Ok(list.packages.into_iter().map(package).collect())
}

fn entry(package: &Package) -> Entry {
    Entry {
        name: package.name.clone(),
        version: package.version.clone(),
        source: match &package.origin {
            Origin::Registry => "crates.io",
            Origin::OtherRegistry(_) => "registry",
            Origin::Git(_) => "git",
            Origin::Local => "local",
        }
        .to_owned(),
        kind: match package.phase {
            Phase::Runtime => None,
            Phase::Build => Some("build".to_owned()),
        },
        dependencies: package.needs.clone(),
        root: package.is_root,
    }
}

fn package(entry: Entry) -> Package {
    Package {
        name: entry.name,
        version: entry.version,
        ecosystem: Ecosystem::Cargo,
        phase: match entry.kind.as_deref() {
            Some("build") => Phase::Build,
            _ => Phase::Runtime,
        },
        is_root: entry.root,
        origin: match &*entry.source {
            "crates.io" => Origin::Registry,
            "git" => Origin::Git(String::new()),
            "local" => Origin::Local,
            _ => Origin::OtherRegistry(String::new()),
        },
        license: None,
        checksum: None,
        needs: entry.dependencies,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_as_far_as_the_format_goes() {
        let own = |name: &str, phase, origin, needs| Package {
            name: name.into(),
            version: "1.0.0".into(),
            ecosystem: Ecosystem::Cargo,
            phase,
            is_root: name == "app",
            origin,
            license: None,
            checksum: None,
            needs,
        };
        let packages = vec![
            own("app", Phase::Runtime, Origin::Local, vec![1, 2]),
            own("gen", Phase::Build, Origin::Registry, vec![]),
            own("lib", Phase::Runtime, Origin::Registry, vec![]),
        ];
        let section = encode(&packages).unwrap();
        assert_eq!(section, encode(&packages).unwrap());
        assert_eq!(decode(&section).unwrap(), packages);
    }

    #[test]
    fn noise_and_a_bomb_are_errors() {
        assert!(decode(b"noise").is_err());
        let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b' '; 9 << 20]).unwrap();
        assert!(decode(&bomb.finish().unwrap()).is_err());
    }
}
