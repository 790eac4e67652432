//! What a refused request is told.

use serde_json::json;

use crate::needs::client::{Session, exchange, get, post};
use crate::needs::started;

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
