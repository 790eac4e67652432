//! References to images that somebody else built.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, serde_as_text};

/// An image by digest: `registry.example.com/team/app@sha256:…`, perhaps with a tag for people before the `@`.
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
        Ok(Self {
            name: name.to_owned(),
            digest: digest.to_owned(),
        })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}

serde_as_text!(ImageRef);
