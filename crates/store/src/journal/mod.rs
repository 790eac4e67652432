//! The journal: records that are durable one by one.
//!
//! A journal is a directory of segments `<number>.plmj`. The first line of a segment says what it is; every other
//! line is a record. Sequence numbers rise by one through all segments. [`Journal::compact`] begins a segment with a
//! snapshot, written as one atomic file, after which the older ones are not needed; replay starts at the newest
//! snapshot.
//!
//! A crash can leave a torn last line: it was never acknowledged, is dropped, and is reported. Damage anywhere else
//! is an error that names the file and the record, because to go on would be to guess.

mod line;
mod replay;

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{self, FsError, at};
use serde::Serialize;
use serde_json::Value;

pub use replay::{Record, Replay, TornTail};

use crate::crash::{CrashPoint, Side};

/// Longest payload of one record in bytes: a record names documents and does not hold them.
pub const MAX_RECORD: usize = 1 << 20;
/// A segment that is longer than this asks to be compacted ([`Journal::wants_compaction`]): replaying 4 MiB takes
/// below 50 ms, and a deploy writes some tens of records of 200 bytes.
pub const COMPACT_AT: u64 = 4 << 20;
/// Longest segment that is read, four times the size at which it should have been compacted.
pub const MAX_SEGMENT: u64 = 16 << 20;

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A record that was acknowledged cannot be read.
    #[error("journal {} is damaged at record {seq} (byte {offset})", path.display())]
    Damaged {
        /// Which segment.
        path: PathBuf,
        /// The sequence number that should be there.
        seq: u64,
        /// Where its line begins.
        offset: u64,
    },
    /// A newer tool wrote it.
    #[error("journal {} has version {found} and this tool reads up to {newest}: use a newer plimsoll", path.display())]
    Newer {
        /// Which segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that this tool reads.
        newest: u32,
    },
    /// The payload is no JSON or too long.
    #[error("the record cannot be written to the journal: {0}")]
    Payload(String),
    /// An earlier write failed and could not be taken back.
    #[error("journal {} takes no more records, because an earlier write failed half-way", .0.display())]
    Poisoned(PathBuf),
}

/// An open journal, positioned after its last record. One process holds it at a time: the caller has a lock.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    segment: u64,
    file: File,
    /// Bytes of the segment that are durable.
    len: u64,
    next_seq: u64,
    appended: u64,
    crash: Option<CrashPoint>,
    poisoned: bool,
}

impl Journal {
    /// Opens the journal in `dir`, which is created when missing, and replays it. A torn tail is cut off.
    pub fn open(dir: &Path) -> Result<(Self, Replay), JournalError> {
        fs::create_dir_private(dir)?;
        let (found, replay) = replay::read(dir)?;
        let Some(found) = found else {
            write_segment(dir, 1, &[])?;
            let (found, replay) = replay::read(dir)?;
            return Self::at_end(dir, found.unwrap_or_default(), replay);
        };
        Self::at_end(dir, found, replay)
    }

    fn at_end(
        dir: &Path,
        found: replay::Found,
        replay: Replay,
    ) -> Result<(Self, Replay), JournalError> {
        if found.valid_len == 0 {
            // Not even the first line of the segment is whole, so it never held a record.
            write_segment(dir, found.segment, &[])?;
        }
        let path = segment_path(dir, found.segment);
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(at("open", &path))?;
        if found.valid_len > 0 {
            file.set_len(found.valid_len).map_err(at("cut", &path))?;
            file.sync_all().map_err(at("flush", &path))?;
        }
        let len = file.seek(SeekFrom::End(0)).map_err(at("read", &path))?;
        remove_older(dir, found.first_needed)?;
        let journal = Self {
            dir: dir.to_owned(),
            segment: found.segment,
            file,
            len,
            next_seq: found.next_seq,
            appended: 0,
            crash: None,
            poisoned: false,
        };
        Ok((journal, replay))
    }

    /// Arms the crash seam.
    pub fn crash_at(&mut self, point: Option<CrashPoint>) {
        self.crash = point;
    }

    /// The sequence number that the next record gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether the segment has grown beyond [`COMPACT_AT`].
    pub fn wants_compaction(&self) -> bool {
        self.len > COMPACT_AT
    }

    /// Appends one record and returns its sequence number once it is durable.
    ///
    /// After an error the record is not in the journal. Where that cannot be made sure of, every later call fails
    /// with [`JournalError::Poisoned`], and opening the journal again decides.
    pub fn append(&mut self, record: &impl Serialize) -> Result<u64, JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned(self.path()));
        }
        let line = line::encode(self.next_seq, &payload(record)?);
        let count = self.appended + 1;
        if let Some(point) = self.crash {
            point.strike(count, Side::Before);
        }
        if let Err(error) = self.write(line.as_bytes()) {
            self.take_back();
            return Err(error);
        }
        if let Some(point) = self.crash {
            point.strike(count, Side::After);
        }
        let seq = self.next_seq;
        self.len += line.len() as u64;
        self.appended = count;
        self.next_seq += 1;
        Ok(seq)
    }

    /// Begins a segment that holds `snapshot` and nothing older. Its records get new sequence numbers. A crash
    /// leaves the old state or the new one.
    pub fn compact(&mut self, snapshot: &[impl Serialize]) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        for (seq, record) in (self.next_seq..).zip(snapshot) {
            lines.push((seq, payload(record)?));
        }
        write_snapshot(&self.dir, self.segment + 1, self.next_seq, &lines)?;
        let path = segment_path(&self.dir, self.segment + 1);
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(at("open", &path))?;
        self.len = file.seek(SeekFrom::End(0)).map_err(at("read", &path))?;
        self.file = file;
        self.segment += 1;
        self.next_seq += lines.len() as u64;
        self.poisoned = false;
        remove_older(&self.dir, self.segment)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let path = self.path();
        self.file.write_all(bytes).map_err(at("append to", &path))?;
        Ok(self.file.sync_data().map_err(at("flush", &path))?)
    }

    /// Removes what a failed write may have left, so that the next record does not follow half a line.
    fn take_back(&mut self) {
        let restored = self
            .file
            .set_len(self.len)
            .and_then(|()| self.file.seek(SeekFrom::Start(self.len)))
            .and_then(|_| self.file.sync_all());
        self.poisoned = restored.is_err();
    }

    fn path(&self) -> PathBuf {
        segment_path(&self.dir, self.segment)
    }
}

fn payload(record: &impl Serialize) -> Result<String, JournalError> {
    let json =
        serde_json::to_string(record).map_err(|error| JournalError::Payload(error.to_string()))?;
    if json.len() > MAX_RECORD {
        let reason = format!("{} bytes exceed the bound of {MAX_RECORD}", json.len());
        return Err(JournalError::Payload(reason));
    }
    Ok(json)
}

fn segment_path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment}.plmj"))
}

fn write_segment(dir: &Path, segment: u64, lines: &[(u64, String)]) -> Result<(), JournalError> {
    write_snapshot(dir, segment, 1, lines)
}

/// Writes a whole segment atomically: its first line and the snapshot's records.
fn write_snapshot(
    dir: &Path,
    segment: u64,
    first_seq: u64,
    lines: &[(u64, String)],
) -> Result<(), JournalError> {
    let opening = replay::Opening::new(segment, first_seq, lines.len() as u64);
    let value: Value = opening.into();
    let mut text = line::encode(0, &value.to_string());
    for (seq, json) in lines {
        text.push_str(&line::encode(*seq, json));
    }
    Ok(fs::write_atomic(
        &segment_path(dir, segment),
        text.as_bytes(),
    )?)
}

/// Removes segments that a snapshot has made needless.
fn remove_older(dir: &Path, first_needed: u64) -> Result<(), JournalError> {
    for segment in replay::segments(dir)? {
        if segment < first_needed {
            let path = segment_path(dir, segment);
            std::fs::remove_file(&path).map_err(at("remove", &path))?;
        }
    }
    Ok(fs::sync_dir(dir)?)
}

#[cfg(test)]
mod tests;
