//! `plimsoll up` in front, ended at different moments: nothing of it is left behind.

use std::fs::{self, File};
use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::folder::{Folder, free_port, has, wait_until};

const SERVER: &str = "\
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/ready' else 404)
        self.send_header('content-length', '0')
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Answer).serve_forever()
";

/// A page and a service that is ready when `ready` is the path that it knows. `build` is one line of shell.
fn app(name: &str, build: &str, ready: &str) -> Folder {
    let (http, https) = (free_port(), free_port());
    let text = format!(
        r#"plimsoll = 1
[app]
name = "{name}"
owner = "a@example.com"
[service.web]
build = {{ static = "site" }}
[service.api]
build = {{ command = [["sh", "-c", "{build}"]], dir = "api", out = "out" }}
run = ["/usr/bin/python3", "/app/server.py"]
port = {{ http = 8080 }}
memory = {{ request = "32Mi", limit = "128Mi" }}
scale = {{ min = 1, max = 1 }}
health = {{ readiness = {{ get = "{ready}", every = "1s" }} }}
[route.api]
path = "/api"
to = "api:http"
[route.web]
path = "/"
to = "web"
[env.development.edge]
http = {http}
https = {https}
tls = {{ redirect = false }}
"#
    );
    Folder::new()
        .with("plimsoll.toml", &text)
        .with("site/index.html", "<h1>Tiny</h1>\n")
        .with("api/server.py", SERVER)
}

const BUILD: &str = "mkdir -p out && cp server.py out";

/// `plimsoll up` in front, with what it says in a file.
struct Up {
    child: Child,
    folder: Folder,
    name: &'static str,
}

impl Up {
    fn begin(name: &'static str, folder: Folder) -> Self {
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let child = folder
            .command(&["up"])
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self {
            child,
            folder,
            name,
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    fn wait_for_word(&mut self, word: &str) {
        wait_until(word, || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?} before {word}: {}", self.said());
            self.said().contains(word)
        });
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Fails unless it ends with `code` and leaves nothing.
    fn ends_clean(&mut self, code: i32) {
        wait_until("the end", || self.child.try_wait().unwrap().is_some());
        let said = self.said();
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), Some(code), "{said}");
        assert!(
            !said.contains('\u{1b}') && !said.contains("panicked"),
            "{said}"
        );
        let place = self.folder.path().to_str().unwrap();
        // A process that was killed by its group is gone a moment after the signal: nobody of ours is its parent.
        wait_until("its processes to be gone", || processes(place).is_empty());
        assert_eq!(sockets(self.folder.path()), Vec::<String>::new(), "{said}");
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(place), "{mounts}");
        assert_eq!(
            groups(Path::new("/sys/fs/cgroup"), self.name),
            Vec::<String>::new()
        );
    }
}

impl Drop for Up {
    /// A test that failed leaves nothing behind either.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.folder.run(&["down"]);
    }
}

/// Command lines that name `place`, and programs that work in it.
fn processes(place: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let found = entries.filter_map(|entry| {
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let cwd = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        (words.contains(place) || cwd.starts_with(place)).then_some(words)
    });
    found.collect()
}

fn sockets(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::FileTypeExt;
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(sockets(&entry.path()));
        } else if kind.is_socket() {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

/// Control groups whose name has `name` in it.
fn groups(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            if entry.file_name().to_string_lossy().contains(name) {
                found.push(path.display().to_string());
            }
            found.extend(groups(&path, name));
        }
    }
    found
}

#[test]
fn stopped_during_the_build_its_tools_end_too_and_nothing_was_started() {
    if !has("python3") {
        return;
    }
    for (name, signal) in [
        ("tiny-build-int", Signal::INT),
        ("tiny-build-term", Signal::TERM),
    ] {
        let folder = app(name, "touch begun; sleep 1000 & sleep 1000", "/ready");
        let begun = folder.app().join("api/begun");
        let mut up = Up::begin(name, folder);
        wait_until("the build", || begun.exists());
        up.send(signal);
        up.ends_clean(2);
    }
}

#[test]
fn stopped_before_it_is_ready_what_was_started_ends() {
    if !has("python3") {
        return;
    }
    for (name, signal) in [
        ("tiny-wait-int", Signal::INT),
        ("tiny-wait-term", Signal::TERM),
    ] {
        let mut up = Up::begin(name, app(name, BUILD, "/never"));
        up.wait_for_word("open the edge");
        up.send(signal);
        up.ends_clean(2);
        // What was interrupted does not stand in the way of the next try.
        let mended = up.folder.read("plimsoll.toml").replace("/never", "/ready");
        up.folder.write("plimsoll.toml", &mended);
        up.folder.run(&["up", "--detach"]).ends_with(0);
    }
}

#[test]
fn stopped_when_it_is_up_all_ends_in_order_however_often_it_is_asked() {
    if !has("python3") {
        return;
    }
    for (name, signal) in [("tiny-up-int", Signal::INT), ("tiny-up-term", Signal::TERM)] {
        let mut up = Up::begin(name, app(name, BUILD, "/ready"));
        up.wait_for_word("Ctrl-C stops the app");
        up.send(signal);
        // Once more while it stops: impatience must not leave half of it behind.
        for _ in 0..5 {
            up.send(Signal::INT);
            std::thread::yield_now();
        }
        up.ends_clean(0);
    }
}
