//! References to images that somebody else built.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, serde_as_text};

/// What a folder's name stands behind.
const FOLDER: &str = "oci:";

/// An image by digest: `registry.example.com/team/app@sha256:…`, perhaps with a tag for people before the `@`; or
/// `oci:FOLDER@sha256:…`, in an OCI layout of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// Registry, path and perhaps a tag.
    pub name: String,
    /// `sha256:` and 64 lower-case hexadecimal digits.
    pub digest: String,
}

impl FromStr for ImageRef {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Some((name, digest)) = text.split_once('@') else {
            return Err(UnitError::new(format!(
                "`{text}` has no digest: a tag can be moved, so write `{text}@sha256:…`"
            )));
        };
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(UnitError::new(format!(
                "`{digest}` is not a digest: write `sha256:` and 64 lower-case hexadecimal digits"
            )));
        }
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"-._/:".contains(&b);
        if name.is_empty() || !name.bytes().all(valid) {
            return Err(UnitError::new(format!(
                "`{name}` is not the name of an image"
            )));
        }
        if let Some(folder) = name.strip_prefix(FOLDER) {
            ensure_folder(folder)?;
        }
        Ok(Self {
            name: name.to_owned(),
            digest: digest.to_owned(),
        })
    }
}

impl ImageRef {
    /// The folder of the OCI layout that it lies in, relative to the file; nothing where it is in a registry.
    pub fn folder(&self) -> Option<&str> {
        self.name.strip_prefix(FOLDER)
    }
}

fn ensure_folder(folder: &str) -> Result<(), UnitError> {
    let leaves = folder.starts_with('/') || folder.split('/').any(|part| part == "..");
    if folder.is_empty() || leaves {
        return Err(UnitError::new(format!(
            "`{folder}` is no folder in the project: write `{FOLDER}FOLDER@sha256:…`"
        )));
    }
    Ok(())
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}

serde_as_text!(ImageRef);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<ImageRef, UnitError> {
        format!("{name}@sha256:{}", "0".repeat(64)).parse()
    }

    #[test]
    fn a_layout_of_the_project_is_told_from_a_registry() {
        assert_eq!(
            parse("oci:vendor/node").unwrap().folder(),
            Some("vendor/node")
        );
        for registry in ["node", "localhost:5000/node", "docker.io/library/node:24"] {
            assert_eq!(parse(registry).unwrap().folder(), None);
        }
    }

    #[test]
    fn a_layout_lies_in_the_project() {
        for outside in ["oci:", "oci:/srv/node", "oci:../node", "oci:a/../../b"] {
            let error = parse(outside).unwrap_err();
            assert!(error.message.contains("oci:FOLDER"), "{error}");
        }
    }

    #[test]
    fn a_tag_alone_is_refused_because_it_moves() {
        let error = "node:24".parse::<ImageRef>().unwrap_err();
        assert!(error.message.contains("node:24@sha256:"), "{error}");
    }
}
