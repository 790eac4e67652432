//! Asking a server in its own protocol whether it takes work.

use std::io;
use std::path::Path;

use plimsoll_stdx::net::unix;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// PostgreSQL's name for its socket without TCP port.
const POSTGRES_SOCKET: &str = ".s.PGSQL.5432";
/// Protocol 3.0.
const POSTGRES_PROTOCOL: i32 = 196_608;
/// A refusal of PostgreSQL is a handful of short fields; an answer of Redis to a ping is one line.
const ANSWER_MAX: usize = 4096;

/// Sends a start-up packet for `user` and `database`. A server that takes connections asks for a password (`R`); one
/// that starts, stops or recovers refuses with an error.
pub(crate) async fn postgres(dir: &Path, user: &str, database: &str) -> Result<(), String> {
    let mut stream = connect(dir, POSTGRES_SOCKET)?;
    stream
        .write_all(&startup_packet(user, database))
        .await
        .map_err(|error| error.to_string())?;
    let mut kind = [0; 1];
    stream
        .read_exact(&mut kind)
        .await
        .map_err(|error| error.to_string())?;
    match kind[0] {
        b'R' => {
            // Read to its end: a connection that is closed with something unread is a reset, which the server logs.
            let _ = body(&mut stream).await;
            Ok(())
        }
        b'E' => Err(refusal(&mut stream).await),
        other => Err(format!("answered with message {:?}", char::from(other))),
    }
}

/// Logs in and sends `PING`. A server that reads its data back says `LOADING` until it has.
pub(crate) async fn redis(dir: &Path, password: &str) -> Result<(), String> {
    let mut stream = connect(dir, super::redis::SOCKET)?;
    let request = format!(
        "*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n*1\r\n$4\r\nPING\r\n",
        password.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    while answer.split(|byte| *byte == b'\n').count() < 3 && answer.len() < ANSWER_MAX {
        if stream
            .read_buf(&mut answer)
            .await
            .map_err(|error| error.to_string())?
            == 0
        {
            break;
        }
    }
    judge_redis(&String::from_utf8_lossy(&answer))
}

fn judge_redis(answer: &str) -> Result<(), String> {
    let mut lines = answer.lines();
    match (lines.next(), lines.next()) {
        (Some("+OK"), Some("+PONG")) => Ok(()),
        (Some("+OK"), Some(other)) | (Some(other), _) => {
            Err(other.trim_start_matches('-').to_owned())
        }
        (None, _) => Err("closed the connection".into()),
    }
}

fn connect(dir: &Path, name: &str) -> Result<UnixStream, String> {
    let connected = || -> io::Result<UnixStream> {
        let stream = unix::connect(dir, name)?;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    };
    connected().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => "does not listen yet".into(),
        _ => error.to_string(),
    })
}

fn startup_packet(user: &str, database: &str) -> Vec<u8> {
    let mut body = POSTGRES_PROTOCOL.to_be_bytes().to_vec();
    for (key, value) in [("user", user), ("database", database)] {
        for text in [key, value] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
    }
    body.push(0);
    let len = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut packet = len.to_be_bytes().to_vec();
    packet.extend(body);
    packet
}

/// What follows the first byte of a message: its length, and so many bytes less four.
async fn body(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).await.ok()?;
    let len = (u32::from_be_bytes(len) as usize)
        .saturating_sub(4)
        .min(ANSWER_MAX);
    let mut fields = vec![0; len];
    stream.read_exact(&mut fields).await.ok()?;
    Some(fields)
}

/// The message of an error response: the field `M`.
async fn refusal(stream: &mut UnixStream) -> String {
    let fields = body(stream).await.unwrap_or_default();
    let message = fields
        .split(|byte| *byte == 0)
        .find(|field| field.first() == Some(&b'M'));
    message.map_or_else(
        || "refused".into(),
        |field| String::from_utf8_lossy(&field[1..]).into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_startup_packet_says_its_own_length() {
        let packet = startup_packet("shop", "db");
        assert_eq!(
            packet[..4],
            u32::try_from(packet.len()).unwrap().to_be_bytes()
        );
        assert!(packet.ends_with(b"database\0db\0\0"));
    }

    #[test]
    fn only_a_pong_after_a_login_counts() {
        assert_eq!(judge_redis("+OK\r\n+PONG\r\n"), Ok(()));
        let loading = "LOADING Redis is loading the dataset in memory";
        assert_eq!(
            judge_redis(&format!("+OK\r\n-{loading}\r\n")),
            Err(loading.into())
        );
        assert!(judge_redis("-WRONGPASS invalid\r\n-NOAUTH\r\n").is_err());
        assert!(judge_redis("").is_err());
    }

    #[test]
    fn a_server_that_is_not_there_is_not_ready_and_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let answers = runtime.block_on(async {
            (
                postgres(dir.path(), "u", "d").await,
                redis(dir.path(), "p").await,
            )
        });
        assert_eq!(
            answers,
            (
                Err("does not listen yet".into()),
                Err("does not listen yet".into())
            )
        );
    }
}
