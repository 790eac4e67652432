//! The binary as an image runs it: a folder, variables, signals.

#[cfg(test)]
mod server {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::process::{Child, Command, Stdio};

    use plimsoll_stdx::fs::write_atomic;
    use rustix::process::{Pid, Signal, kill_process};

    struct Server {
        child: Child,
        address: String,
        _root: tempfile::TempDir,
    }

    impl Server {
        fn start(files: &[(&str, &[u8])]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for (name, content) in files {
                write_atomic(&root.path().join(name), content).unwrap();
            }
            let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll-static"))
                .arg("--root")
                .arg(root.path())
                .args(["--spa", "index.html"])
                .env_clear()
                .envs([
                    ("HOST", "127.0.0.1"),
                    ("PORT", "0"),
                    ("SETTING_API", "/api"),
                ])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            stderr.read_line(&mut line).unwrap();
            let address = line
                .trim()
                .strip_prefix("listening on ")
                .unwrap()
                .to_owned();
            Self {
                child,
                address,
                _root: root,
            }
        }

        fn send(&self, head: &str) -> String {
            let mut stream = TcpStream::connect(&self.address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        }

        fn get(&self, path: &str, headers: &str) -> String {
            self.send(&format!(
                "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n"
            ))
        }

        fn terminate(&self) {
            let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
            kill_process(pid, Signal::TERM).unwrap();
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    const FILES: &[(&str, &[u8])] = &[
        ("index.html", b"<title>page</title>"),
        ("app-DiwrgTda.js", b"let application = 'a rather long one';"),
        ("app-DiwrgTda.js.br", b"brotli"),
    ];

    #[test]
    fn files_come_in_the_best_coding_with_long_caching_of_hashed_names() {
        let server = Server::start(FILES);
        let answer = server.get("/app-DiwrgTda.js", "accept-encoding: br\r\n");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-encoding: br"), "{answer}");
        assert!(answer.contains("max-age=31536000, immutable"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nbrotli"), "{answer}");
        let page = server.get("/some/page", "accept: text/html\r\n");
        assert!(page.ends_with("<title>page</title>"), "{page}");
        assert!(page.contains("cache-control: no-cache"), "{page}");
    }

    #[test]
    fn settings_come_from_the_environment_and_not_from_the_build() {
        let server = Server::start(FILES);
        let answer = server.get("/config.json", "");
        assert!(answer.ends_with(r#"{"API":"/api"}"#), "{answer}");
    }

    #[test]
    fn health_is_told_and_nothing_outside_the_folder_is() {
        let server = Server::start(FILES);
        for path in ["/livez", "/readyz"] {
            assert!(server.get(path, "").starts_with("HTTP/1.1 200"), "{path}");
        }
        for (path, status) in [
            ("/../etc/passwd", "400"),
            ("/%2e%2e/etc/passwd", "400"),
            ("/..%2fetc/passwd", "400"),
            ("/missing.js", "404"),
        ] {
            let answer = server.get(path, "");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{path}: {answer}"
            );
        }
        let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let answer = server.send(post);
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
        assert!(answer.contains("allow: GET, HEAD"), "{answer}");
    }

    #[test]
    fn an_answer_under_way_is_finished_before_the_end() {
        let large = vec![b'x'; 32 << 20];
        let mut server = Server::start(&[("index.html", b"i"), ("large.bin", &large)]);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream
            .write_all(b"GET /large.bin HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let mut first = [0; 1];
        stream.read_exact(&mut first).unwrap();
        server.terminate();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.len() > large.len(), "{} bytes came", rest.len());
        assert!(server.child.wait().unwrap().success());
    }
}
