//! The first two fields of every file that Plimsoll keeps.

use serde::{Deserialize, Serialize};

/// Which format a document has, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `plimsoll.<noun>`.
    pub format: String,
    /// Rises when older readers would misunderstand.
    pub version: u32,
}

/// A document of another format, or of a version that only a newer tool understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Another kind of document.
    #[error("expected a `{expected}` document, found `{found}`")]
    Format {
        /// What the reader wanted.
        expected: &'static str,
        /// What the document says it is.
        found: String,
    },
    /// Written by a newer tool.
    #[error(
        "`{format}` version {found} is newer than this tool reads ({newest}): use the plimsoll that wrote it, or a later one"
    )]
    Newer {
        /// The format's name.
        format: &'static str,
        /// The document's version.
        found: u32,
        /// The newest version that this tool reads.
        newest: u32,
    },
}

impl Header {
    /// A header for a document that is about to be written.
    pub fn new(format: &str, version: u32) -> Self {
        Self {
            format: format.to_owned(),
            version,
        }
    }

    /// Refuses a document of another format or of a newer version.
    pub fn ensure(&self, format: &'static str, newest: u32) -> Result<(), HeaderError> {
        if self.format != format {
            return Err(HeaderError::Format {
                expected: format,
                found: self.format.clone(),
            });
        }
        if self.version > newest {
            return Err(HeaderError::Newer {
                format,
                found: self.version,
                newest,
            });
        }
        Ok(())
    }
}
