//! A log that only grows, in which every line carries the digest of the one before it.
//!
//! The first line says what the file is. Each line after it is `{"seq":…,"prev":"sha256:…",…}`, where `prev` is the
//! SHA-256 of the bytes of the line before it, without its line end: any line that is changed, moved, taken out or put
//! in breaks the chain behind it. `sha256sum` and a loop are enough to check it. What the chain cannot show by itself,
//! lines cut off at the end, the head beside it shows: a small file with the number and the digest of the last line.
//!
//! Whoever can write both files can write another history: see docs/security.md for what that means.

mod check;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{FsError, PRIVATE_FILE, at, sync_dir};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use check::{Check, Fault, Line, check};

use crate::StateError;
use crate::state::{self, Format, Header};

/// Longest line in bytes. A record of a change with a hundred reasons stays below.
pub const LINE_MAX: usize = 64 << 10;
/// The extension of the head's file.
const HEAD: &str = "head";
/// The head's format.
const HEAD_FORMAT: Format = Format {
    name: "plimsoll.chain-head",
    version: 1,
};

/// Why a line was not added, or the log not opened.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The file system refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The head cannot be used.
    #[error(transparent)]
    Head(#[from] StateError),
    /// The end of the log is not what the head says: nothing is added to a history that was changed.
    #[error("{} was changed: {what}", path.display())]
    Changed {
        /// The log.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// The record cannot be written as JSON, or is too long.
    #[error("a record of {bytes} bytes is longer than {LINE_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The record is no JSON object.
    #[error("a record cannot be written")]
    Record(#[from] serde_json::Error),
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Its number; 0 is the line that says what the file is.
    seq: u64,
    /// The digest of its bytes.
    digest: String,
}

/// One line as it is written.
#[derive(Serialize)]
struct Written<'a, T> {
    seq: u64,
    prev: &'a str,
    #[serde(flatten)]
    record: &'a T,
}

/// What is read of every line.
#[derive(Debug, Deserialize)]
struct Linked {
    seq: u64,
    prev: String,
}

/// A chained log, open to be added to. One writer at a time: the caller holds a lock.
#[derive(Debug)]
pub struct Chain {
    path: PathBuf,
    file: File,
    head: Head,
}

impl Chain {
    /// Opens the log at `path`, or begins it. Bytes behind the last line end, which an interrupted write left and
    /// nobody was told of, are taken away.
    pub fn open(path: &Path, format: Format) -> Result<Self, ChainError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_FILE)
            .open(path)
            .map_err(at("open", path))?;
        let last = last_line(&mut file, path)?;
        let head = match last {
            None => begin(&mut file, path, format)?,
            Some(line) => agreed(path, &line)?,
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            head,
        })
    }

    /// Adds `record`, which must be an object without fields named `seq` and `prev`. On disk when this returns; its
    /// number.
    pub fn append(&mut self, record: &impl Serialize) -> Result<u64, ChainError> {
        let seq = self.head.seq + 1;
        let line = serde_json::to_vec(&Written {
            seq,
            prev: &self.head.digest,
            record,
        })?;
        if line.len() > LINE_MAX {
            return Err(ChainError::TooLong { bytes: line.len() });
        }
        write_line(&mut self.file, &self.path, &line)?;
        self.head = Head {
            seq,
            digest: digest(&line),
        };
        state::save(&head_path(&self.path), HEAD_FORMAT, &self.head)?;
        Ok(seq)
    }
}

fn begin(file: &mut File, path: &Path, format: Format) -> Result<Head, ChainError> {
    let line = serde_json::to_vec(&Header {
        format: format.name.to_owned(),
        version: format.version,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
    })?;
    write_line(file, path, &line)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    let head = Head {
        seq: 0,
        digest: digest(&line),
    };
    state::save(&head_path(path), HEAD_FORMAT, &head)?;
    Ok(head)
}

/// The head that the last line makes, if it is the recorded one or follows it: a crash between the two writes leaves
/// the record one line behind.
fn agreed(path: &Path, line: &[u8]) -> Result<Head, ChainError> {
    let found = head_of(line).ok_or_else(|| ChainError::Changed {
        path: path.to_owned(),
        what: "its last line is no record".to_owned(),
    })?;
    let recorded = match state::load::<Head>(&head_path(path), HEAD_FORMAT) {
        Ok(head) => head,
        // The crash came before the first head.
        Err(error) if error.is_not_found() && found.head.seq == 0 => return Ok(found.head),
        Err(error) => return Err(error.into()),
    };
    if found.head == recorded || found.follows(&recorded) {
        return Ok(found.head);
    }
    Err(ChainError::Changed {
        path: path.to_owned(),
        what: format!(
            "its last line is number {}, and the head beside it knows of {}",
            found.head.seq, recorded.seq
        ),
    })
}

/// The last line with what it says of the one before.
struct Last {
    head: Head,
    prev: Option<String>,
}

impl Last {
    fn follows(&self, recorded: &Head) -> bool {
        self.head.seq == recorded.seq + 1 && self.prev.as_ref() == Some(&recorded.digest)
    }
}

fn head_of(line: &[u8]) -> Option<Last> {
    let digest = digest(line);
    if let Ok(linked) = serde_json::from_slice::<Linked>(line) {
        let head = Head {
            seq: linked.seq,
            digest,
        };
        return Some(Last {
            head,
            prev: Some(linked.prev),
        });
    }
    serde_json::from_slice::<Header>(line).ok()?;
    Some(Last {
        head: Head { seq: 0, digest },
        prev: None,
    })
}

/// The last whole line; what stands behind it is cut off. The file ends up positioned at its end.
fn last_line(file: &mut File, path: &Path) -> Result<Option<Vec<u8>>, ChainError> {
    let length = file.metadata().map_err(at("look at", path))?.len();
    // A whole line, the torn one behind it, and the end of the line before.
    let window = length.min(2 * LINE_MAX as u64 + 2);
    file.seek(SeekFrom::Start(length - window))
        .map_err(at("read", path))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(at("read", path))?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    let kept = end.map_or(0, |end| end + 1);
    let torn = (tail.len() - kept) as u64;
    if torn > 0 {
        file.set_len(length - torn).map_err(at("shorten", path))?;
    }
    file.seek(SeekFrom::End(0)).map_err(at("read", path))?;
    let Some(end) = end else {
        return Ok(None);
    };
    let start = tail[..end]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |before| before + 1);
    Ok(Some(tail[start..end].to_vec()))
}

fn write_line(file: &mut File, path: &Path, line: &[u8]) -> Result<(), ChainError> {
    let whole = [line, b"\n"].concat();
    file.write_all(&whole).map_err(at("write", path))?;
    Ok(file.sync_data().map_err(at("flush", path))?)
}

fn head_path(path: &Path) -> PathBuf {
    path.with_extension(HEAD)
}

fn digest(line: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = String::from("sha256:");
    for byte in Sha256::digest(line) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
