//! What people decide, and its trail.

use serde_json::{Value, json};

use crate::needs::client::Session;
use crate::needs::{started, upload_both};

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
