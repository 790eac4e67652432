//! The whole service over HTTP, with a real PostgreSQL and Redis.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers stop at the first surprise too"
)]

mod needs;

use std::collections::HashMap;

use needs::client::{Session, exchange, get, post};
use needs::{Needs, Replica, SECRET, run, until};
use serde_json::{Value, json};

/// Generates data, uploads both files and returns the sources.
fn upload_both(needs: &Needs, session: &Session, rows: &str) -> (String, String) {
    let out = needs.path().join("data");
    run(needs
        .recon()
        .args(["gen", "--rows", rows, "--seed", "11", "--out"])
        .arg(&out));
    let (left, right) = (session.source("Bank"), session.source("Ledger"));
    for (source, file) in [(&left, "left.csv"), (&right, "right.csv")] {
        let bytes = std::fs::read(out.join(file)).unwrap();
        let answer = session.upload(source, file, &bytes);
        assert_eq!(
            answer.status,
            201,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    (left, right)
}

fn started() -> Option<(Needs, Replica)> {
    let needs = Needs::start()?;
    needs.migrate_and_seed();
    let replica = needs.replica("a");
    Some((needs, replica))
}

struct Truth {
    side: String,
    ext_id: String,
    state: String,
    match_id: String,
}

fn truth(needs: &Needs) -> Vec<Truth> {
    let text = std::fs::read_to_string(needs.path().join("data/truth.csv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let own = |place: usize| cells[place].to_owned();
            Truth {
                match_id: own(0),
                side: own(1),
                ext_id: own(3),
                state: own(4),
            }
        })
        .collect()
}

#[test]
fn a_run_ends_exactly_in_the_truth_of_the_generator() {
    let Some((needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let (left, right) = upload_both(&needs, &session, "2000");
    let ended = session.run(&left, &right);
    assert_eq!(ended["status"], "review", "{ended}");
    let id = ended["id"].as_str().unwrap();
    let items = session.all(&format!("/runs/{id}/items"));
    let truth = truth(&needs);
    assert_states(&items, &truth);
    assert_pairs(&items, &truth);
    assert_counts(&session, &ended, &truth);
    assert_export(&session, id, &items);
}

/// Each row that can be told by its id is in the state of the truth, and no row is there that the truth does not know.
fn assert_states(items: &[Value], truth: &[Truth]) {
    let found: HashMap<(&str, &str), &str> = items
        .iter()
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap();
            ((text("side"), text("ext_id")), text("state"))
        })
        .collect();
    assert_eq!(found.len(), items.len(), "a row stands twice");
    let mut expected = 0;
    for row in truth {
        let state = found
            .get(&(row.side.as_str(), row.ext_id.as_str()))
            .copied();
        match row.state.as_str() {
            // The first of the two rows with this id is in the run, in the state of its own line.
            "duplicate" => assert!(state.is_some(), "{}", row.ext_id),
            "rejected" => assert_eq!(state, None, "{}", row.ext_id),
            wanted => {
                expected += 1;
                assert_eq!(state, Some(wanted), "{} {}", row.side, row.ext_id);
            }
        }
    }
    assert_eq!(expected, items.len());
}

/// Rows are together in a match exactly where the truth puts them together.
fn assert_pairs(items: &[Value], truth: &[Truth]) {
    let matches: HashMap<(&str, &str), &str> = items
        .iter()
        .filter_map(|item| {
            let text = |name: &str| item[name].as_str();
            Some(((text("side")?, text("ext_id")?), text("match_id")?))
        })
        .collect();
    let mut by_truth: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
    let in_match = truth
        .iter()
        .filter(|row| matches!(row.state.as_str(), "matched" | "suggested"));
    for row in in_match {
        let found = matches
            .get(&(row.side.as_str(), row.ext_id.as_str()))
            .copied();
        by_truth.entry(&row.match_id).or_default().push(found);
    }
    for (id, found) in by_truth {
        assert_eq!(found.len(), 2, "{id}");
        assert!(
            found[0].is_some() && found[0] == found[1],
            "{id}: {found:?}"
        );
    }
}

fn assert_counts(session: &Session, ended: &Value, truth: &[Truth]) {
    let count = |side: &str, state: &str| {
        truth
            .iter()
            .filter(|row| row.side == side && row.state == state)
            .count() as u64
    };
    for side in ["left", "right"] {
        for state in ["matched", "suggested", "unmatched"] {
            assert_eq!(
                ended["stats"][side][state],
                count(side, state),
                "{side} {state}"
            );
        }
    }
    for upload in session.all("/uploads") {
        let side = if upload["source_name"] == "Bank" {
            "left"
        } else {
            "right"
        };
        assert_eq!(upload["duplicate"], count(side, "duplicate"), "{upload}");
        assert_eq!(upload["rejected"], count(side, "rejected"), "{upload}");
        let id = upload["id"].as_str().unwrap();
        let errors = session.all(&format!("/uploads/{id}/errors"));
        assert_eq!(errors.len() as u64, count(side, "rejected"));
    }
}

fn assert_export(session: &Session, id: &str, items: &[Value]) {
    let count = |states: &[&str]| {
        items
            .iter()
            .filter(|item| states.contains(&item["state"].as_str().unwrap()))
            .count()
    };
    for (kind, rows) in [
        ("matched", count(&["matched", "suggested"])),
        ("unmatched", count(&["unmatched"])),
        ("exceptions", count(&["unmatched", "suggested"])),
    ] {
        let csv = session.send("GET", &format!("/runs/{id}/export?kind={kind}"), None);
        let text = String::from_utf8(csv.body).unwrap();
        let (body, trailer) = text.trim_end().rsplit_once("\r\n").unwrap();
        assert_eq!(body.lines().count() - 1, rows, "{kind}");
        let digest = sha256(format!("{body}\r\n").as_bytes());
        assert_eq!(trailer, format!("#rows={rows},sha256={digest}"));
        let json = session.get(&format!("/runs/{id}/export?kind={kind}&fmt=json"));
        assert_eq!(json["items"].as_array().unwrap().len(), rows);
        assert_eq!(json["rows"], rows as u64);
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}

#[test]
fn the_same_file_twice_and_the_same_rows_in_another_file_change_nothing() {
    let Some((_needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let bank = session.source("Bank");
    let header = "id,booking_date,value_date,amount,currency,reference,counterparty\n";
    let row = |id: &str, amount: &str| format!("{id},2026-01-02,,{amount},EUR,ref,party\n");
    let first = format!("{header}{}{}", row("A", "1.00"), row("", "5.00"));
    let answer = session.upload(&bank, "first.csv", first.as_bytes());
    assert_eq!(
        (answer.status, &answer.json()["accepted"]),
        (201, &json!(2))
    );
    let again = session.upload(&bank, "renamed.csv", first.as_bytes());
    assert_eq!(
        (again.status, &again.json()["replayed"]),
        (200, &json!(true))
    );
    assert_eq!(again.json()["id"], answer.json()["id"]);
    // The rows of before, a second payment like one without an id, a new amount under a known id, and a new row.
    let more = [
        row("A", "1.00"),
        row("", "5.00"),
        row("", "5.00"),
        row("A", "2.00"),
        row("B", "7.00"),
    ];
    let second = session.upload(
        &bank,
        "second.csv",
        format!("{header}{}", more.concat()).as_bytes(),
    );
    let second = second.json();
    assert_eq!(
        ["rows_in", "accepted", "duplicate", "rejected"].map(|name| second[name].as_u64().unwrap()),
        [5, 2, 2, 1]
    );
    // Under a known id of an earlier file, other content is a conflict too.
    let clash = session.upload(
        &bank,
        "third.csv",
        format!("{header}{}", row("B", "8.00")).as_bytes(),
    );
    let clash = clash.json();
    assert_eq!(
        (&clash["accepted"], &clash["rejected"]),
        (&json!(0), &json!(1))
    );
    let errors = session.all(&format!(
        "/uploads/{}/errors",
        clash["id"].as_str().unwrap()
    ));
    assert_eq!(
        (errors[0]["code"].as_str(), errors[0]["line"].as_u64()),
        (Some("id_conflict"), Some(2))
    );
    assert_eq!(session.all("/transactions").len(), 4);
}

#[test]
fn people_decide_with_four_eyes_and_every_decision_is_in_the_trail() {
    let Some((needs, replica)) = started() else {
        return;
    };
    let preparer = Session::login(&replica.address, "preparer");
    let approver = Session::login(&replica.address, "approver");
    let (left, right) = upload_both(&needs, &preparer, "300");
    let ended = preparer.run(&left, &right);
    let id = ended["id"].as_str().unwrap();
    let reason = json!({"reason": "looked at it"});

    let suggested = preparer.all(&format!("/runs/{id}/matches?status=suggested"));
    assert!(!suggested[0]["evidence"].as_array().unwrap().is_empty());
    let path =
        |found: &Value, verb: &str| format!("/matches/{}/{verb}", found["id"].as_str().unwrap());
    let confirmed = preparer.send("POST", &path(&suggested[0], "confirm"), None);
    assert_eq!(confirmed.json()["status"], "confirmed");
    assert_eq!(
        preparer
            .send("POST", &path(&suggested[0], "confirm"), None)
            .status,
        409
    );
    for found in &suggested[1..] {
        assert_eq!(
            approver
                .send("POST", &path(found, "reject"), Some(&reason))
                .status,
            200
        );
    }
    let certify = || approver.send("POST", &format!("/runs/{id}/certify"), None);
    assert_eq!(certify().code(), "conflict", "exceptions are open");

    let undone = preparer.send("POST", &path(&suggested[0], "unmatch"), Some(&reason));
    assert_eq!(undone.json()["status"], "rejected");
    manual_match(&preparer, id, &suggested[0]);
    close_exceptions(&preparer, &approver, id);
    assert_eq!(certify().json()["status"], "certified");
    let late = preparer.send("POST", &path(&suggested[0], "unmatch"), Some(&reason));
    assert_eq!(late.status, 409, "a certified run is closed");
    assert_eq!(
        approver
            .send("POST", &format!("/runs/{id}/reopen"), Some(&reason))
            .status,
        200
    );

    let auditor = Session::login(&replica.address, "auditor");
    let verified = auditor.get("/audit/verify");
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["events"], auditor.all("/audit").len() as u64);
    assert_eq!(preparer.send("GET", "/audit", None).code(), "forbidden");
}

/// Matches two rows by hand: refused while the sums differ, and refused once they are taken.
fn manual_match(preparer: &Session, run: &str, released: &Value) {
    let id = |side: &str| released[side][0]["txn_id"].clone();
    let amount = |side: &str| released[side][0]["amount_minor"].clone();
    let body = json!({"run_id": run, "left_ids": [id("left")], "right_ids": [id("right")], "reason": "seen"});
    let answer = preparer.send("POST", "/matches", Some(&body));
    if amount("left") == amount("right") {
        assert_eq!(answer.json()["status"], "confirmed");
        assert_eq!(
            preparer.send("POST", "/matches", Some(&body)).code(),
            "conflict"
        );
    } else {
        assert_eq!(answer.code(), "unbalanced");
    }
}

fn close_exceptions(preparer: &Session, approver: &Session, run: &str) {
    let open = preparer.all(&format!("/exceptions?run_id={run}&status=open"));
    assert!(!open.is_empty());
    for (nth, item) in open.iter().enumerate() {
        let path = |verb: &str| format!("/exceptions/{}{verb}", item["id"].as_str().unwrap());
        if nth == 0 {
            let text = json!({"text": "'; DROP TABLE txn; --"});
            assert_eq!(
                preparer.send("POST", &path("/comment"), Some(&text)).status,
                201
            );
            let assign = json!({"assignee": "preparer@example.com"});
            assert_eq!(
                preparer.send("PATCH", &path(""), Some(&assign)).json()["status"],
                "assigned"
            );
            assert_eq!(
                approver.send("POST", &path("/approve"), None).code(),
                "conflict"
            );
        }
        let proposal = json!({"resolution": "explained", "reason": "timing"});
        assert_eq!(
            preparer
                .send("POST", &path("/propose"), Some(&proposal))
                .status,
            200
        );
        assert_eq!(
            preparer.send("POST", &path("/approve"), None).code(),
            "forbidden"
        );
        assert_eq!(
            approver.send("POST", &path("/approve"), None).json()["status"],
            "closed"
        );
    }
}

#[test]
fn refresh_tokens_work_once_and_logins_lock_after_five_failures() {
    let Some((_needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "auditor");
    let refresh = |token: &str| {
        post(
            &replica.address,
            "/api/v1/auth/refresh",
            &json!({"refresh_token": token}),
        )
    };
    let next = refresh(&session.refresh).json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        refresh(&session.refresh).code(),
        "unauthorized",
        "used twice"
    );
    assert_eq!(
        refresh(&next).code(),
        "unauthorized",
        "the family is revoked"
    );
    let session = Session::login(&replica.address, "auditor");
    let out = json!({"refresh_token": session.refresh});
    assert_eq!(
        post(&replica.address, "/api/v1/auth/logout", &out).status,
        204
    );
    assert_eq!(refresh(&session.refresh).status, 401);

    let login = |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        post(&replica.address, "/api/v1/auth/login", &body)
    };
    for _ in 0..5 {
        assert_eq!(
            login("service@example.com", "wrong").code(),
            "invalid_credentials"
        );
    }
    let locked = login("service@example.com", needs::PASSWORD);
    assert_eq!(locked.code(), "locked_out");
    assert!(
        locked
            .header("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            <= 900
    );
    assert_eq!(
        login("admin@example.com", needs::PASSWORD).status,
        200,
        "others are not locked out"
    );
    for hostile in [
        "' OR 1=1 --",
        "admin@example.com' --",
        "%@example.com",
        "\u{0}",
    ] {
        assert_ne!(login(hostile, "x").status, 200);
    }
}

#[test]
fn refusals_are_problem_documents() {
    let Some((_needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let at = &replica.address;
    assert_eq!(get(at, "/nowhere").unwrap().code(), "not_found");
    assert_eq!(
        session.send("DELETE", "/runs", None).code(),
        "method_not_allowed"
    );
    assert_eq!(
        session.send("GET", "/runs?limit=501", None).code(),
        "invalid_query"
    );
    assert_eq!(
        session.send("GET", "/runs?cursor=x", None).code(),
        "invalid_query"
    );
    assert_eq!(
        session.send("GET", "/runs/not-an-id", None).code(),
        "not_found"
    );
    let unknown = session.send("POST", "/runs", Some(&json!({"left": "x", "rihgt": "y"})));
    assert_eq!(unknown.code(), "invalid_body");
    assert_eq!(unknown.json()["errors"][0]["pointer"], "/left");
    assert_eq!(unknown.json()["instance"], "/api/v1/runs");
    assert_eq!(
        unknown.json()["request_id"].as_str(),
        unknown.header("x-request-id")
    );
    let large = json!({"email": "x".repeat(70_000), "password": "x"});
    assert_eq!(post(at, "/api/v1/auth/login", &large).code(), "too_large");
    let plain = exchange(
        at,
        "POST /api/v1/auth/login HTTP/1.1\r\ncontent-type: text/plain\r\n",
        b"x",
    );
    assert_eq!(plain.unwrap().code(), "unsupported_media_type");
    let bank = session.source("Bank");
    assert_eq!(
        session.upload(&bank, "empty.csv", b"").code(),
        "invalid_body"
    );
    assert_eq!(
        session.upload(&bank, "wide.csv", b"\xff\xfea\0,\0").code(),
        "invalid_body"
    );
    assert_eq!(
        session.upload("not-an-id", "a.csv", b"x").code(),
        "invalid_body"
    );
}

#[test]
fn hostile_texts_are_only_texts() {
    let Some((_needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let bank = session.source("Bank");
    let hostile = "'); DROP TABLE txn; --";
    let file = format!(
        "id,booking_date,value_date,amount,currency,reference,counterparty\nA,2026-01-02,,1.00,EUR,\"{hostile}\",=1+1\n"
    );
    assert_eq!(
        session
            .upload(&bank, "'; DROP TABLE upload; --.csv", file.as_bytes())
            .status,
        201
    );
    let found = session.all("/transactions?q=%27)%3B%20DROP%20TABLE%20txn%3B%20--");
    assert_eq!(found[0]["reference"], hostile);
    for path in [
        "/transactions?q=%25",
        "/transactions?ccy=%27%20OR%201%3D1",
        "/exceptions?assignee=%27--",
    ] {
        assert!(session.all(path).is_empty(), "{path}");
    }
    for path in [
        "/transactions?from=2026-01-01%27",
        "/transactions?min=1%20OR%201",
    ] {
        assert_eq!(
            session.send("GET", path, None).code(),
            "invalid_query",
            "{path}"
        );
    }
}

#[test]
fn an_acknowledged_upload_survives_the_death_of_the_postmaster_and_the_replica_is_ready_again() {
    let Some((needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let file = "id,booking_date,value_date,amount,currency,reference,counterparty\nA,2026-01-02,,1.00,EUR,r,p\n";
    assert_eq!(
        session
            .upload(&session.source("Bank"), "a.csv", file.as_bytes())
            .status,
        201
    );
    needs.kill_postmaster();
    until("the replica is not ready", || {
        !needs::ready(&replica.address)
    });
    let readyz = get(&replica.address, "/readyz").unwrap();
    assert_eq!(
        (readyz.status, readyz.json()["failing"][0]["part"].as_str()),
        (503, Some("database"))
    );
    assert_eq!(
        get(&replica.address, "/livez").unwrap().status,
        200,
        "alive all the same"
    );
    assert_eq!(session.send("GET", "/runs", None).code(), "unavailable");
    until("the old backends are gone", || needs.try_start_postgres());
    until("the replica is ready again", || {
        needs::ready(&replica.address)
    });
    assert_eq!(session.all("/transactions").len(), 1);
}

#[test]
fn a_run_of_a_killed_replica_is_finished_once_by_another_one() {
    let Some((needs, mut first)) = started() else {
        return;
    };
    let session = Session::login(&first.address, "preparer");
    let (left, right) = upload_both(&needs, &session, "500");
    // The table is locked, so the replica comes as far as its last transaction and no further.
    let mut lock = needs.psql_session();
    needs::say(
        &mut lock,
        "BEGIN; LOCK TABLE run_item IN ACCESS EXCLUSIVE MODE; SELECT 'locked';",
        "locked",
    );
    let body = json!({"left": left, "right": right});
    let created = session.send("POST", "/runs", Some(&body)).json();
    let id = created["id"].as_str().unwrap();
    until("the replica writes", || {
        needs.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY run_item%' AND wait_event_type = 'Lock'") == "1"
    });
    first.kill();
    lock.kill().unwrap();
    lock.wait().unwrap();
    let second = needs.replica("b");
    // The lease would run out by itself after 15 s.
    needs.psql("UPDATE job SET lease_until = now() WHERE state = 'running'");
    let session = Session {
        address: second.address.clone(),
        ..session
    };
    let ended = session.ended(id);
    assert_eq!(ended["status"], "review");
    let items = session.all(&format!("/runs/{id}/items")).len() as u64;
    let rows = |side: &str| ended["stats"][side].as_u64().unwrap();
    assert_eq!(items, rows("left_rows") + rows("right_rows"));
    assert_eq!(
        needs.psql("SELECT count(*) FROM audit_event WHERE action = 'run.finish'"),
        "1"
    );
}

#[test]
fn sigterm_ends_a_replica_in_order() {
    let Some((_needs, mut replica)) = started() else {
        return;
    };
    replica.signal("-TERM");
    let status = replica.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_in_order_and_replayed_from_any_replica() {
    let Some((needs, first)) = tokio::task::block_in_place(started) else {
        return;
    };
    let (session, second, id) = tokio::task::block_in_place(|| {
        let session = Session::login(&first.address, "preparer");
        let (left, right) = upload_both(&needs, &session, "1000");
        let id = session.run(&left, &right)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        (session, needs.replica("b"), id)
    });
    let greeting = |seq: u64| json!({"token": session.token, "last_seq": seq}).to_string();
    let (frames, code) = watch(&second.address, &id, &greeting(0)).await;
    assert_eq!(code, 1000);
    let number = |frame: &Value, name: &str| frame[name].as_u64().unwrap();
    for (nth, frame) in frames.iter().enumerate() {
        assert_eq!(number(frame, "seq"), nth as u64 + 1);
    }
    assert!(frames.is_sorted_by_key(|frame| number(frame, "processed")));
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "done");
    assert_eq!(number(last, "processed"), number(last, "total"));
    let (rest, _) = watch(&first.address, &id, &greeting(2)).await;
    assert_eq!(rest, frames[2..]);
    assert_eq!(
        watch(&first.address, &id, r#"{"token":"x"}"#).await,
        (Vec::new(), 4401)
    );
    let unknown = "00000000-0000-7000-8000-000000000000";
    assert_eq!(
        watch(&first.address, unknown, &greeting(0)).await,
        (Vec::new(), 4404)
    );
}

/// All frames until the close, and its code.
async fn watch(address: &str, run: &str, greeting: &str) -> (Vec<Value>, u16) {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let url = format!("ws://{address}/ws/v1/runs/{run}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text(greeting)).await.unwrap();
    let mut frames = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => frames.push(serde_json::from_str(&text).unwrap()),
            Message::Close(Some(frame)) => return (frames, frame.code.into()),
            _ => {}
        }
    }
    (frames, 0)
}

#[test]
fn expired_unsigned_and_foreign_tokens_are_refused() {
    let Some((_needs, replica)) = started() else {
        return;
    };
    let good = Session::login(&replica.address, "auditor");
    assert_eq!(good.get("/auth/me")["role"], "auditor");
    let (head, _) = good.token.rsplit_once('.').unwrap();
    let other_key = systems_kit::auth::token::Tokens::new("recon", &SECRET.replace('0', "x"));
    let other_system = systems_kit::auth::token::Tokens::new("logistics", SECRET);
    let who = systems_kit::auth::access::Identity {
        id: uuid::Uuid::now_v7(),
        email: "a@example.com".to_owned(),
        role: "admin".to_owned(),
        must_change_password: false,
    };
    // {"alg":"none","typ":"JWT"}
    let none = format!(
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.",
        head.split_once('.').unwrap().1
    );
    for token in [
        none,
        format!("{head}."),
        format!("{head}.AAAA"),
        other_key.issue(&who).unwrap(),
        other_system.issue(&who).unwrap(),
    ] {
        let session = Session {
            token,
            address: good.address.clone(),
            refresh: String::new(),
        };
        assert_eq!(session.send("GET", "/auth/me", None).code(), "unauthorized");
    }
}

#[test]
fn migrations_go_up_twice_down_and_up_again() {
    let Some(needs) = Needs::start() else { return };
    let status = || {
        let output = needs
            .recon()
            .args(["migrate", "status", "--json"])
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(status()["head"], "0000");
    for _ in 0..2 {
        run(needs.recon().args(["migrate", "up"]));
        let status = status();
        assert_eq!(
            (&status["head"], &status["compatible_from"]),
            (&json!("0001"), &json!("0001"))
        );
    }
    run(needs.recon().args(["migrate", "down"]));
    assert_eq!(status()["head"], "0000");
    run(needs.recon().args(["migrate", "up"]));
    let seed = || needs.recon().arg("seed").output().unwrap().stdout;
    assert_eq!(seed(), seed(), "seeding again gives the same logins");
    let change = "UPDATE audit_event SET actor = 'me'";
    needs.psql("SELECT audit_append('a', 'b', 'c', 'd', 'e', NULL, NULL)");
    assert!(needs.try_psql(change).is_err(), "the trail only grows");
}
