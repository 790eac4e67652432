//! Capturing a program's output: lines, stamped, in a file that is rotated at a bound. Nobody reads through
//! the shim, so
//! no slow reader can hold the program up; a full disk costs lines, which are counted, and not time.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use plimsoll_bundle::local::LogSpec;
use plimsoll_stdx::clock::{rfc3339, unix_ms};
use plimsoll_stdx::fs::PRIVATE_FILE;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use crate::logs::{CURRENT, MAX_LINE, PREVIOUS, Stream};
use crate::record::LOG_DIR;

/// The least that is kept, whatever the orders say: four records of the longest kind per file.
const MIN_BYTES: u64 = 128 * 1024;
/// A pipe holds 64 KiB, so one read empties it.
const READ: usize = 64 * 1024;
/// Records are written together up to this size, so that a batch of short lines, which grows by its stamps, stays well
/// below the bound of a file.
const BATCH: usize = 16 * 1024;

/// The file of both streams.
#[derive(Debug)]
pub(crate) struct Output {
    dir: PathBuf,
    /// Bytes per file, of which there are two.
    bound: u64,
    keep: Duration,
    file: Option<File>,
    len: u64,
    /// Lines that could not be written.
    pub(crate) lost: u64,
}

/// One stream of a program, and the line that is not yet whole.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) pipe: PipeReader,
    stream: Stream,
    pending: Vec<u8>,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Open,
    Ended,
}

impl Source {
    pub(crate) fn new(pipe: PipeReader, stream: Stream) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(pipe.as_fd(), true)?;
        Ok(Self {
            pipe,
            stream,
            pending: Vec::new(),
        })
    }

    /// Takes what is there.
    pub(crate) fn drain(&mut self, output: &mut Output) -> Flow {
        let mut buffer = Vec::with_capacity(READ);
        match rustix::io::read(&self.pipe, spare_capacity(&mut buffer)) {
            Ok(0) => {
                self.flush(output);
                Flow::Ended
            }
            Ok(_) => {
                self.take(&buffer, output);
                Flow::Open
            }
            Err(Errno::AGAIN | Errno::INTR) => Flow::Open,
            Err(_) => Flow::Ended,
        }
    }

    fn take(&mut self, bytes: &[u8], output: &mut Output) {
        let mut records = Records::now(self.stream);
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.pending.extend_from_slice(part);
            while self.pending.len() > MAX_LINE {
                let rest = self.pending.split_off(MAX_LINE);
                let ends = rest == b"\n";
                records.add(&self.pending, if ends { "F" } else { "P" });
                self.pending = if ends { Vec::new() } else { rest };
            }
            if let Some(line) = self.pending.strip_suffix(b"\n") {
                records.add(line, "F");
                self.pending.clear();
            }
            if records.bytes.len() > BATCH {
                output.write(&records);
                records.clear();
            }
        }
        output.write(&records);
    }

    /// The last line of a stream may have no end.
    fn flush(&mut self, output: &mut Output) {
        if !self.pending.is_empty() {
            let mut records = Records::now(self.stream);
            records.add(&self.pending, "F");
            self.pending.clear();
            output.write(&records);
        }
    }
}

/// Records that were read together and have one time.
struct Records {
    head: String,
    bytes: Vec<u8>,
    count: u64,
}

impl Records {
    fn now(stream: Stream) -> Self {
        let time = rfc3339(unix_ms(SystemTime::now()));
        Self {
            head: format!("{time} {}", stream.as_str()),
            bytes: Vec::new(),
            count: 0,
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    fn add(&mut self, line: &[u8], tag: &str) {
        self.bytes.extend_from_slice(self.head.as_bytes());
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(tag.as_bytes());
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.count += 1;
    }
}

impl Output {
    /// Goes on in the folder [`LOG_DIR`] of `dir`, with the first line: many programs never write one.
    pub(crate) fn open(dir: &Path, spec: &LogSpec) -> Self {
        Self {
            dir: dir.join(LOG_DIR),
            bound: spec.max_bytes.max(MIN_BYTES) / 2,
            keep: Duration::from_millis(spec.keep_ms),
            file: None,
            len: 0,
            lost: 0,
        }
    }

    fn reopen(&mut self) {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(PRIVATE_FILE)
            .open(self.dir.join(CURRENT));
        self.file = file.ok();
        let data = self.file.as_ref().and_then(|file| file.metadata().ok());
        self.len = data.map_or(0, |data| data.len());
    }

    fn write(&mut self, records: &Records) {
        if records.count == 0 {
            return;
        }
        if self.file.is_none() {
            self.reopen();
        }
        let added = records.bytes.len() as u64;
        if self.len > 0 && self.len + added > self.bound {
            self.rotate();
        }
        let written = match &mut self.file {
            Some(file) => file.write_all(&records.bytes).is_ok(),
            None => false,
        };
        if written {
            self.len += added;
        } else {
            self.lost += records.count;
            self.file = None;
        }
    }

    fn rotate(&mut self) {
        // Where the rename fails the file is cut: the bound holds in any case.
        if std::fs::rename(self.dir.join(CURRENT), self.dir.join(PREVIOUS)).is_err()
            && let Some(file) = &self.file
        {
            let _ = file.set_len(0);
        }
        self.reopen();
    }

    /// A line of ours, among the program's errors.
    pub(crate) fn note(&mut self, text: &str) {
        let mut records = Records::now(Stream::Stderr);
        records.add(text.as_bytes(), "F");
        self.write(&records);
    }

    /// Removes the file before once it is older than the orders keep it.
    pub(crate) fn expire(&self) {
        let path = self.dir.join(PREVIOUS);
        let age = std::fs::metadata(&path)
            .and_then(|data| data.modified())
            .ok()
            .and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > self.keep) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Follow, tail};

    fn captured(max_bytes: u64, write: impl FnOnce(&mut io::PipeWriter)) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(LOG_DIR)).unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut output = Output::open(
            dir.path(),
            &LogSpec {
                max_bytes,
                keep_ms: 1000,
            },
        );
        let mut source = Source::new(reader, Stream::Stdout).unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while source.drain(&mut output) == Flow::Open {
                    std::thread::yield_now();
                }
            });
            write(&mut writer);
            drop(writer);
            reader.join().unwrap();
        });
        assert_eq!(output.lost, 0);
        dir
    }

    #[test]
    fn lines_come_back_as_written_and_the_last_needs_no_end() {
        let dir = captured(1 << 20, |writer| {
            writer.write_all(b"one\n\n  three \nlast").unwrap();
        });
        let lines = tail(dir.path(), 10).unwrap();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one", "", "  three ", "last"]);
        assert!(
            lines
                .iter()
                .all(|line| line.stream == Stream::Stdout && !line.partial)
        );
        assert_eq!(tail(dir.path(), 1).unwrap()[0].text, "last");
    }

    #[test]
    fn a_line_beyond_the_bound_is_cut_and_says_so_and_nothing_is_lost() {
        for len in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE] {
            let line = "x".repeat(len);
            let text = format!("{line}\nnext\n");
            let dir = captured(1 << 20, |writer| writer.write_all(text.as_bytes()).unwrap());
            let lines = tail(dir.path(), 10).unwrap();
            let (last, first) = lines.split_last().unwrap();
            assert_eq!(last.text, "next");
            let joined: String = first.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(joined, line, "{len}");
            let tags: Vec<bool> = first.iter().map(|line| line.partial).collect();
            let (end, before) = tags.split_last().unwrap();
            assert!(
                !end && before.iter().all(|&partial| partial),
                "{len}: {tags:?}"
            );
        }
    }

    #[test]
    fn two_files_hold_the_bound_and_the_newest_lines() {
        let dir = captured(MIN_BYTES, |writer| {
            for number in 0..20_000 {
                writeln!(writer, "line {number}").unwrap();
            }
        });
        let logs = dir.path().join(LOG_DIR);
        let sizes: Vec<u64> = [CURRENT, PREVIOUS]
            .iter()
            .map(|name| std::fs::metadata(logs.join(name)).unwrap().len())
            .collect();
        assert!(sizes.iter().sum::<u64>() <= MIN_BYTES, "{sizes:?}");
        assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 2);
        let lines = tail(dir.path(), 2).unwrap();
        assert_eq!(lines[1].text, "line 19999");
    }

    #[test]
    fn a_follower_sees_every_line_through_a_rotation() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(LOG_DIR)).unwrap();
        let mut output = Output::open(
            dir.path(),
            &LogSpec {
                max_bytes: 0,
                keep_ms: 1000,
            },
        );
        let mut follow = Follow::from_start(dir.path());
        let mut seen = Vec::new();
        for number in 0..6_000 {
            let mut records = Records::now(Stream::Stderr);
            records.add(format!("line {number}").as_bytes(), "F");
            output.write(&records);
            if number % 100 == 0 {
                seen.extend(follow.read().unwrap().into_iter().map(|line| line.text));
            }
        }
        seen.extend(follow.read().unwrap().into_iter().map(|line| line.text));
        let expected: Vec<String> = (0..6_000).map(|number| format!("line {number}")).collect();
        assert_eq!(seen, expected);
    }
}
