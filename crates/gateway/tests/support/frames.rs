//! HTTP/2 by hand: frames as bytes, so that a test can send what no library would.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The preface and empty settings.
pub(crate) fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes
}

/// A literal header that no table keeps, with a name and a value of less than 127 bytes.
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        assert!(text.len() < 127);
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.as_bytes());
    }
    block
}

/// A request's header block: method by index (2 is GET, 3 is POST), https, app.localhost, `path`.
pub(crate) fn head(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![0x80 | method, 0x87];
    block.extend(literal(":path", path));
    block.extend(literal(":authority", "app.localhost"));
    block
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The next frame; `None` when the connection ends.
pub(crate) async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff,
        payload,
    })
}

/// Writes as far as the other side takes it; whether it took all.
pub(crate) async fn write(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// The status of the answer on a stream, where its block starts with an indexed or a literal `:status`; 0 when the
/// stream or the connection ends without one.
pub(crate) async fn status(stream: &mut TlsStream<TcpStream>, id: u32) -> u16 {
    while let Some(frame) = read(stream).await {
        match frame.kind {
            GOAWAY => return 0,
            RST_STREAM if frame.stream == id => return 0,
            HEADERS if frame.stream == id => return of_block(&frame.payload),
            _ => {}
        }
    }
    0
}

fn of_block(block: &[u8]) -> u16 {
    match block[0] {
        0x88 => 200,
        0x89 => 204,
        0x8a => 206,
        0x8b => 304,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        // A literal with an indexed name (8 to 14), its value plain or in Huffman's code.
        _ => {
            let (length, value) = (usize::from(block[1] & 0x7f), &block[2..]);
            let value = &value[..length];
            if block[1] & 0x80 == 0 {
                return std::str::from_utf8(value).unwrap().parse().unwrap();
            }
            huffman_digits(value)
        }
    }
}

/// Digits in the code of RFC 7541: 0 to 2 have five bits, 3 to 9 six.
fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum * 2 + u16::from(*bit));
    let (mut at, mut value) = (0, 0);
    while at + 5 <= bits.len() {
        let five = number(&bits[at..at + 5]);
        if five <= 2 {
            (value, at) = (value * 10 + five, at + 5);
        } else if at + 6 <= bits.len() {
            let six = number(&bits[at..at + 6]);
            if !(25..=31).contains(&six) {
                break;
            }
            (value, at) = (value * 10 + six - 25 + 3, at + 6);
        } else {
            break;
        }
    }
    value
}
