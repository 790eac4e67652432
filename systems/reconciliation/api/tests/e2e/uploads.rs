//! Files that come twice, and hostile ones.

use serde_json::json;

use crate::needs::client::Session;
use crate::needs::started;

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
