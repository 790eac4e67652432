//! Captured output on disk, and reading it back within bounds.
//!
//! Lines are kept in the form that container runtimes use: `<RFC 3339 time> <stdout|stderr> <F|P> <text>`, where `P`
//! says that a line beyond the bound goes on in the next record. Two files at the most: the current one and the one
//! before.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{FsError, at};
use serde::{Deserialize, Serialize};

use crate::record::LOG_DIR;

/// The current file, below a start's [`LOG_DIR`].
pub const CURRENT: &str = "output.log";
/// The file before.
pub const PREVIOUS: &str = "output.log.1";
/// Longest text of one record; what is longer is cut into several. 16 KiB is what container runtimes take.
pub const MAX_LINE: usize = 16 * 1024;
/// Most bytes read at once by [`tail`] and [`Follow::read`].
const MAX_READ: u64 = 4 << 20;

/// One captured line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When the shim read it, RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// Where it was written.
    pub stream: Stream,
    /// Without its line end; what is not UTF-8 is replaced.
    pub text: String,
    /// Whether the line goes on in the next record.
    pub partial: bool,
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// As written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl Line {
    /// Reads one record; `None` for what is none.
    pub fn parse(record: &str) -> Option<Self> {
        let mut fields = record.splitn(4, ' ');
        let time = fields.next()?.to_owned();
        let stream = match fields.next()? {
            "stdout" => Stream::Stdout,
            "stderr" => Stream::Stderr,
            _ => return None,
        };
        let partial = match fields.next()? {
            "F" => false,
            "P" => true,
            _ => return None,
        };
        let text = fields.next()?.to_owned();
        Some(Self {
            time,
            stream,
            text,
            partial,
        })
    }
}

/// The last `lines` records of the start whose directory is `dir`, oldest first; at most 4 MiB are read. Blocks.
pub fn tail(dir: &Path, lines: usize) -> Result<Vec<Line>, FsError> {
    let mut found = Vec::new();
    for name in [PREVIOUS, CURRENT] {
        let path = dir.join(LOG_DIR).join(name);
        match read_end(&path) {
            Ok(bytes) => {
                parse(&bytes, &mut found);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at("read", &path)(error)),
        }
    }
    let surplus = found.len().saturating_sub(lines);
    Ok(found.split_off(surplus))
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(MAX_READ)))?;
    let mut bytes = Vec::new();
    file.take(MAX_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Appends the whole records in `bytes`; half of one, at either end, is passed over. Returns the bytes used.
fn parse(bytes: &[u8], into: &mut Vec<Line>) -> usize {
    let mut used = 0;
    for record in bytes.split_inclusive(|&byte| byte == b'\n') {
        let Some(whole) = record.strip_suffix(b"\n") else {
            break;
        };
        used += record.len();
        into.extend(Line::parse(&String::from_utf8_lossy(whole)));
    }
    used
}

/// Reads records as they come, through rotation.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    file: Option<File>,
    inode: u64,
    offset: u64,
}

impl Follow {
    /// Follows the start whose directory is `dir`, from what is captured next.
    pub fn from_end(dir: &Path) -> Self {
        let mut follow = Self::from_start(dir);
        follow.reopen();
        if let Some(file) = &follow.file {
            follow.offset = file.metadata().map_or(0, |data| data.len());
        }
        follow
    }

    /// Follows from the beginning of the current file.
    pub fn from_start(dir: &Path) -> Self {
        Self {
            path: dir.join(LOG_DIR).join(CURRENT),
            file: None,
            inode: 0,
            offset: 0,
        }
    }

    /// What has come since the last call, at most 4 MiB; empty when nothing has. Blocks for a read only: call it
    /// a few times a second. A file that was rotated twice between two calls is lost to the follower.
    pub fn read(&mut self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        self.read_open(&mut lines)?;
        let current = std::fs::metadata(&self.path).map(|data| data.ino());
        if current.is_ok_and(|inode| inode != self.inode) {
            self.reopen();
            self.read_open(&mut lines)?;
        }
        Ok(lines)
    }

    fn reopen(&mut self) {
        self.file = File::open(&self.path).ok();
        self.offset = 0;
        let data = self.file.as_ref().and_then(|file| file.metadata().ok());
        self.inode = data.map_or(0, |data| data.ino());
    }

    fn read_open(&mut self, lines: &mut Vec<Line>) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(MAX_READ).read_to_end(&mut bytes)?;
        self.offset += parse(&bytes, lines) as u64;
        Ok(())
    }
}
