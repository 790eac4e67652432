//! Reading a journal back.

use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{self, at};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JournalError, MAX_SEGMENT, line, segment_path};

const FORMAT: &str = "plimsoll.journal";
const VERSION: u32 = 1;

/// The payload of a segment's first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Opening {
    format: String,
    version: u32,
    segment: u64,
    /// The sequence number of the first record.
    first_seq: u64,
    /// How many records were written together with this line. They were never appended, so they cannot be torn.
    snapshot: u64,
}

impl Opening {
    pub(super) fn new(segment: u64, first_seq: u64, snapshot: u64) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            segment,
            first_seq,
            snapshot,
        }
    }
}

impl From<Opening> for Value {
    fn from(opening: Opening) -> Self {
        serde_json::json!({
            "format": opening.format,
            "version": opening.version,
            "segment": opening.segment,
            "first_seq": opening.first_seq,
            "snapshot": opening.snapshot,
        })
    }
}

/// What the journal held when it was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replay {
    /// Every record since the newest snapshot, oldest first.
    pub records: Vec<Record>,
    /// What a crash left half-written; to be said, since it is dropped.
    pub torn: Option<TornTail>,
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its sequence number.
    pub seq: u64,
    /// What was appended.
    pub value: Value,
}

/// The half-written end of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// Which segment.
    pub path: PathBuf,
    /// Bytes dropped.
    pub bytes: u64,
}

impl Record {
    /// The payload as a type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.value)
    }
}

/// Where the journal ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) segment: u64,
    pub(super) first_needed: u64,
    /// Bytes of the segment that are whole lines; 0 when not even the first is.
    pub(super) valid_len: u64,
    pub(super) next_seq: u64,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            segment: 1,
            first_needed: 1,
            valid_len: 0,
            next_seq: 1,
        }
    }
}

/// The numbers of the segments in `dir`, rising.
pub(super) fn segments(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(at("list", dir))? {
        let name = entry.map_err(at("list", dir))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".plmj"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads the newest segment: each one begins with a snapshot, so older ones only exist because a crash came
/// between writing a segment and removing its predecessor.
pub(super) fn read(dir: &Path) -> Result<(Option<Found>, Replay), JournalError> {
    let Some(segment) = segments(dir)?.pop() else {
        return Ok((None, Replay::default()));
    };
    let path = segment_path(dir, segment);
    let bytes = fs::read_bounded(&path, MAX_SEGMENT)?;
    let mut reader = Reader {
        path: &path,
        bytes: &bytes,
        offset: 0,
    };
    let Some(opening) = reader.opening(segment)? else {
        let torn = reader.torn();
        let found = Found {
            segment,
            first_needed: segment,
            ..Found::default()
        };
        return Ok((
            Some(found),
            Replay {
                records: Vec::new(),
                torn,
            },
        ));
    };
    let records = reader.records(&opening)?;
    let found = Found {
        segment,
        first_needed: segment,
        valid_len: reader.offset as u64,
        next_seq: opening.first_seq + records.len() as u64,
    };
    let torn = reader.torn();
    Ok((Some(found), Replay { records, torn }))
}

struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    /// Everything before is whole.
    offset: usize,
}

impl<'a> Reader<'a> {
    /// The line at the offset without its end, if it has one.
    fn line(&self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.offset..];
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        Some(&rest[..end])
    }

    /// The first line. Only segment 1 can lack it without loss: any other was written together with a snapshot.
    fn opening(&mut self, segment: u64) -> Result<Option<Opening>, JournalError> {
        let Some((0, json)) = self.line().and_then(line::decode) else {
            if segment == 1 && !self.is_followed_by_a_record() {
                return Ok(None);
            }
            return Err(self.damaged(0));
        };
        let opening: Opening = serde_json::from_str(json).map_err(|_| self.damaged(0))?;
        if opening.format != FORMAT {
            return Err(self.damaged(0));
        }
        if opening.version > VERSION {
            return Err(JournalError::Newer {
                path: self.path.to_owned(),
                found: opening.version,
                newest: VERSION,
            });
        }
        self.advance();
        Ok(Some(opening))
    }

    fn records(&mut self, opening: &Opening) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        loop {
            let seq = opening.first_seq + records.len() as u64;
            let whole = self.line().and_then(line::decode);
            match whole {
                Some((found, json)) if found == seq => {
                    let value = serde_json::from_str(json).map_err(|_| self.damaged(seq))?;
                    records.push(Record { seq, value });
                    self.advance();
                }
                // A whole line with another number: one is missing or doubled.
                Some(_) => return Err(self.damaged(seq)),
                None => {
                    let in_snapshot = (records.len() as u64) < opening.snapshot;
                    if in_snapshot || self.is_followed_by_a_record() {
                        return Err(self.damaged(seq));
                    }
                    return Ok(records);
                }
            }
        }
    }

    fn advance(&mut self) {
        self.offset += self.line().map_or(0, |line| line.len() + 1);
    }

    /// Whether any whole record comes after the line at the offset. Each record is flushed before the next is
    /// written, so a crash tears the last one only.
    fn is_followed_by_a_record(&self) -> bool {
        let rest = &self.bytes[self.offset..];
        rest.split(|&byte| byte == b'\n')
            .skip(1)
            .any(|line| line::decode(line).is_some())
    }

    fn torn(&self) -> Option<TornTail> {
        let bytes = (self.bytes.len() - self.offset) as u64;
        (bytes > 0).then(|| TornTail {
            path: self.path.to_owned(),
            bytes,
        })
    }

    fn damaged(&self, seq: u64) -> JournalError {
        JournalError::Damaged {
            path: self.path.to_owned(),
            seq,
            offset: self.offset as u64,
        }
    }
}
