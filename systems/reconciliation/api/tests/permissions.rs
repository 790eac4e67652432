//! Every route with every role, against the table. No database: a request that is let through fails later, and not
//! with 401 or
//! 403.
#![expect(clippy::unwrap_used, reason = "helpers stop at the first surprise too")]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use recon_api::app::{App, NAME};
use recon_api::permissions::{Access, MATRIX, ROLES, ROUTES, allows};
use recon_api::routes::router;
use recon_api::settings::Settings;
use systems_kit::auth::access::Identity;
use systems_kit::auth::token::Tokens;
use systems_kit::config::Reader;
use tower::ServiceExt as _;
use uuid::Uuid;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn app() -> App {
    let nowhere = "/nonexistent/socket";
    let pairs = [
        (
            "DATABASE_URL",
            format!("postgres://recon@localhost/recon?host={nowhere}"),
        ),
        ("REDIS_URL", format!("unix://{nowhere}")),
        ("JWT_SECRET", SECRET.to_owned()),
    ];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value));
    App::try_new(Settings::read(Reader::new(pairs)).unwrap()).unwrap()
}

fn token(role: &str) -> String {
    let who = Identity {
        id: Uuid::now_v7(),
        email: format!("{role}@example.com"),
        role: role.to_owned(),
        must_change_password: false,
    };
    Tokens::new(NAME, SECRET).issue(&who).unwrap()
}

async fn status(app: &App, verb: &str, path: &str, token: Option<&str>) -> StatusCode {
    let path = format!(
        "/api/v1{}",
        path.replace("{id}", &Uuid::now_v7().to_string())
    );
    let mut request = Request::builder().method(verb).uri(&path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).unwrap();
    router(app.clone())
        .unwrap()
        .oneshot(request)
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn every_route_lets_in_exactly_the_roles_of_the_table() {
    let app = app();
    for (verb, path, access) in ROUTES {
        for role in ROLES {
            let expected = match access {
                Access::Public | Access::Login => true,
                Access::Any(permissions) => permissions.iter().any(|name| allows(role, name)),
            };
            let status = status(&app, verb, path, Some(&token(role))).await;
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{verb} {path} as {role}");
            assert_ne!(status, StatusCode::NOT_FOUND, "{verb} {path} as {role}");
            assert_eq!(
                status != StatusCode::FORBIDDEN,
                expected,
                "{verb} {path} as {role}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn every_route_but_the_public_ones_wants_a_good_token() {
    let app = app();
    let forged = Tokens::new(NAME, "another key of at least 32 bytes!");
    let stranger = Identity {
        id: Uuid::now_v7(),
        email: "x@example.com".to_owned(),
        role: "approver".to_owned(),
        must_change_password: false,
    };
    let forged = forged.issue(&stranger).unwrap();
    for (verb, path, access) in ROUTES {
        for token in [None, Some(""), Some("a.b.c"), Some(forged.as_str())] {
            let status = status(&app, verb, path, token).await;
            let refused = status == StatusCode::UNAUTHORIZED;
            assert_eq!(
                refused,
                *access != Access::Public,
                "{verb} {path}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn who_must_change_the_password_can_do_nothing_else() {
    let app = app();
    let who = Identity {
        id: Uuid::now_v7(),
        email: "new@example.com".to_owned(),
        role: "preparer".to_owned(),
        must_change_password: true,
    };
    let token = Tokens::new(NAME, SECRET).issue(&who).unwrap();
    assert_eq!(
        status(&app, "GET", "/runs", Some(&token)).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status(&app, "GET", "/auth/me", Some(&token)).await,
        StatusCode::OK
    );
}

#[test]
fn an_unknown_role_or_permission_is_a_no() {
    assert!(!allows("root", "read"));
    assert!(!allows("admin", "everything"));
    assert!(!allows("", ""));
}

#[test]
fn the_matrix_names_each_permission_once_and_admins_move_no_money() {
    for (place, (name, _)) in MATRIX.iter().enumerate() {
        assert!(
            MATRIX[..place].iter().all(|(other, _)| other != name),
            "{name} twice"
        );
    }
    for name in [
        "read",
        "uploads.write",
        "runs.start",
        "matches.confirm",
        "exceptions.approve",
    ] {
        assert!(!allows("admin", name), "{name}");
    }
}
