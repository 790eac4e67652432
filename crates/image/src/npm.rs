//! The packages of a JavaScript app, from `package-lock.json` (versions 2 and 3: npm 7 and later).

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_stdx::fs::read_bounded;
use serde::Deserialize;

use crate::BuildError;
use crate::package::{Checksum, Ecosystem, Origin, Package, Phase};

/// A lock file of 10,000 packages has 5 MB.
const MAX_LOCK: u64 = 32 << 20;
const FOLDER: &str = "node_modules/";
const REGISTRY: &str = "https://registry.npmjs.org/";

#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default)]
    packages: BTreeMap<String, Locked>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Locked {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    license: Option<String>,
    dev: bool,
    link: bool,
    dependencies: BTreeMap<String, String>,
    optional_dependencies: BTreeMap<String, String>,
    dev_dependencies: BTreeMap<String, String>,
}

/// The packages that the lock file in `dir` names; none where there is no lock file.
pub(crate) fn packages(dir: &Path) -> Result<Vec<Package>, BuildError> {
    let bytes = match read_bounded(&dir.join("package-lock.json"), MAX_LOCK) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    parse(&bytes).map_err(|source| BuildError::Metadata {
        dir: dir.to_owned(),
        source,
    })
}

fn parse(bytes: &[u8]) -> Result<Vec<Package>, serde_json::Error> {
    let lock: Lock = serde_json::from_slice(bytes)?;
    // A link stands for a folder of the project, which has an entry of its own.
    let mut found: Vec<(&str, Package)> = lock
        .packages
        .iter()
        .filter(|(_, locked)| !locked.link)
        .map(|(place, locked)| (&**place, package(place, locked)))
        .collect();
    found.sort_by(|a, b| (&a.1.name, &a.1.version, a.0).cmp(&(&b.1.name, &b.1.version, b.0)));
    let positions: BTreeMap<&str, usize> = found
        .iter()
        .enumerate()
        .map(|(position, (place, _))| (*place, position))
        .collect();
    let needs = |place: &str| {
        let locked = &lock.packages[place];
        let names = locked
            .dependencies
            .keys()
            .chain(locked.optional_dependencies.keys());
        let all = names.chain(locked.dev_dependencies.keys());
        let mut needs: Vec<usize> = all
            .filter_map(|name| resolve(place, name, &positions))
            .collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    };
    let places: Vec<&str> = found.iter().map(|(place, _)| *place).collect();
    let needs: Vec<Vec<usize>> = places.into_iter().map(needs).collect();
    let each = found.into_iter().zip(needs);
    let mut packages: Vec<Package> = each
        .map(|((_, one), needs)| Package { needs, ..one })
        .collect();
    merge_copies(&mut packages);
    Ok(packages)
}

fn package(place: &str, locked: &Locked) -> Package {
    let last = place.rsplit(FOLDER).next().unwrap_or(place);
    let is_root = place.is_empty();
    let name = locked.name.clone().unwrap_or_else(|| last.to_owned());
    let origin = match locked.resolved.as_deref() {
        _ if is_root => Origin::Local,
        Some(url) if url.starts_with(REGISTRY) => Origin::Registry,
        Some(url) if url.starts_with("git") => Origin::Git(url.to_owned()),
        Some(url) => Origin::OtherRegistry(url.to_owned()),
        None => Origin::Local,
    };
    Package {
        name: if name.is_empty() {
            "app".to_owned()
        } else {
            name
        },
        version: locked.version.clone().unwrap_or_else(|| "0.0.0".to_owned()),
        ecosystem: Ecosystem::Npm,
        phase: if locked.dev {
            Phase::Build
        } else {
            Phase::Runtime
        },
        is_root,
        origin,
        license: locked.license.clone(),
        checksum: locked.integrity.as_deref().and_then(sha512),
        needs: Vec::new(),
    }
}

/// Where Node finds `name` from the package at `place`: in its own `node_modules`, then in those above.
fn resolve(place: &str, name: &str, positions: &BTreeMap<&str, usize>) -> Option<usize> {
    let mut from = place;
    loop {
        let candidate = if from.is_empty() {
            format!("{FOLDER}{name}")
        } else {
            format!("{from}/{FOLDER}{name}")
        };
        if let Some(position) = positions.get(&*candidate) {
            return Some(*position);
        }
        if from.is_empty() {
            return None;
        }
        from = from
            .rfind(FOLDER)
            .map_or("", |at| from[..at].trim_end_matches('/'));
    }
}

/// npm installs one version in several places; in an image it is one package, needed at run time if one copy is.
fn merge_copies(packages: &mut Vec<Package>) {
    let mut target = Vec::with_capacity(packages.len());
    let mut kept: Vec<Package> = Vec::new();
    for package in packages.drain(..) {
        match kept.last_mut() {
            Some(last) if last.name == package.name && last.version == package.version => {
                last.phase = last.phase.min(package.phase);
                last.needs.extend(package.needs);
            }
            Some(_) | None => kept.push(package),
        }
        target.push(kept.len() - 1);
    }
    for package in &mut kept {
        let needs = package
            .needs
            .iter()
            .filter_map(|old| target.get(*old).copied());
        package.needs = needs.collect();
        package.needs.sort_unstable();
        package.needs.dedup();
    }
    *packages = kept;
}

/// The SHA-512 of a subresource integrity, as hexadecimal digits.
fn sha512(integrity: &str) -> Option<Checksum> {
    let coded = integrity
        .split_whitespace()
        .find_map(|one| one.strip_prefix("sha512-"))?;
    let bytes = base64(coded)?;
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (bytes.len() == 64).then(|| Checksum::Sha512(hex.concat()))
}

/// RFC 4648, with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(sextet);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"{"lockfileVersion":3,"packages":{
        "":{"name":"web","version":"0.1.0","dependencies":{"react":"19"},"devDependencies":{"vite":"8"}},
        "node_modules/react":{"version":"19.3.1","resolved":"https://registry.npmjs.org/react/-/react-19.3.1.tgz",
            "license":"MIT","dependencies":{"loose":"1"}},
        "node_modules/vite":{"version":"8.0.0","dev":true,"dependencies":{"loose":"2","@a/b":"1"}},
        "node_modules/vite/node_modules/loose":{"version":"1.0.0","dev":true},
        "node_modules/loose":{"version":"1.0.0"},
        "node_modules/@a/b":{"version":"1.0.0","dev":true},
        "node_modules/linked":{"link":true,"resolved":"packages/linked"}}}"#;

    #[test]
    fn what_is_shipped_and_what_only_builds_are_told_apart_and_copies_are_one() {
        let packages = parse(LOCK.as_bytes()).unwrap();
        let names: Vec<(&str, Phase)> =
            packages.iter().map(|one| (&*one.name, one.phase)).collect();
        assert_eq!(
            names,
            [
                ("@a/b", Phase::Build),
                ("loose", Phase::Runtime),
                ("react", Phase::Runtime),
                ("vite", Phase::Build),
                ("web", Phase::Runtime)
            ]
        );
        assert_eq!(packages[3].needs, [0, 1]);
        assert_eq!(packages[4].needs, [2, 3]);
        assert!(packages[4].is_root);
        assert_eq!(packages[2].origin, Origin::Registry);
    }

    #[test]
    fn an_integrity_becomes_its_digits_or_nothing() {
        let zeros = format!("sha512-{}==", "A".repeat(86));
        assert_eq!(sha512(&zeros), Some(Checksum::Sha512("0".repeat(128))));
        assert_eq!(base64("Zm9vYg==").unwrap(), b"foob");
        for bad in ["sha1-abcd", "sha512-!!", "sha512-Zm9v", ""] {
            assert_eq!(sha512(bad), None, "{bad}");
        }
    }
}
