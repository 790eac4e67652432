//! Framed messages: four bytes of length, big end first, and that many bytes of JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest message in bytes. Control messages are documents of at most a few hundred replicas at about 1 KiB
/// each; what is larger travels as a file.
pub const MAX_LEN: usize = 1 << 20;

/// Why a message was not passed.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other end closed between two messages.
    #[error("the connection was closed")]
    Closed,
    /// The length exceeds [`MAX_LEN`].
    #[error("a message of {0} bytes exceeds the bound of {MAX_LEN}")]
    TooLong(usize),
    /// The bytes are no message of the expected kind.
    #[error("the message cannot be understood")]
    Json(#[from] serde_json::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[from] io::Error),
}

/// The bytes of one message, length included.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let len = bytes.len() - 4;
    let prefix = u32::try_from(len).map_err(|_| FrameError::TooLong(len))?;
    if len > MAX_LEN {
        return Err(FrameError::TooLong(len));
    }
    bytes[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(bytes)
}

/// Sends one message.
pub fn write(stream: &mut impl Write, message: &impl Serialize) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?)?;
    Ok(stream.flush()?)
}

/// Receives one message. Give the stream a read timeout: this waits for as long as the stream does.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<T, FrameError> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).map_err(closed)?;
    let mut bytes = vec![0; checked_len(prefix)?];
    stream.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Sends one message. Cancelled in the middle, the stream is of no further use.
pub async fn write_async(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?).await?;
    Ok(stream.flush().await?)
}

/// Receives one message; the caller sets the deadline. Cancelled in the middle, the stream is of no further use.
pub async fn read_async<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<T, FrameError> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.map_err(closed)?;
    let mut bytes = vec![0; checked_len(prefix)?];
    stream.read_exact(&mut bytes).await?;
    Ok(serde_json::from_slice(&bytes)?)
}

fn checked_len(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let len = u32::from_be_bytes(prefix) as usize;
    if len > MAX_LEN {
        return Err(FrameError::TooLong(len));
    }
    Ok(len)
}

fn closed(error: io::Error) -> FrameError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        FrameError::Closed
    } else {
        FrameError::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_both_kinds_of_stream() {
        let bytes = encode(&vec!["a", "b"]).unwrap();
        assert_eq!(
            read::<Vec<String>>(&mut bytes.as_slice()).unwrap(),
            ["a", "b"]
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let back: Vec<String> = runtime.block_on(read_async(&mut bytes.as_slice())).unwrap();
        assert_eq!(back, ["a", "b"]);
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_it_is_allocated() {
        let mut bytes: &[u8] = &[0xff, 0xff, 0xff, 0xff];
        assert!(matches!(
            read::<u8>(&mut bytes),
            Err(FrameError::TooLong(0xffff_ffff))
        ));
        assert!(matches!(
            encode(&"x".repeat(MAX_LEN)),
            Err(FrameError::TooLong(_))
        ));
    }

    #[test]
    fn an_end_between_messages_is_told_from_an_end_within_one() {
        assert!(matches!(
            read::<u8>(&mut [].as_slice()),
            Err(FrameError::Closed)
        ));
        let bytes = encode(&"abc").unwrap();
        assert!(matches!(
            read::<String>(&mut &bytes[..6]),
            Err(FrameError::Io(_))
        ));
    }
}
