//! The smallest HTTP client that a test needs: one request per connection, answers of any length.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The code of a problem document.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

/// `None` when nobody answers.
pub(crate) fn exchange(address: &str, head: &str, body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    let head = format!(
        "{head}host: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    // A server may refuse before it has read everything.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = bytes[end + 4..].to_vec();
    let mut answer = Answer { status, head, body };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunk(&answer.body);
    }
    Some(answer)
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    whole
}

pub(crate) fn get(address: &str, path: &str) -> Option<Answer> {
    exchange(address, &format!("GET {path} HTTP/1.1\r\n"), b"")
}

/// Someone who is logged in.
pub(crate) struct Session {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

impl Session {
    pub(crate) fn login(address: &str, role: &str) -> Self {
        let body = serde_json::json!({"email": format!("{role}@example.com"), "password": super::PASSWORD});
        let answer = post(address, "/api/v1/auth/login", &body);
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        let session = answer.json();
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        Self {
            address: address.to_owned(),
            token: text("access_token"),
            refresh: text("refresh_token"),
        }
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let token = &self.token;
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        );
        let body = body.map(Value::to_string).unwrap_or_default();
        exchange(&self.address, &head, body.as_bytes()).expect("an answer")
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, None);
        assert_eq!(
            answer.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        answer.json()
    }

    /// All items of a list.
    pub(crate) fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{join}limit=500{cursor}"));
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The id of a source by its name.
    pub(crate) fn source(&self, name: &str) -> String {
        let sources = self.all("/sources");
        let source = sources
            .iter()
            .find(|source| source["name"] == name)
            .unwrap();
        source["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn upload(&self, source: &str, filename: &str, file: &[u8]) -> Answer {
        let mut body = format!(
            "--cut\r\ncontent-disposition: form-data; name=\"source_id\"\r\n\r\n{source}\r\n\
             --cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--cut--\r\n");
        let head = format!(
            "POST /api/v1/uploads HTTP/1.1\r\nauthorization: Bearer {}\r\n\
             content-type: multipart/form-data; boundary=cut\r\n",
            self.token
        );
        exchange(&self.address, &head, &body).expect("an answer")
    }

    /// Starts a run and waits for its end.
    pub(crate) fn run(&self, left: &str, right: &str) -> Value {
        let body = serde_json::json!({"left": left, "right": right});
        let answer = self.send("POST", "/runs", Some(&body));
        assert_eq!(
            answer.status,
            202,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        self.ended(answer.json()["id"].as_str().unwrap())
    }

    /// Waits for the end of a run.
    pub(crate) fn ended(&self, id: &str) -> Value {
        let mut run = Value::Null;
        super::until("the run has ended", || {
            run = self.get(&format!("/runs/{id}"));
            !matches!(run["status"].as_str(), Some("created" | "matching"))
        });
        run
    }
}

pub(crate) fn post(address: &str, path: &str, body: &Value) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n");
    exchange(address, &head, body.to_string().as_bytes()).expect("an answer")
}
