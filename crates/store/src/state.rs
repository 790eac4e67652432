//! Versioned state files: one JSON document, replaced whole, that begins with what it is, which version of it and
//! which tool wrote it.

use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{self, FsError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest state file in bytes. The largest, a bundle of a hundred services, is below 1 MiB.
pub const MAX_LEN: u64 = 16 << 20;

/// Written into every document, so that an older tool can say which one to use.
const TOOL: &str = env!("CARGO_PKG_VERSION");

/// A kind of document and the newest version of it that this tool knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// `plimsoll.<noun>`.
    pub name: &'static str,
    /// Written, and the newest that is read.
    pub version: u32,
}

/// The first fields of every state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `plimsoll.<noun>`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The version of the tool that wrote it.
    #[serde(default)]
    pub tool: String,
}

/// Why a state file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The bytes are not the document that they should be.
    #[error("{} is damaged or not a {format} document", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was expected.
        format: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// It says that it is something else.
    #[error("{} holds a {found} document where {expected} was expected", path.display())]
    Other {
        /// Which file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// What it says.
        found: String,
    },
    /// A newer tool wrote it.
    #[error(
        "{} is version {found} of its format and this tool reads up to {newest}: use plimsoll {tool} or newer",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that this tool reads.
        newest: u32,
        /// The tool that wrote it.
        tool: String,
    },
}

impl StateError {
    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Fs(error) => error.is_not_found(),
            Self::Damaged { .. } | Self::Other { .. } | Self::Newer { .. } => false,
        }
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    #[serde(flatten)]
    header: Header,
    #[serde(flatten)]
    body: &'a T,
}

/// The bytes of `body` as a document of this format. `body` must be a struct or a map without fields of the
/// header's names.
pub fn encode(format: Format, body: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let header = Header {
        format: format.name.to_owned(),
        version: format.version,
        tool: TOOL.to_owned(),
    };
    let mut bytes = serde_json::to_vec_pretty(&Written { header, body })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Replaces the document at `path`, durably (see [`fs::write_atomic`]).
pub fn save(path: &Path, format: Format, body: &impl Serialize) -> Result<(), StateError> {
    let bytes = encode(format, body).map_err(damaged(path, format))?;
    Ok(fs::write_atomic(path, &bytes)?)
}

/// Reads the document at `path`; unknown fields are passed over, a newer version is refused.
pub fn load<T: DeserializeOwned>(path: &Path, format: Format) -> Result<T, StateError> {
    let bytes = fs::read_bounded(path, MAX_LEN)?;
    decode(&bytes, path, format)
}

/// Reads a document from its bytes; `path` is for messages.
pub fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    format: Format,
) -> Result<T, StateError> {
    let header: Header = serde_json::from_slice(bytes).map_err(damaged(path, format))?;
    if header.format != format.name {
        return Err(StateError::Other {
            path: path.to_owned(),
            expected: format.name,
            found: header.format,
        });
    }
    if header.version > format.version {
        return Err(StateError::Newer {
            path: path.to_owned(),
            found: header.version,
            newest: format.version,
            tool: header.tool,
        });
    }
    serde_json::from_slice(bytes).map_err(damaged(path, format))
}

fn damaged(path: &Path, format: Format) -> impl FnOnce(serde_json::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Damaged {
        path,
        format: format.name,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format {
        name: "plimsoll.sample",
        version: 2,
    };

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        count: u32,
    }

    fn read(text: &str) -> Result<Sample, StateError> {
        decode(text.as_bytes(), Path::new("state.json"), FORMAT)
    }

    #[test]
    fn a_document_comes_back_and_says_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sample.json");
        save(&path, FORMAT, &Sample { count: 7 }).unwrap();
        assert_eq!(load::<Sample>(&path, FORMAT).unwrap(), Sample { count: 7 });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("{\n  \"format\": \"plimsoll.sample\",\n  \"version\": 2"),
            "{text}"
        );
    }

    #[test]
    fn an_older_version_and_unknown_fields_are_read() {
        let text = r#"{"format":"plimsoll.sample","version":1,"count":3,"new":true}"#;
        assert_eq!(read(text).unwrap(), Sample { count: 3 });
    }

    #[test]
    fn a_newer_version_is_refused_with_the_tool_to_use() {
        let text = r#"{"format":"plimsoll.sample","version":3,"tool":"9.1.0"}"#;
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("use plimsoll 9.1.0 or newer"), "{error}");
    }

    #[test]
    fn another_document_half_a_document_and_no_file_are_told_apart() {
        let other = r#"{"format":"plimsoll.other","version":1,"count":3}"#;
        assert!(matches!(read(other), Err(StateError::Other { .. })));
        assert!(matches!(
            read(&other[..20]),
            Err(StateError::Damaged { .. })
        ));
        let absent = load::<Sample>(Path::new("/absent/state.json"), FORMAT).unwrap_err();
        assert!(absent.is_not_found());
    }
}
