//! The access log: one JSON object per line, written by hand into a buffer per core, given to one writing thread
//! when it is full or a second old.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use plimsoll_stdx::clock;

/// A buffer goes to the writer at this size.
const FLUSH_AT: usize = 64 * 1024;
/// Buffers that wait for the writer: 2 MiB. When the disk is slower than that, lines are lost and counted.
const MAX_WAITING: usize = 32;
/// A file is put aside at this size.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// Files put aside; with the one being written 64 MiB in all.
const MAX_ASIDE: u32 = 3;

/// What one line says.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) unix_ms: u64,
    pub(crate) request_id: &'a [u8],
    pub(crate) client: &'a [u8],
    pub(crate) protocol: &'static str,
    pub(crate) tls: bool,
    pub(crate) method: &'a str,
    pub(crate) host: &'a [u8],
    /// Without query: queries carry tokens.
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) micros: u64,
    pub(crate) route: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) retries: u32,
    /// Whether the client got the whole answer.
    pub(crate) complete: bool,
    /// Whether a line of the request's head ended without CR, as smuggling is tried.
    pub(crate) bare_end: bool,
}

/// One core's buffer.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    buffer: RefCell<Vec<u8>>,
    writer: SyncSender<Vec<u8>>,
    lost: Arc<AtomicU64>,
    second: RefCell<(u64, String)>,
}

/// The writing thread. It ends when every buffer is dropped.
#[derive(Debug)]
pub(crate) struct LogWriter {
    sender: SyncSender<Vec<u8>>,
    thread: JoinHandle<()>,
    lost: Arc<AtomicU64>,
}

impl LogWriter {
    /// Opens the log at `path` (0600) and starts the thread.
    pub(crate) fn start(path: &Path, lost: Arc<AtomicU64>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let mut log = LogFile::open(path)?;
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || log.write_all_of(&receiver))?;
        Ok(Self {
            sender,
            thread,
            lost,
        })
    }

    /// A buffer for one core.
    pub(crate) fn buffer(&self) -> LogBuffer {
        LogBuffer {
            buffer: RefCell::new(Vec::with_capacity(FLUSH_AT + 4096)),
            writer: self.sender.clone(),
            lost: Arc::clone(&self.lost),
            second: RefCell::default(),
        }
    }

    /// Waits until everything is written. The buffers must be gone.
    pub(crate) fn finish(self) {
        drop(self.sender);
        // A panic of the thread lost lines and nothing else.
        let _ = self.thread.join();
    }
}

impl LogBuffer {
    /// Adds a line.
    pub(crate) fn push(&self, line: &Line<'_>) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.extend_from_slice(b"{\"time\":\"");
        self.write_time(line.unix_ms, &mut buffer);
        write_line(line, &mut buffer);
        if buffer.len() >= FLUSH_AT {
            self.send(&mut buffer);
        }
    }

    /// Gives what is there to the writer.
    pub(crate) fn flush(&self) {
        let mut buffer = self.buffer.borrow_mut();
        if !buffer.is_empty() {
            self.send(&mut buffer);
        }
    }

    fn send(&self, buffer: &mut Vec<u8>) {
        let full = std::mem::replace(buffer, Vec::with_capacity(FLUSH_AT + 4096));
        match self.writer.try_send(full) {
            Ok(()) => {}
            Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) => {
                let count: u64 = lines.iter().map(|byte| u64::from(*byte == b'\n')).sum();
                self.lost.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// The text of a second is kept: at 20,000 requests per second it is used 20,000 times.
    fn write_time(&self, unix_ms: u64, into: &mut Vec<u8>) {
        let mut second = self.second.borrow_mut();
        if second.0 != unix_ms / 1000 || second.1.is_empty() {
            *second = (unix_ms / 1000, clock::rfc3339(unix_ms));
        }
        let text = second.1.as_bytes();
        into.extend_from_slice(&text[..text.len() - 4]);
        let millis = u16::try_from(unix_ms % 1000).unwrap_or(0);
        let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
        into.extend_from_slice(&[digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

fn write_line(line: &Line<'_>, into: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    // An id was checked, an address and a protocol are ours, and a method is a token.
    write_plain(b"\",\"request_id\":\"", line.request_id, into);
    write_plain(b"\",\"client\":\"", line.client, into);
    write_plain(b"\",\"protocol\":\"", line.protocol.as_bytes(), into);
    into.extend_from_slice(if line.tls {
        b"\",\"tls\":true"
    } else {
        b"\",\"tls\":false"
    });
    write_plain(b",\"method\":\"", line.method.as_bytes(), into);
    write_text(b"\",\"host\":\"", line.host, into);
    write_text(b"\",\"path\":\"", line.path.as_bytes(), into);
    write_text(b"\",\"route\":\"", line.route.as_bytes(), into);
    write_text(b"\",\"endpoint\":\"", line.endpoint.as_bytes(), into);
    into.extend_from_slice(b"\",\"status\":");
    into.extend_from_slice(digits.format(line.status).as_bytes());
    into.extend_from_slice(b",\"bytes\":");
    into.extend_from_slice(digits.format(line.bytes).as_bytes());
    into.extend_from_slice(b",\"us\":");
    into.extend_from_slice(digits.format(line.micros).as_bytes());
    if line.retries > 0 {
        into.extend_from_slice(b",\"retries\":");
        into.extend_from_slice(digits.format(line.retries).as_bytes());
    }
    if !line.complete {
        into.extend_from_slice(b",\"aborted\":true");
    }
    if line.bare_end {
        into.extend_from_slice(b",\"bare_lf\":true");
    }
    into.extend_from_slice(b"}\n");
}

fn write_plain(before: &[u8], text: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(before);
    into.extend_from_slice(text);
}

fn write_text(before: &[u8], text: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(before);
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
    if text.iter().all(plain) {
        into.extend_from_slice(text);
        return;
    }
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' => into.extend_from_slice(b"\\\""),
            '\\' => into.extend_from_slice(b"\\\\"),
            control if control < ' ' || control == '\x7f' => {
                into.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            other => into.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            size: file.metadata()?.len(),
            file,
        })
    }

    fn write_all_of(&mut self, buffers: &Receiver<Vec<u8>>) {
        for lines in buffers {
            if self.size + lines.len() as u64 > MAX_FILE && self.size > 0 {
                // Without a new file the old one is written on.
                let _ = self.put_aside();
            }
            if self.file.write_all(&lines).is_ok() {
                self.size += lines.len() as u64;
            }
        }
    }

    fn put_aside(&mut self) -> io::Result<()> {
        let aside = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..MAX_ASIDE).rev() {
            // The oldest ones may not be there yet.
            let _ = std::fs::rename(aside(number), aside(number + 1));
        }
        std::fs::rename(&self.path, aside(1))?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(path: &'a str, host: &'a [u8]) -> Line<'a> {
        Line {
            unix_ms: 1_795_259_138_007,
            request_id: b"abc",
            client: b"::1",
            protocol: "h2",
            tls: true,
            method: "GET",
            host,
            path,
            status: 200,
            bytes: 12,
            micros: 345,
            route: "api",
            endpoint: "backend-0-1",
            retries: 1,
            complete: false,
            bare_end: false,
        }
    }

    #[test]
    fn every_line_is_json_whatever_a_client_sends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let writer = LogWriter::start(&path, Arc::default()).unwrap();
        let buffer = writer.buffer();
        buffer.push(&line("/a", b"a.test"));
        buffer.push(&line("/\"\\\u{1}é", b"\xff\"\n"));
        drop(buffer);
        writer.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["time"], "2026-11-21T11:05:38.007Z");
        assert_eq!(lines[0]["status"], 200);
        assert_eq!(lines[0]["aborted"], true);
        assert_eq!(lines[1]["path"], "/\"\\\u{1}é");
    }

    #[test]
    fn files_are_put_aside_and_the_oldest_vanish() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let writer = LogWriter::start(&path, Arc::default()).unwrap();
        let half = usize::try_from(MAX_FILE / 2).unwrap();
        for _ in 0..14 {
            writer.sender.send(vec![b'x'; half]).unwrap();
        }
        writer.finish();
        let mut sizes: Vec<(String, u64)> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    entry.metadata().unwrap().len(),
                )
            })
            .collect();
        sizes.sort();
        let names: Vec<&str> = sizes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["access.log", "access.log.1", "access.log.2", "access.log.3"]
        );
        assert!(sizes.iter().all(|(_, size)| *size <= MAX_FILE));
    }
}
