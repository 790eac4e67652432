//! A small registry that does what the test says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use plimsoll_bundle::Digest;

/// A request, its head only.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

impl Seen {
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        (method.is_empty() || self.method == method) && self.path.contains(part)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What happens in place of, or to, the right answer.
pub(crate) enum Act {
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// So many bytes of the request's body arrive and are kept, then the connection breaks.
    BreakAfter(usize),
    /// The answer promises all its bytes and breaks off after so many.
    Cut(usize),
    /// The answer's body is changed.
    Change(fn(Vec<u8>) -> Vec<u8>),
    /// The answer gets one more header.
    Add(&'static str, String),
}

type Rule = Box<dyn FnMut(&Seen) -> Option<Act> + Send>;

#[derive(Default)]
struct State {
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, (String, Vec<u8>)>,
    uploads: HashMap<String, Vec<u8>>,
    next: usize,
    seen: Vec<Seen>,
    rule: Option<Rule>,
}

pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn answer(status: u16) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

impl Answer {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self::with(|_| None)
    }

    pub(crate) fn with(rule: impl FnMut(&Seen) -> Option<Act> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            rule: Some(Box::new(rule)),
            ..State::default()
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream.unwrap(), &state));
            }
        });
        Self {
            address,
            state,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn rule(&self, rule: impl FnMut(&Seen) -> Option<Act> + Send + 'static) {
        self.state.lock().unwrap().rule = Some(Box::new(rule));
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The name of an image here.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    pub(crate) fn seen(&self, method: &str, part: &str) -> Vec<Seen> {
        self.state
            .lock()
            .unwrap()
            .seen
            .iter()
            .filter(|one| one.is(method, part))
            .cloned()
            .collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.state.lock().unwrap().seen.clear();
    }

    pub(crate) fn manifest(&self, name: &str) -> Option<Vec<u8>> {
        self.state
            .lock()
            .unwrap()
            .manifests
            .get(name)
            .map(|(_, bytes)| bytes.clone())
    }

    pub(crate) fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) {
        self.state
            .lock()
            .unwrap()
            .manifests
            .insert(name.to_owned(), (media_type.to_owned(), bytes.to_vec()));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read_head(&mut reader) {
        let act = {
            let mut state = state.lock().unwrap();
            state.seen.push(seen.clone());
            let mut rule = state.rule.take().unwrap();
            let act = rule(&seen);
            state.rule = Some(rule);
            act
        };
        let length: usize = seen.header("content-length").parse().unwrap_or(0);
        let kept = if let Some(Act::BreakAfter(kept)) = act {
            kept.min(length)
        } else {
            length
        };
        let mut body = vec![0; kept];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let right = || state.lock().unwrap().answer(&seen, &body);
        let (answer, cut) = match act {
            None => (right(), usize::MAX),
            Some(Act::BreakAfter(_)) => {
                right();
                return;
            }
            Some(Act::Answer(status, headers, body)) => (
                Answer {
                    status,
                    headers,
                    body,
                },
                usize::MAX,
            ),
            Some(Act::Cut(cut)) => (right(), cut),
            Some(Act::Change(change)) => {
                let answer = right();
                (
                    Answer {
                        body: change(answer.body),
                        ..answer
                    },
                    usize::MAX,
                )
            }
            Some(Act::Add(name, value)) => {
                let mut answer = right();
                answer.headers.retain(|(other, _)| *other != name);
                (answer.with(name, value), usize::MAX)
            }
        };
        if write(stream, &seen, &answer, cut).is_err() || cut != usize::MAX {
            return;
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => {
                return Some(Seen {
                    method,
                    path,
                    headers,
                });
            }
        };
    }
}

fn write(mut stream: &TcpStream, seen: &Seen, answer: &Answer, cut: usize) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([*name, ": ", value, "\r\n"]);
    }
    if answer.status != 204 {
        let length = answer.body.len().to_string();
        head.extend(["content-length: ", &length, "\r\n"]);
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    if seen.method != "HEAD" {
        stream.write_all(&answer.body[..answer.body.len().min(cut)])?;
    }
    Ok(())
}

impl State {
    fn answer(&mut self, seen: &Seen, body: &[u8]) -> Answer {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let parts: Vec<&str> = path.trim_start_matches("/v2/").split('/').collect();
        let [.., kind, name] = parts[..] else {
            return answer(404);
        };
        match (seen.method.as_str(), kind) {
            ("POST", "uploads") => {
                self.next += 1;
                let id = format!("upload{}", self.next);
                self.uploads.insert(id.clone(), Vec::new());
                answer(202)
                    .with("location", format!("{path}{id}"))
                    .with("range", "0-0")
            }
            (method, "uploads") => self.upload(method, (path, name, query), seen, body),
            ("PUT", "manifests") => {
                let digest = Digest::of(body).to_string();
                for name in [name, &digest] {
                    self.manifests.insert(
                        name.to_owned(),
                        (seen.header("content-type").to_owned(), body.to_vec()),
                    );
                }
                answer(201).with("docker-content-digest", digest)
            }
            (_, "manifests") => match self.manifests.get(name) {
                Some((media_type, bytes)) => answer(200)
                    .with("content-type", media_type)
                    .with("docker-content-digest", Digest::of(bytes).as_str())
                    .body(bytes),
                None => answer(404),
            },
            (_, "blobs") => match self.blobs.get(name) {
                Some(bytes) => part(bytes, seen.header("range")),
                None => answer(404),
            },
            _ => answer(404),
        }
    }

    fn upload(
        &mut self,
        method: &str,
        (path, id, query): (&str, &str, &str),
        seen: &Seen,
        body: &[u8],
    ) -> Answer {
        let Some(upload) = self.uploads.get_mut(id) else {
            return answer(404);
        };
        let range = |upload: &[u8]| format!("0-{}", upload.len().saturating_sub(1));
        match method {
            "GET" => answer(204)
                .with("location", path)
                .with("range", range(upload)),
            "PATCH" => {
                let start = seen
                    .header("content-range")
                    .split('-')
                    .next()
                    .unwrap()
                    .parse();
                if start != Ok(upload.len()) {
                    return answer(416);
                }
                upload.extend(body);
                answer(202)
                    .with("location", path)
                    .with("range", range(upload))
            }
            "PUT" => {
                upload.extend(body);
                let expected = query.rsplit_once("digest=").unwrap().1;
                let found = Digest::of(upload).to_string();
                if expected != found {
                    return answer(400).body(
                        br#"{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}"#,
                    );
                }
                let bytes = self.uploads.remove(id).unwrap();
                self.blobs.insert(found.clone(), bytes);
                answer(201).with("docker-content-digest", found)
            }
            _ => answer(405),
        }
    }
}

fn part(bytes: &[u8], range: &str) -> Answer {
    match range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'))
    {
        Some(start) => {
            let start: usize = start.parse().unwrap();
            let end = bytes.len() - 1;
            answer(206)
                .with(
                    "content-range",
                    format!("bytes {start}-{end}/{}", bytes.len()),
                )
                .body(&bytes[start..])
        }
        None => answer(200).body(bytes),
    }
}
