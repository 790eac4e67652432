//! Challenges, tokens, and where credentials go.

use plimsoll_image::registry::{Credentials, RegistryError, Settings};

use super::fake::{Act, Fake, Seen};
use super::support::{full, image, layout, machine, noise, puller, pusher, quick, unwatched};

const SECRET: &str = "open-sesame";
const BASIC: &str = "Basic cGxpbXNvbGw6b3Blbi1zZXNhbWU=";

fn known() -> Settings {
    Settings {
        credentials: Some(Credentials::new("plimsoll", SECRET)),
        ..quick()
    }
}

fn challenge(text: String) -> Act {
    Act::Answer(401, vec![("www-authenticate", text)], vec![])
}

fn pull_error(fake: &Fake, settings: Settings) -> RegistryError {
    let (_folder, layout) = layout();
    let error = puller(&fake.name("a:1"), settings)
        .pull(&layout, &machine(), &mut unwatched)
        .unwrap_err();
    let shown = format!("{} {error:?}", full(&error));
    for secret in [SECRET, &BASIC[6..], "t0ken"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    error
}

/// A registry that wants `token` of the token server at `realm`.
fn guarded(realm: String, token: &'static str) -> Fake {
    Fake::with(move |seen| {
        let wanted = format!("Bearer {token}");
        let text =
            format!(r#"Bearer realm="{realm}/token",service="the registry",scope="whatever""#);
        (seen.header("authorization") != wanted).then(|| challenge(text))
    })
}

#[test]
fn a_token_is_asked_for_once_with_all_rights_and_serves_the_whole_push() {
    let tokens = Fake::with(|seen| {
        let good = seen.header("authorization") == BASIC;
        let body = if good {
            br#"{"access_token":"t0ken"}"#.to_vec()
        } else {
            vec![]
        };
        Some(Act::Answer(if good { 200 } else { 401 }, vec![], body))
    });
    let fake = guarded(format!("http://{}", tokens.address()), "t0ken");
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(2500, 1)]);
    pusher(&fake.name("a/b:1"), known())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    let asked: Vec<Seen> = tokens.seen("GET", "/token");
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].path,
        "/token?service=the%20registry&scope=repository:a/b:pull,push"
    );
    // The password itself never went to the registry.
    assert!(
        fake.seen("", "")
            .iter()
            .all(|seen| seen.header("authorization") != BASIC)
    );
    assert!(matches!(
        pull_error(&fake, quick()),
        RegistryError::Unauthorized { status: 401, .. }
    ));
}

#[test]
fn a_registry_that_is_never_content_ends_in_an_error() {
    let tokens = Fake::with(|_| Some(Act::Answer(200, vec![], br#"{"token":"t0ken"}"#.to_vec())));
    let fake = guarded(format!("http://{}", tokens.address()), "another");
    let error = pull_error(&fake, known());
    assert!(
        matches!(error, RegistryError::Unauthorized { status: 401, .. }),
        "{error:?}"
    );
    assert_eq!(
        (fake.seen("GET", "").len(), tokens.seen("GET", "").len()),
        (2, 1)
    );
    let basic = Fake::with(|_| Some(challenge(r#"Basic realm="x""#.into())));
    assert!(matches!(
        pull_error(&basic, known()),
        RegistryError::Unauthorized { .. }
    ));
    assert_eq!(basic.seen("GET", "").len(), 2);
    assert!(matches!(
        pull_error(&basic, quick()),
        RegistryError::Unauthorized { .. }
    ));
    let odd = Fake::with(|_| Some(challenge("Negotiate".into())));
    assert!(matches!(
        pull_error(&odd, known()),
        RegistryError::Unauthorized { .. }
    ));
}

#[test]
fn token_servers_that_answer_nonsense_are_refused() {
    for body in [
        vec![b'x'; (64 << 10) + 1],
        b"t0ken".to_vec(),
        b"{}".to_vec(),
        b"{\"token\":\"a b\"}".to_vec(),
    ] {
        let tokens = Fake::with(move |_| Some(Act::Answer(200, vec![], body.clone())));
        let fake = guarded(format!("http://{}", tokens.address()), "x");
        assert!(matches!(
            pull_error(&fake, known()),
            RegistryError::Protocol { .. }
        ));
    }
    // A redirect would take the password along.
    let tokens = Fake::with(|_| {
        Some(Act::Answer(
            307,
            vec![("location", "/other".into())],
            vec![],
        ))
    });
    let fake = guarded(format!("http://{}", tokens.address()), "x");
    assert!(matches!(
        pull_error(&fake, known()),
        RegistryError::Refused { .. }
    ));
    assert_eq!(tokens.seen("GET", "").len(), 1);
}

#[test]
fn a_password_is_sent_to_no_token_server_in_the_clear() {
    for realm in [
        "http://example.com",
        "ftp://127.0.0.1",
        "",
        "http://u:p@127.0.0.1",
    ] {
        let fake = guarded(realm.to_owned(), "x");
        assert!(
            matches!(pull_error(&fake, known()), RegistryError::Protocol { .. }),
            "{realm}"
        );
    }
}

#[test]
fn a_redirect_to_another_server_gets_no_authorization() {
    let storage = Fake::with(|_| Some(Act::Answer(404, vec![], vec![])));
    let target = format!("http://{}/blob", storage.address());
    let fake = Fake::with(move |seen| {
        if seen.header("authorization") != BASIC {
            return Some(challenge("Basic realm=x".into()));
        }
        Some(Act::Answer(307, vec![("location", target.clone())], vec![]))
    });
    assert!(matches!(
        pull_error(&fake, known()),
        RegistryError::NotFound { .. }
    ));
    assert_eq!(storage.seen("GET", "/blob")[0].header("authorization"), "");
}

#[test]
fn what_a_registry_echoes_of_the_login_is_not_shown() {
    let fake = Fake::with(|seen| {
        if seen.header("authorization").is_empty() {
            return Some(challenge("Basic realm=x".into()));
        }
        let body = format!("denied\x1b[2J {} {SECRET}", seen.header("authorization"));
        Some(Act::Answer(403, vec![], body.into_bytes()))
    });
    let error = pull_error(&fake, known());
    assert!(
        error.to_string().contains("denied") && !error.to_string().contains('\x1b'),
        "{error}"
    );
}

#[test]
fn a_token_that_expires_in_the_middle_of_a_push_is_replaced() {
    let mut given = 0;
    let tokens = Fake::with(move |_| {
        given += 1;
        Some(Act::Answer(
            200,
            vec![],
            format!(r#"{{"token":"token{given}"}}"#).into_bytes(),
        ))
    });
    let realm = format!("http://{}", tokens.address());
    let mut requests = 0;
    // Each token is good for five requests.
    let fake = Fake::with(move |seen| {
        requests += 1;
        let wanted = format!("Bearer token{}", (requests - 1) / 6 + 1);
        let text = format!(r#"Bearer realm="{realm}/token""#);
        (seen.header("authorization") != wanted).then(|| challenge(text))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(9500, 1)]);
    pusher(&fake.name("a:1"), known())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    assert!(tokens.seen("GET", "").len() > 2);
    assert!(fake.manifest("1").is_some());
}
