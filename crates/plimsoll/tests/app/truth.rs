//! The generator's truth file against what the app says of every row.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{App, root, wait_for};
use super::http::{self, Connection, block_on};
use super::turn;

/// Rows on each side of the journey that the product promises.
const ROWS: usize = 100_000;
const PAGE: usize = 500;
/// Looks at a run, 50 ms apart, before it counts as hung: two minutes, where it takes four seconds.
const LOOKS: usize = 2_400;
/// States of rows that no run sees: their upload counts them.
const STOPPED: [&str; 2] = ["duplicate", "rejected"];

/// Generated input with its truth.
pub(crate) struct Files {
    pub(crate) left: Bytes,
    pub(crate) right: Bytes,
    /// Expected state by side and external id, with how often.
    expected: BTreeMap<(String, String, String), usize>,
}

impl Files {
    /// How many rows of `side` end in `state`.
    fn expected_of(&self, side: &str, state: &str) -> usize {
        let of = |(found, _, ends): &(String, String, String)| found == side && ends == state;
        self.expected
            .iter()
            .filter(|(key, _)| of(key))
            .map(|(_, count)| count)
            .sum()
    }
}

pub(crate) fn generate(rows: usize, seed: u64) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let recon = root().join("target").join(target).join("release/recon");
    let arguments = [
        "gen",
        "--rows",
        &rows.to_string(),
        "--seed",
        &seed.to_string(),
        "--out",
    ];
    let done = Command::new(recon)
        .args(arguments)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    Files {
        left: read("left.csv").into(),
        right: read("right.csv").into(),
        expected: expected(&String::from_utf8(read("truth.csv")).unwrap()),
    }
}

/// Columns are found by name: the file may gain some.
fn expected(truth: &str) -> BTreeMap<(String, String, String), usize> {
    let mut lines = truth.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|found| *found == name).unwrap();
    let (side, id, state) = (column("side"), column("ext_id"), column("state"));
    let mut states = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let key = (
            cells[side].to_owned(),
            cells[id].to_owned(),
            cells[state].to_owned(),
        );
        *states.entry(key).or_default() += 1;
    }
    states
}

/// How the generator's columns are to be read: the files that the system ships.
fn mapping(name: &str) -> Value {
    let path = root()
        .join("systems/reconciliation/data/mappings")
        .join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// One part of text, one of a file, as a browser sends them.
pub(crate) fn multipart(source: &str, name: &str, file: &[u8]) -> (String, Bytes) {
    let border = "plimsoll-7d1c0f2b";
    let mut body = Vec::with_capacity(file.len() + 512);
    body.extend_from_slice(
        format!(
            "--{border}\r\ncontent-disposition: form-data; name=\"source_id\"\r\n\r\n{source}\r\n\
             --{border}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             content-type: text/csv\r\n\r\n"
        )
        .as_bytes(),
    );
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{border}--\r\n").as_bytes());
    (
        format!("multipart/form-data; boundary={border}"),
        body.into(),
    )
}

/// The app's API as two of its people use it.
pub(crate) struct Recon {
    preparer: Connection,
    rule_manager: Connection,
}

impl Recon {
    pub(crate) async fn open(app: &App) -> Self {
        let address = app.address();
        let preparer = http::token(address, app.login("preparer")).await;
        let rule_manager = http::token(address, app.login("rule_manager")).await;
        Self {
            preparer: Connection::open(address)
                .await
                .unwrap()
                .with_token(&preparer),
            rule_manager: Connection::open(address)
                .await
                .unwrap()
                .with_token(&rule_manager),
        }
    }

    /// Two sources that nobody has used.
    pub(crate) async fn new_sources(&mut self, name: &str) -> (String, String) {
        let unique = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let mut ids = Vec::new();
        for (side, file) in [("left", "bank"), ("right", "ledger")] {
            let name = format!("{name} {side} {}", unique.as_nanos());
            let mapping = mapping(file);
            let body = json!({ "name": name, "account": side, "ccy": null, "mapping": mapping });
            let answer = self
                .rule_manager
                .post("/api/v1/sources", &body)
                .await
                .unwrap();
            assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
            ids.push(answer.json()["id"].as_str().unwrap().to_owned());
        }
        (ids.remove(0), ids.remove(0))
    }

    pub(crate) async fn upload(&mut self, source: &str, name: &str, file: &[u8]) -> Value {
        let (kind, body) = multipart(source, name, file);
        let answer = self
            .preparer
            .send(Method::POST, "/api/v1/uploads", &kind, body)
            .await
            .unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
        let upload = answer.json();
        let count = |key: &str| upload[key].as_u64().unwrap();
        assert_eq!(
            count("rows_in"),
            count("accepted") + count("duplicate") + count("rejected")
        );
        upload
    }

    /// What was acknowledged is there, unchanged.
    pub(crate) async fn assert_upload(&mut self, upload: &Value) {
        let path = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
        let answer = self.preparer.get(&path).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let now = answer.json();
        for key in ["sha256", "rows_in", "accepted", "duplicate", "rejected"] {
            assert_eq!(now[key], upload[key], "{key}");
        }
    }

    async fn run(&mut self, left: &str, right: &str) -> Value {
        let body = json!({ "left": left, "right": right, "rule_set": null, "from": null, "to": null, "dry_run": false });
        let answer = self.preparer.post("/api/v1/runs", &body).await.unwrap();
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        for _ in 0..LOOKS {
            let answer = self
                .preparer
                .get(&format!("/api/v1/runs/{id}"))
                .await
                .unwrap();
            let run = answer.json();
            match run["status"].as_str().unwrap() {
                "review" => return run,
                "created" | "matching" => {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                other => panic!("the run ended as {other}: {run}"),
            }
        }
        panic!("the run {id} has no end");
    }

    /// The state of every row of one side, page by page.
    async fn states(
        &mut self,
        run: &str,
        side: &str,
        into: &mut BTreeMap<(String, String, String), usize>,
    ) {
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/runs/{run}/items?side={side}&limit={PAGE}{cursor}");
            let answer = self.preparer.get(&path).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            let page = answer.json();
            for item in page["items"].as_array().unwrap() {
                let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                *into
                    .entry((side.to_owned(), text("ext_id"), text("state")))
                    .or_default() += 1;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return,
            }
        }
    }
}

#[test]
fn two_files_of_100_000_rows_end_exactly_in_the_truth_file() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    let files = generate(ROWS, 20_261_121);
    let states = block_on(async {
        let mut recon = Recon::open(&app).await;
        let (left, right) = recon.new_sources("truth").await;
        let uploads = [
            ("left", recon.upload(&left, "left.csv", &files.left).await),
            (
                "right",
                recon.upload(&right, "right.csv", &files.right).await,
            ),
        ];
        for (side, upload) in &uploads {
            for state in STOPPED {
                assert_eq!(
                    upload[state],
                    files.expected_of(side, state),
                    "{side} {state}"
                );
            }
        }
        let run = recon.run(&left, &right).await;
        println!("run of 2 x {ROWS} rows: {} ms", run["stats"]["duration_ms"]);
        let mut states = BTreeMap::new();
        for side in ["left", "right"] {
            recon
                .states(run["id"].as_str().unwrap(), side, &mut states)
                .await;
        }
        states
    });
    let expected: BTreeMap<_, _> = files
        .expected
        .iter()
        .filter(|((_, _, state), _)| !STOPPED.contains(&state.as_str()))
        .collect();
    assert!(
        expected.len() >= 2 * ROWS * 9 / 10,
        "the truth holds {} rows",
        expected.len()
    );
    let wrong: Vec<_> = expected
        .iter()
        .filter(|(key, count)| states.get(**key) != Some(**count))
        .take(10)
        .collect();
    assert!(
        wrong.is_empty(),
        "expected and not so, the first ten: {wrong:?}"
    );
    assert_eq!(
        states.len(),
        expected.len(),
        "rows that the truth does not know"
    );
}

/// Socket files below `folder`.
pub(crate) fn sockets_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_socket() {
                found.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn the_page_its_settings_and_the_api_come_through_one_door() {
    let Some(_turn) = turn() else { return };
    let app = App::up();
    block_on(async {
        let mut connection = Connection::open(app.address()).await.unwrap();
        let page = connection.get("/").await.unwrap();
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            String::from_utf8_lossy(&page.body).contains("<script"),
            "{page:?}"
        );
        let settings = connection.get("/config.json").await.unwrap().json();
        assert_eq!(settings["API_BASE"], "/api/v1");
        assert_eq!(
            connection.get("/api/v1/auth/me").await.unwrap().status,
            StatusCode::UNAUTHORIZED
        );
    });
    wait_for("every replica to be ready", || {
        app.processes()
            .iter()
            .all(|process| process.state == "ready")
            .then_some(())
    });
}
