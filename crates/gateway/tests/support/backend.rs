//! A replica: a small real server, one thread per connection, that does what the path asks for.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http1::{read_chunk, read_head};

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    open: Mutex<Vec<TcpStream>>,
    requests: AtomicU64,
    dead: AtomicBool,
    delay_ms: AtomicU64,
    unready: AtomicBool,
}

impl Backend {
    pub(crate) fn start() -> Self {
        Self::start_slow(0)
    }

    /// Each answer takes so long.
    pub(crate) fn start_slow(delay_ms: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        state.delay_ms.store(delay_ms, Ordering::Relaxed);
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if shared.dead.load(Ordering::SeqCst) {
                    return;
                }
                shared
                    .open
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(&state, stream, address.port()));
            }
        });
        Self { address, state }
    }

    /// As SIGKILL: every connection is cut wherever it is, and new ones are refused.
    pub(crate) fn kill(&self) {
        self.state.dead.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.state.unready.store(!ready, Ordering::SeqCst);
    }

    /// Requests but for probes.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(state: &State, mut stream: TcpStream, port: u16) {
    let _ = stream.set_nodelay(true);
    while let Some(head) = read_head(&mut stream) {
        if head.starts_with("GET /readyz ") {
            let unready = state.unready.load(Ordering::SeqCst);
            let status = if unready {
                "503 Service Unavailable"
            } else {
                "200 OK"
            };
            if write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").is_err() {
                return;
            }
            continue;
        }
        state.requests.fetch_add(1, Ordering::SeqCst);
        let Some(body) = read_body(&head, &mut stream) else {
            // A body that was broken off is seen as far as it came.
            return;
        };
        let seen = Seen {
            head: head.clone(),
            body,
        };
        state.seen.lock().unwrap().push(seen.clone());
        std::thread::park_timeout(Duration::from_millis(
            state.delay_ms.load(Ordering::Relaxed),
        ));
        if answer(&seen, &mut stream, port).is_err() {
            return;
        }
    }
}

fn read_body(head: &str, stream: &mut TcpStream) -> Option<Vec<u8>> {
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let chunk = read_chunk(stream)?;
            if chunk.is_empty() {
                return Some(body);
            }
            body.extend(chunk);
        }
    }
    let length = lower
        .split("content-length: ")
        .nth(1)
        .map_or("0", |rest| rest.split("\r\n").next().unwrap());
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn answer(seen: &Seen, stream: &mut TcpStream, port: u16) -> std::io::Result<()> {
    let path = seen.head.split(' ').nth(1).unwrap_or("/");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let last = path.rsplit('/').next().unwrap_or(path);
    if let Some(wanted) = header(&seen.head, "x-answer") {
        return as_asked(seen, &wanted, stream);
    }
    if let Some(status) = path.strip_prefix("/status/") {
        return write!(
            stream,
            "HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n"
        );
    }
    match last {
        "events" => events(stream, query),
        "ws" => websocket(&seen.head, stream),
        "half" => {
            // Dies in mid-body.
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf"
            )?;
            stream.shutdown(Shutdown::Both)
        }
        "gone" => stream.shutdown(Shutdown::Both),
        "old" => {
            write!(stream, "HTTP/1.0 200 OK\r\nserver: old\r\n\r\nold")?;
            stream.shutdown(Shutdown::Both)
        }
        "never" => loop {
            // Until the other side hangs up.
            if stream.read(&mut [0])? == 0 {
                return Ok(());
            }
        },
        "json" => {
            let size: usize = query.parse().unwrap_or(2000);
            let body = format!("{{\"text\":\"{}\"}}", "abc ".repeat(size / 4));
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: \"e\"\r\n\
                 access-control-allow-origin: *\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        _ => {
            let body = format!("{port} {} {}", path, seen.body.len());
            let shown = if seen.head.starts_with("HEAD") {
                ""
            } else {
                body.as_str()
            };
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nx-port: {port}\r\nkeep-alive: timeout=5\r\ncontent-length: {}\r\n\r\n{shown}",
                body.len()
            )
        }
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut pairs = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

/// An answer with the headers that the request names (`NAME: VALUE|NAME: VALUE`), and 304 where its tag is asked about.
/// A body of `x-size` bytes, or the request's own id.
fn as_asked(seen: &Seen, wanted: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let headers = wanted.replace('|', "\r\n");
    let tag = wanted.split('|').find_map(|one| one.strip_prefix("etag: "));
    let asked = header(&seen.head, "if-none-match");
    if asked.is_some() && asked.as_deref() == tag {
        return write!(stream, "HTTP/1.1 304 Not Modified\r\n{headers}\r\n\r\n");
    }
    let size = header(&seen.head, "x-size").and_then(|size| size.parse().ok());
    let body = match size {
        Some(size) => "z".repeat(size),
        None => header(&seen.head, "x-request-id").unwrap_or_default(),
    };
    let length = body.len();
    let shown = if seen.head.starts_with("HEAD") {
        ""
    } else {
        body.as_str()
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\n{headers}\r\ncontent-length: {length}\r\n\r\n{shown}"
    )
}

/// Two events; the second one only after a byte has come back on a connection to the port of the query.
fn events(stream: &mut TcpStream, query: &str) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
          9\r\ndata: 1\n\n\r\n",
    )?;
    if let Ok(port) = query.parse::<u16>() {
        let mut gate = TcpStream::connect(("127.0.0.1", port))?;
        gate.read_exact(&mut [0])?;
    } else {
        // An endless stream, until somebody hangs up.
        while stream.read(&mut [0])? != 0 {}
        return Ok(());
    }
    stream.write_all(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
}

/// Echoes bytes, frame or not, and starts with an unmasked text frame "hi".
fn websocket(head: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    if !head.to_ascii_lowercase().contains("upgrade: websocket") {
        return stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n");
    }
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
          sec-websocket-accept: x\r\n\r\n\x81\x02hi",
    )?;
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.shutdown(Shutdown::Both),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}
