//! Which route wins.

use proptest::prelude::*;

use super::*;
use plimsoll_files::Site;
use plimsoll_files::path::normalise;

fn route(name: &str, hosts: &[&str], path: &str) -> Route {
    Route {
        name: name.to_owned(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        path: path.to_owned(),
        exact: false,
        methods: Vec::new(),
        strip: false,
        target: Target::Files(Site {
            folder: None,
            spa: None,
            settings: None,
            immutable: HeaderValue::from_static(""),
        }),
        limiter: None,
        body_bytes: 0,
        timeout: Duration::ZERO,
        cors: None,
        upgrade: false,
        allow: Vec::new(),
        headers: FixedHeaders::default(),
        stream: false,
        cache_control: None,
        cache: None,
        stats: Arc::new(RouteStats::new(1)),
    }
}

fn router(routes: Vec<Route>) -> Router {
    Router::new(&routes.into_iter().map(Arc::new).collect::<Vec<_>>())
}

fn check(router: &Router, method: &Method, host: &str, path: &str, expected: &str) {
    let found = match router.find(host, path, method) {
        Found::Route(route) => route.name.clone(),
        Found::Method(route) => format!("not {}", route.name),
        Found::Nothing => "nothing".to_owned(),
    };
    assert_eq!(found, expected, "{method} {host} {path}");
}

#[test]
fn the_longest_path_wins_and_hosts_bound_it() {
    let router = router(vec![
        route("ui", &["app.test", "*.localhost", "localhost"], "/"),
        route("api", &["app.test", "api.app.test"], "/api"),
        route("login", &["app.test"], "/api/v1/auth/login"),
        route("any", &[], "/status"),
    ]);
    for (host, path, expected) in [
        ("app.test", "/", "ui"),
        ("app.test", "/apix", "ui"),
        ("app.test", "/api", "api"),
        ("APP.TEST.", "/api/x", "api"),
        ("app.test", "/api/v1/auth/login", "login"),
        ("app.test", "/api/v1/auth/login/x", "login"),
        ("app.test", "/api/v1/auth/loginx", "api"),
        ("api.app.test", "/api", "api"),
        ("api.app.test", "/", "nothing"),
        ("x.localhost", "/a", "ui"),
        ("x.y.localhost", "/a", "nothing"),
        (".localhost", "/a", "nothing"),
        ("localhost", "/a", "ui"),
        ("other.test", "/status/x", "any"),
        ("app.test", "/status", "any"),
        ("x.localhost", "/status", "any"),
        ("other.test", "/", "nothing"),
        ("", "/status", "any"),
    ] {
        check(&router, &Method::GET, host, path, expected);
    }
}

#[test]
fn exact_paths_and_methods_are_more_specific() {
    let mut exact = route("exact", &[], "/a");
    exact.exact = true;
    let mut post = route("post", &[], "/b");
    post.methods = vec![Method::POST];
    let router = router(vec![
        route("a", &[], "/a"),
        exact,
        route("b", &[], "/b"),
        post,
    ]);
    check(&router, &Method::GET, "h", "/a", "exact");
    check(&router, &Method::GET, "h", "/a/b", "a");
    check(&router, &Method::POST, "h", "/b", "post");
    check(&router, &Method::GET, "h", "/b", "b");
}

#[test]
fn a_known_path_with_another_method_is_told_so() {
    let mut only = route("only", &[], "/a");
    only.methods = vec![Method::POST];
    let router = router(vec![only]);
    check(&router, &Method::GET, "h", "/a", "not only");
    check(&router, &Method::GET, "h", "/b", "nothing");
}

#[test]
fn the_order_of_the_table_decides_between_equals() {
    let router = router(vec![route("one", &[], "/a"), route("two", &[], "/a/")]);
    check(&router, &Method::GET, "h", "/a/x", "one");
}

proptest! {
    #[test]
    fn the_router_finds_what_a_linear_search_finds(
        prefixes in prop::collection::vec("(/[ab]{1,2}){0,3}", 1..6),
        path in "(/[ab%.]{0,3}){1,4}",
    ) {
        let Ok(path) = normalise(&path) else { return Ok(()) };
        let paths: Vec<String> =
            prefixes.iter().map(|prefix| if prefix.is_empty() { "/" } else { prefix }.to_owned()).collect();
        let router = router(paths.iter().map(|path| route(path, &[], path)).collect());
        let fits = |prefix: &&String| {
            let prefix = prefix.trim_end_matches('/');
            path.as_ref() == prefix || path.starts_with(&format!("{prefix}/"))
        };
        let expected = paths.iter().filter(fits).map(String::len).max();
        let found = match router.find("h", &path, &Method::GET) {
            Found::Route(route) => Some(route.path.len()),
            Found::Method(_) | Found::Nothing => None,
        };
        prop_assert_eq!(found, expected);
    }
}
