//! What an image is made of, package by package: the data behind crate lists, bills of materials and differences.

use serde::Serialize;

/// A package that is in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// Its name in its registry.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whose package it is.
    pub ecosystem: Ecosystem,
    /// When it is needed.
    pub phase: Phase,
    /// Whether it is the app itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_root: bool,
    /// Where it comes from.
    #[serde(skip)]
    pub origin: Origin,
    /// Its licence as its author wrote it, ideally an SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// What the lock file says its archive is.
    #[serde(skip)]
    pub checksum: Option<Checksum>,
    /// Positions of what it needs in the same list.
    #[serde(skip)]
    pub needs: Vec<usize>,
}

/// Whose package it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// Rust: crates.io and its like.
    Cargo,
    /// JavaScript: npm.
    Npm,
    /// Python: PyPI.
    Pypi,
    /// Debian and its derivatives.
    Deb,
}

/// When a package is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It, or what it generates, is in the artefact.
    Runtime,
    /// Only the build needs it.
    Build,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The ecosystem's own registry.
    Registry,
    /// Another registry, by its address.
    OtherRegistry(String),
    /// A repository, by its address.
    Git(String),
    /// The project itself, or a folder beside it.
    Local,
}

/// A digest of a package's archive, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checksum {
    /// SHA-256, as Cargo writes it.
    Sha256(String),
    /// SHA-512, as npm writes it.
    Sha512(String),
}

impl Package {
    /// Its package URL (purl-spec), by which advisories find it.
    pub fn purl(&self) -> String {
        let kind = match self.ecosystem {
            Ecosystem::Cargo => "cargo",
            Ecosystem::Npm => "npm",
            Ecosystem::Pypi => "pypi",
            Ecosystem::Deb => "deb/debian",
        };
        // The slash of an npm scope separates the namespace and stays.
        let own = match self.ecosystem {
            // PyPI takes all spellings for one; the purl has the normal one.
            Ecosystem::Pypi => self.name.to_lowercase().replace('_', "-"),
            Ecosystem::Cargo | Ecosystem::Npm | Ecosystem::Deb => self.name.clone(),
        };
        let name: Vec<String> = own.split('/').map(percent).collect();
        format!("pkg:{kind}/{}@{}", name.join("/"), percent(&self.version))
    }
}

impl Checksum {
    /// Its digits.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Sha512(hex) => hex,
        }
    }
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_those_of_the_specification() {
        let purl = |ecosystem, name: &str, version: &str| {
            let package = Package {
                name: name.into(),
                version: version.into(),
                ecosystem,
                phase: Phase::Runtime,
                is_root: false,
                origin: Origin::Registry,
                license: None,
                checksum: None,
                needs: vec![],
            };
            package.purl()
        };
        assert_eq!(
            purl(Ecosystem::Cargo, "serde", "1.0.1"),
            "pkg:cargo/serde@1.0.1"
        );
        assert_eq!(
            purl(Ecosystem::Npm, "@types/react", "19.3.0"),
            "pkg:npm/%40types/react@19.3.0"
        );
        assert_eq!(
            purl(Ecosystem::Deb, "libc6", "2.36-9+deb12u14"),
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14"
        );
    }
}
