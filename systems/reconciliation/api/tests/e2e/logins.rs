//! Who may come in.

use serde_json::json;

use crate::needs::client::{Session, post};
use crate::needs::{PASSWORD, SECRET, started};

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
    let locked = login("service@example.com", PASSWORD);
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
        login("admin@example.com", PASSWORD).status,
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
