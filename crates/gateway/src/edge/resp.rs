//! A small client of Redis: one connection per core, commands in a row, answers in the same order.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use plimsoll_files::path::decode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout};

/// Commands that are not answered yet. Beyond, whoever asks does without: at 20,000 requests a second that is 50 ms.
const MAX_WAITING: usize = 1024;
/// A connection on which nothing is answered for this long is dead.
const DEAD: Duration = Duration::from_secs(2);
/// Time for connecting and saying who we are.
const CONNECT: Duration = Duration::from_secs(2);
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest answer: a line of an error. What is longer is no Redis.
const MAX_ANSWER: usize = 16 * 1024;

/// Where a Redis is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    place: Place,
    password: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place.fmt(formatter)
    }
}

impl Address {
    /// Reads `redis://:PASSWORD@HOST:PORT` or `redis+unix:///PATH?pass=PASSWORD`, as services get it too.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("redis+unix://") {
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let pass = query.split('&').find_map(|pair| pair.strip_prefix("pass="));
            return Some(Self {
                place: Place::Unix(PathBuf::from(decode(path)?.as_ref())),
                password: pass.and_then(decoded),
            });
        }
        let rest = text.strip_prefix("redis://")?;
        let (who, place) = match rest.rsplit_once('@') {
            Some((who, place)) => (Some(who), place),
            None => (None, rest),
        };
        let place = place.split(['/', '?']).next().filter(|p| !p.is_empty())?;
        let has_port = place
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let place = if has_port {
            place.to_owned()
        } else {
            format!("{place}:6379")
        };
        let password = who.and_then(|who| decoded(who.split_once(':').map_or(who, |(_, p)| p)));
        Some(Self {
            place: Place::Tcp(place),
            password,
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    decode(text).map(std::borrow::Cow::into_owned)
}

/// What Redis says, as far as we ask it anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A number.
    Integer(i64),
    /// A refusal.
    Error(String),
    /// Something else.
    Other,
}

#[derive(Debug)]
struct Call {
    command: Vec<u8>,
    reply: oneshot::Sender<Reply>,
}

/// One core's connection to one Redis. It connects by itself, again and again.
#[derive(Debug)]
pub(crate) struct Link {
    calls: mpsc::Sender<Call>,
    state: Rc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_up: Cell<bool>,
    /// When the oldest command without an answer was sent.
    oldest: Cell<Option<Instant>>,
}

impl Link {
    /// A link that begins to connect. Needs the core's runtime.
    pub(crate) fn open(address: Address) -> Self {
        let (calls, called) = mpsc::channel(MAX_WAITING);
        let state = Rc::new(State::default());
        tokio::task::spawn_local(drive(address, called, Rc::clone(&state)));
        Self { calls, state }
    }

    /// Asks, for at most `budget`. `None` at once where there is no connection, or one that is late already.
    pub(crate) async fn ask(&self, command: Vec<u8>, budget: Duration) -> Option<Reply> {
        let oldest = self.state.oldest.get();
        let is_late = oldest.is_some_and(|oldest| oldest.elapsed() > budget);
        if !self.state.is_up.get() || is_late {
            return None;
        }
        let (reply, replied) = oneshot::channel();
        self.calls.try_send(Call { command, reply }).ok()?;
        timeout(budget, replied).await.ok()?.ok()
    }
}

/// A command as Redis reads it.
pub(crate) fn command(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

async fn drive(address: Address, mut calls: mpsc::Receiver<Call>, state: Rc<State>) {
    loop {
        let served = match timeout(CONNECT, connect(&address)).await {
            Ok(Ok(stream)) => {
                state.is_up.set(true);
                serve(stream, &mut calls, &state).await
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        state.is_up.set(false);
        state.oldest.set(None);
        // Nobody will answer these; who sent them decides without.
        while calls.try_recv().is_ok() {}
        if served.is_ok() || calls.is_closed() {
            return;
        }
        sleep(AGAIN).await;
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    let mut stream: Box<dyn Stream> = match &address.place {
        Place::Tcp(place) => {
            let stream = TcpStream::connect(place).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
    };
    if let Some(password) = &address.password {
        let hello = command(&[b"AUTH", password.as_bytes()]);
        stream.write_all(&hello).await?;
        let mut answer = Vec::new();
        loop {
            match take(&mut answer)? {
                Some(Reply::Error(_)) => return Err(io::ErrorKind::PermissionDenied.into()),
                Some(Reply::Integer(_) | Reply::Other) => break,
                None if stream.read_buf(&mut answer).await? > 0 => {}
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
    Ok(stream)
}

/// Until the connection breaks; `Ok` when nobody can ask any more.
async fn serve(
    mut stream: Box<dyn Stream>,
    calls: &mut mpsc::Receiver<Call>,
    state: &State,
) -> io::Result<()> {
    let mut waiting: VecDeque<(Instant, oneshot::Sender<Reply>)> = VecDeque::new();
    let mut input = Vec::new();
    loop {
        let oldest = waiting.front().map(|(since, _)| *since);
        state.oldest.set(oldest);
        let dead = oldest.unwrap_or_else(Instant::now) + DEAD;
        tokio::select! {
            call = calls.recv(), if waiting.len() < MAX_WAITING => {
                let Some(call) = call else { return Ok(()) };
                waiting.push_back((Instant::now(), call.reply));
                timeout(DEAD, stream.write_all(&call.command)).await??;
            }
            read = stream.read_buf(&mut input) => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                while let Some(reply) = take(&mut input)? {
                    let Some((_, asked)) = waiting.pop_front() else {
                        return Err(io::Error::other("an answer to no question"));
                    };
                    // Who asked may have decided without.
                    let _ = asked.send(reply);
                }
            }
            () = sleep_until(dead.into()), if oldest.is_some() => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Takes a complete answer from the start of `input`.
fn take(input: &mut Vec<u8>) -> io::Result<Option<Reply>> {
    let Some(end) = input.windows(2).position(|window| window == b"\r\n") else {
        if input.len() > MAX_ANSWER {
            return Err(io::Error::other("an endless answer"));
        }
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&input[..end]).into_owned();
    let (kind, rest) = line.split_at_checked(1).unwrap_or(("", ""));
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    let (reply, length) = match kind {
        ":" => (Reply::Integer(number()?), end + 2),
        "-" => (Reply::Error(rest.to_owned()), end + 2),
        "+" => (Reply::Other, end + 2),
        "$" => {
            let bytes = usize::try_from(number()?).map_or(0, |bytes| bytes + 2);
            (Reply::Other, end + 2 + bytes)
        }
        _ => return Err(io::Error::other("an answer of an unknown kind")),
    };
    if length > MAX_ANSWER {
        return Err(io::Error::other("an answer that is too long"));
    }
    if input.len() < length {
        return Ok(None);
    }
    input.drain(..length);
    Ok(Some(reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Place, Option<String>) {
        let address = Address::parse(text).unwrap();
        (address.place, address.password)
    }

    #[test]
    fn addresses_are_those_that_services_get() {
        let tcp = |place: &str| Place::Tcp(place.to_owned());
        assert_eq!(
            parsed("redis://:a%2Fb@cache:6380/0\n"),
            (tcp("cache:6380"), Some("a/b".into()))
        );
        assert_eq!(parsed("redis://cache"), (tcp("cache:6379"), None));
        assert_eq!(
            parsed("redis+unix:///run/r.sock?pass=x%3Dy"),
            (Place::Unix("/run/r.sock".into()), Some("x=y".into()))
        );
        for bad in ["", "http://x", "redis://"] {
            assert!(Address::parse(bad).is_none(), "{bad}");
        }
        let shown = format!("{:?}", Address::parse("redis://:secret@x").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn answers_are_taken_one_by_one_and_only_when_complete() {
        let mut input = b":-7\r\n-NOSCRIPT no\r\n+OK\r\n$3\r\nabc\r\n$-1\r\n:".to_vec();
        let mut seen = Vec::new();
        while let Some(reply) = take(&mut input).unwrap() {
            seen.push(reply);
        }
        let expected = [
            Reply::Integer(-7),
            Reply::Error("NOSCRIPT no".into()),
            Reply::Other,
            Reply::Other,
            Reply::Other,
        ];
        assert_eq!(seen, expected);
        assert_eq!(input, b":");
        assert!(take(&mut b"hello\r\n".to_vec()).is_err());
        assert!(take(&mut b"$99999999\r\n".to_vec()).is_err());
        assert!(take(&mut vec![b'-'; MAX_ANSWER + 1]).is_err());
    }

    #[test]
    fn a_command_says_the_length_of_each_part() {
        assert_eq!(
            command(&[b"GET", b"a b"]),
            b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n"
        );
    }
}
