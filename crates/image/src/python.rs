//! The packages of a Python app, from what its installer left behind (`*.dist-info/METADATA`, PEP 566).

use std::path::Path;

use plimsoll_stdx::fs::read_bounded;

use crate::BuildError;
use crate::package::{Ecosystem, Origin, Package, Phase};
use crate::tree::Tree;

/// A description with all its pictures inlined has 1 MB; the fields stand before it.
pub(crate) const MAX_METADATA: u64 = 4 << 20;
const ENDING: &str = ".dist-info/METADATA";

/// The packages that lie in the artefact in `dir`, sorted.
pub(crate) fn packages(dir: &Path, tree: &Tree) -> Result<Vec<Package>, BuildError> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| is_metadata(&file.path)) {
        let bytes = read_bounded(&dir.join(&file.path), MAX_METADATA)?;
        found.extend(parse(&String::from_utf8_lossy(&bytes)));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether an installer writes its fields into a file of this path.
pub(crate) fn is_metadata(path: &str) -> bool {
    path.ends_with(ENDING)
}

/// The package that the fields name.
pub(crate) fn parse(text: &str) -> Option<Package> {
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let field = |name: &str| {
        let line = head.iter().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(':'))
            .map(|value| value.trim().to_owned())
    };
    Some(Package {
        name: field("Name")?,
        version: field("Version")?,
        ecosystem: Ecosystem::Pypi,
        phase: Phase::Runtime,
        is_root: false,
        origin: Origin::Registry,
        license: field("License-Expression").or_else(|| field("License")),
        checksum: None,
        needs: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_before_the_description_name_the_package() {
        let text = "Metadata-Version: 2.4\nName: Flask_Cors\nVersion: 3.1\nLicense-Expression: BSD-3-Clause\n\nName: not this\n";
        let package = parse(text).unwrap();
        assert_eq!((&*package.name, &*package.version), ("Flask_Cors", "3.1"));
        assert_eq!(package.purl(), "pkg:pypi/flask-cors@3.1");
        assert_eq!(package.license.as_deref(), Some("BSD-3-Clause"));
        assert_eq!(parse("Name: x\n\nVersion: 1\n"), None);
    }

    #[test]
    fn only_what_an_installer_left_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (path, name) in [("lib/a-1.dist-info/METADATA", "a"), ("lib/METADATA", "b")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("Name: {name}\nVersion: 1\n");
            plimsoll_stdx::fs::write_atomic(&path, text.as_bytes()).unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        let packages = packages(folder.path(), &tree).unwrap();
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].name, "a");
    }
}
