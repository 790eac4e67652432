//! A client that shows the bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Debug, Default, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(key, _)| key == name);
        same.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a request on a connection of its own and reads the answer.
pub(crate) fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    read_answer(&mut stream, request.starts_with("HEAD")).expect("an answer")
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    get_with(address, path, "")
}

pub(crate) fn get_with(address: SocketAddr, path: &str, headers: &str) -> Answer {
    send(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: a.test\r\n{headers}\r\n"),
    )
}

/// Reads one answer; `None` when the connection ends before its head is complete, or in mid-body.
pub(crate) fn read_answer(stream: &mut impl Read, head_only: bool) -> Option<Answer> {
    let head = read_head(stream)?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if head_only || status == 204 || status == 304 || status < 200 {
        return Some(answer);
    }
    if let Some(length) = answer.header("content-length") {
        answer.body = vec![0; length.parse().ok()?];
        stream.read_exact(&mut answer.body).ok()?;
    } else if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let chunk = read_chunk(stream)?;
            if chunk.is_empty() {
                break;
            }
            answer.body.extend(chunk);
        }
    } else {
        stream.read_to_end(&mut answer.body).ok()?;
    }
    Some(answer)
}

pub(crate) fn read_head(stream: &mut impl Read) -> Option<String> {
    read_until(stream, b"\r\n\r\n")
}

/// A chunk, empty when it is the last one; `None` when the connection ends.
pub(crate) fn read_chunk(stream: &mut impl Read) -> Option<Vec<u8>> {
    let line = read_until(stream, b"\r\n")?;
    let size = usize::from_str_radix(line.trim(), 16).ok()?;
    let mut chunk = vec![0; size + 2];
    stream.read_exact(&mut chunk).ok()?;
    chunk.truncate(size);
    Some(chunk)
}

fn read_until(stream: &mut impl Read, end: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end) {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    bytes.truncate(bytes.len() - end.len());
    String::from_utf8(bytes).ok()
}
