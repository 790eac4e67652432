//! Recomputing a chain from its first line to its last.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use plimsoll_stdx::fs::at;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ChainError, HEAD_FORMAT, Head, LINE_MAX, Linked, digest, head_path};
use crate::state::{self, Format, Header};

/// Faults that are kept: one broken place is enough to distrust what follows, and a file of noise has thousands.
const FAULTS_MAX: usize = 32;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<T> {
    /// Its number, from 1.
    pub seq: u64,
    /// Its digest: what the next line names.
    pub digest: String,
    /// What it says.
    pub record: T,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line of the file, from 1.
    pub line: u64,
    /// What does not fit.
    pub what: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Records that were read.
    pub records: u64,
    /// The digest of the last line, to be kept where a writer of the log cannot reach.
    pub head: String,
    /// What does not fit, in the order of the file. Empty: every line is as it was written.
    pub faults: Vec<Fault>,
}

impl Check {
    fn fault(&mut self, line: u64, what: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            let what = what.into();
            self.faults.push(Fault { line, what });
        }
    }
}

/// Reads the whole log, gives each record that can be read to `each`, and says what does not fit. Memory stays the
/// same however long the log is.
pub fn check<T: DeserializeOwned>(
    path: &Path,
    format: Format,
    mut each: impl FnMut(Line<T>),
) -> Result<Check, ChainError> {
    let file = File::open(path).map_err(at("open", path))?;
    let mut reader = BufReader::new(file);
    let mut found = Check {
        records: 0,
        head: String::new(),
        faults: Vec::new(),
    };
    let (mut number, mut seq) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = reader.by_ref().take(LINE_MAX as u64 + 1);
        if bounded
            .read_until(b'\n', &mut line)
            .map_err(at("read", path))?
            == 0
        {
            break;
        }
        number += 1;
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            let torn = "it has no end: a write was interrupted, or the line is too long";
            found.fault(number, torn);
            break;
        }
        if number == 1 {
            first(&line, format, &mut found);
        } else {
            seq = linked(&line, (number, seq), &mut found, &mut each);
        }
        found.head = digest(&line);
    }
    ended(path, number, seq, &mut found)?;
    Ok(found)
}

fn first(line: &[u8], format: Format, found: &mut Check) {
    match serde_json::from_slice::<Header>(line) {
        Ok(header) if header.format != format.name => {
            found.fault(1, format!("this is a {} file", header.format));
        }
        Ok(header) if header.version > format.version => {
            let (version, tool) = (header.version, header.tool);
            found.fault(
                1,
                format!("version {version}: use plimsoll {tool} or newer"),
            );
        }
        Ok(_) => {}
        Err(_) => found.fault(
            1,
            format!("the line that begins a {} is not there", format.name),
        ),
    }
}

/// One record; its number.
fn linked<T: DeserializeOwned>(
    line: &[u8],
    (number, before): (u64, u64),
    found: &mut Check,
    each: &mut impl FnMut(Line<T>),
) -> u64 {
    let Ok(linked) = serde_json::from_slice::<Linked>(line) else {
        found.fault(number, "it is no record");
        return before + 1;
    };
    if linked.seq != before + 1 {
        let what = format!("it has the number {}, not {}", linked.seq, before + 1);
        found.fault(number, what);
    }
    if linked.prev != found.head {
        found.fault(
            number,
            "the line before it is not the one that it was written after",
        );
    }
    found.records += 1;
    match serde_json::from_slice(line) {
        Ok(record) => each(Line {
            seq: linked.seq,
            digest: digest(line),
            record,
        }),
        Err(error) => found.fault(number, format!("it cannot be read: {error}")),
    }
    linked.seq
}

/// Compares the end with the head.
fn ended(path: &Path, lines: u64, seq: u64, found: &mut Check) -> Result<(), ChainError> {
    let recorded = match state::load::<Head>(&head_path(path), HEAD_FORMAT) {
        Ok(head) => head,
        Err(error) if error.is_not_found() => {
            found.fault(
                lines,
                "the head beside the log is missing: lines may have been cut off",
            );
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let same = recorded.seq == seq && recorded.digest == found.head;
    // One more than the head knows: the writer was killed between the two, and the chain vouches for the line.
    let one_more = recorded.seq + 1 == seq;
    if !same && !one_more {
        let what = format!(
            "the log ends with number {seq}, and the head beside it knows of {}",
            recorded.seq
        );
        found.fault(lines, what);
    }
    Ok(())
}
