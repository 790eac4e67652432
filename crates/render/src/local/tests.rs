//! From a small file to its bundle: one fact per test.

use std::collections::BTreeMap;

use plimsoll_bundle::local::{
    Check, Destination, LimitKey, ResourceSpec, SecretMeans, ServiceSpec, Sticky,
};
use plimsoll_bundle::{Digest, canonical};
use plimsoll_model::App;

use super::{Image, RenderError, Rendered, Source, render};

const FILE: &str = r#"
plimsoll = 1
[app]
name = "shop"
owner = "shop@example.com"
[service.api]
build = { cargo = "shop-api", bin = "api" }
port = { http = 2000, metrics = 9091 }
env = { RUST_LOG = "info" }
cpu = { request = "100m", limit = "200m" }
memory = { request = "64Mi", limit = "128Mi" }
scale = { min = 2, max = 4 }
disruption = { keep = 1 }
[service.api.needs]
db = { as = "DATABASE_URL", pool = "auto", pool_as = "POOL" }
cache = { as = "REDIS_URL", pool = 3, ttl = { price-list = "300s" } }
[service.api.secrets]
jwt = { as = "JWT_SECRET" }
[service.api.health]
startup = { get = "/startupz", within = "20s" }
readiness = { get = "/readyz" }
liveness = { get = "/livez" }
[service.api.seed]
run = ["/app/api", "seed"]
[service.web]
build = { static = "web", out = "dist", spa = "index.html" }
settings = { API = "/api" }
[resource.db]
kind = "postgres"
version = "15"
max_connections = 45
reserve = 5
[resource.cache]
kind = "redis"
memory = "64Mi"
class = "cache"
[secret.jwt]
generate = "48 bytes"
[edge]
http = 8080
https = 8443
tls = { issuer = "local", redirect = false }
headers = { csp = "default-src 'self'", hsts = "365d", frame = "DENY", nosniff = true, referrer = "no-referrer" }
[limit.general]
rate = "100/15min"
by = ["user", "ip"]
[route.web]
path = "/"
to = "web"
[route.api]
path = "/api"
to = "api:http"
limit = "general"
body = "1Mi"
[rollout]
strategy = "rolling"
surge = 1
"#;

fn app(environment: &str) -> App {
    let parsed = plimsoll_model::parse("plimsoll.toml", FILE, Some(environment));
    let findings: Vec<String> = parsed
        .findings
        .iter()
        .map(|finding| format!("{finding:?}"))
        .collect();
    parsed
        .app
        .unwrap_or_else(|| panic!("{}", findings.join("\n")))
}

fn built(content: &[u8]) -> Source {
    Source {
        artefact: Some(Digest::of(content)),
        image: None,
    }
}

fn artefacts() -> BTreeMap<String, Source> {
    [("api", b"api"), ("web", b"web")]
        .map(|(name, content)| (name.to_owned(), built(content)))
        .into()
}

/// An image with an environment, a user and a command of its own.
fn image() -> Image {
    Image {
        digest: Digest::of(b"image"),
        base: None,
        command: ["docker-entrypoint.sh", "serve"]
            .map(str::to_owned)
            .to_vec(),
        env: BTreeMap::from([("PATH".to_owned(), "/opt/bin".to_owned())]),
        workdir: "/srv".to_owned(),
        user: "node".to_owned(),
        stop_signal: "SIGINT".to_owned(),
    }
}

/// [`FILE`] with an API that is `build`, and its bundle when the API is made of `source`.
fn rendered_as(build: &str, source: Source) -> Result<Rendered, RenderError> {
    let text = FILE.replace("build = { cargo = \"shop-api\", bin = \"api\" }", build);
    let parsed = plimsoll_model::parse("plimsoll.toml", &text, Some("development"));
    let app = parsed
        .app
        .unwrap_or_else(|| panic!("{:?}", parsed.findings));
    let mut sources = artefacts();
    sources.insert("api".into(), source);
    render(&app, &sources)
}

fn rendered() -> Rendered {
    render(&app("development"), &artefacts()).unwrap()
}

fn program(rendered: &Rendered) -> &plimsoll_bundle::local::ProgramSpec {
    match &rendered.bundle.services["api"] {
        ServiceSpec::Program(program) => program,
        ServiceSpec::Static(_) => panic!("the API is a program"),
    }
}

#[test]
fn the_same_app_gives_the_same_bytes() {
    let (one, other) = (rendered(), rendered());
    assert_eq!(
        canonical::to_bytes(&one.bundle).unwrap(),
        canonical::to_bytes(&other.bundle).unwrap()
    );
}

#[test]
fn another_artefact_is_another_bundle() {
    let mut changed = artefacts();
    changed.insert("api".into(), built(b"changed"));
    let other = render(&app("development"), &changed).unwrap();
    assert_ne!(
        rendered().bundle.digest().unwrap(),
        other.bundle.digest().unwrap()
    );
}

#[test]
fn a_cargo_service_runs_its_binary_unless_told_otherwise() {
    assert_eq!(program(&rendered()).command, ["/app/api"]);
}

#[test]
fn an_image_comes_with_its_own_command_user_and_environment_and_the_file_wins() {
    let given = format!("image = \"r.example.com/api@sha256:{}\"", "a".repeat(64));
    let source = Source {
        artefact: None,
        image: Some(image()),
    };
    let rendered = rendered_as(&given, source.clone()).unwrap();
    let program = program(&rendered);
    assert_eq!(program.command, ["docker-entrypoint.sh", "serve"]);
    let spec = program.image.as_ref().unwrap();
    assert_eq!(
        (spec.user.as_str(), spec.workdir.as_str()),
        ("node", "/srv")
    );
    assert_eq!(spec.env["PATH"], "/opt/bin");
    assert!(program.artefact.is_none());

    let told = format!("{given}\nrun = [\"/bin/other\"]\nuser = 7000");
    let rendered = rendered_as(&told, source).unwrap();
    let program = self::program(&rendered);
    assert_eq!(program.command, ["/bin/other"]);
    assert_eq!(program.image.as_ref().unwrap().user, "7000:7000");

    let nothing = rendered_as(&given, Source::default()).unwrap_err();
    assert_eq!(nothing, RenderError::NoCommand("api".into()));
}

#[test]
fn an_app_on_a_base_image_starts_what_the_base_starts_unless_told_otherwise() {
    let base = format!("node@sha256:{}", "b".repeat(64));
    let build = format!("build = {{ command = [\"true\"], out = \"dist\", base = \"{base}\" }}");
    let mut source = built(b"app");
    source.image = Some(image());
    let rendered = rendered_as(&build, source).unwrap();
    assert_eq!(
        program(&rendered).command,
        ["docker-entrypoint.sh", "serve"]
    );
    let silent = rendered_as(
        "build = { command = [\"true\"], out = \"dist\" }",
        built(b"app"),
    );
    assert_eq!(silent.unwrap_err(), RenderError::NoCommand("api".into()));
}

#[test]
fn a_dockerfile_is_not_run() {
    let refused = rendered_as("build = { dockerfile = \"Dockerfile\" }", built(b"x")).unwrap_err();
    assert!(refused.to_string().contains("name an image"), "{refused}");
}

#[test]
fn the_automatic_pool_is_what_the_peak_of_a_rollout_leaves() {
    let rendered = rendered();
    let pool = program(&rendered).needs["db"].pool.clone().unwrap();
    // (45 connections - 5 in reserve) over 4 replicas and 1 surge.
    assert_eq!((pool.size, pool.max), (8, Some(45)));
    assert_eq!(pool.size_variable.as_deref(), Some("POOL"));
}

#[test]
fn addresses_and_secrets_go_by_file_unless_the_service_cannot() {
    let rendered = rendered();
    assert_eq!(program(&rendered).needs["db"].by, SecretMeans::File);
    assert_eq!(program(&rendered).secrets["jwt"].by, SecretMeans::File);
}

#[test]
fn times_to_live_become_variables_in_seconds() {
    let rendered = rendered();
    let env = &program(&rendered).needs["cache"].env;
    assert_eq!(env.get("PRICE_LIST_TTL").map(String::as_str), Some("300"));
}

#[test]
fn the_gateway_asks_the_question_that_the_file_calls_readiness() {
    let rendered = rendered();
    let expected = Check::Get {
        port: "http".into(),
        path: "/readyz".into(),
    };
    assert_eq!(
        rendered.bundle.gateway.services["api"].readiness.check,
        expected
    );
    assert_eq!(program(&rendered).health.readiness.check, expected);
}

#[test]
fn development_data_is_for_development() {
    assert!(program(&rendered()).seed.is_some());
    let text = FILE.to_owned() + "\n[env.production.edge]\nhttp = 80\n";
    let app = plimsoll_model::parse("plimsoll.toml", &text, Some("production"))
        .app
        .unwrap();
    let production = render(&app, &artefacts()).unwrap();
    assert!(program(&production).seed.is_none());
    assert_eq!(production.bundle.gateway.listeners.http, Some(80));
}

#[test]
fn security_headers_are_complete_and_hsts_is_for_tls_only() {
    let rendered = rendered();
    let headers: BTreeMap<_, _> = rendered
        .bundle
        .gateway
        .headers
        .iter()
        .map(|header| {
            (
                header.name.as_str(),
                (header.value.as_str(), header.tls_only),
            )
        })
        .collect();
    assert_eq!(
        headers["content-security-policy"],
        ("default-src 'self'", false)
    );
    assert!(
        headers["strict-transport-security"]
            .0
            .starts_with("max-age=31536000")
    );
    assert!(headers["strict-transport-security"].1);
    assert_eq!(headers["x-frame-options"], ("DENY", false));
    assert_eq!(headers["x-content-type-options"], ("nosniff", false));
    assert_eq!(headers["referrer-policy"], ("no-referrer", false));
}

#[test]
fn routes_lead_to_files_and_to_programs() {
    let rendered = rendered();
    let to = |name: &str| {
        let routes = &rendered.bundle.gateway.routes;
        routes
            .iter()
            .find(|route| route.name == name)
            .map(|route| route.to.clone())
            .unwrap()
    };
    assert_eq!(
        to("api"),
        Destination::Service {
            service: "api".into(),
            port: "http".into()
        }
    );
    let Destination::Files {
        artefact,
        spa,
        settings,
        ..
    } = to("web")
    else {
        panic!("the web route leads to files")
    };
    assert_eq!(artefact, Digest::of(b"web"));
    assert_eq!(spa.as_deref(), Some("index.html"));
    assert_eq!(settings.get("API").map(String::as_str), Some("/api"));
}

#[test]
fn a_limit_keeps_its_rate_its_span_and_its_keys() {
    let rendered = rendered();
    let limit = &rendered.bundle.gateway.limits["general"];
    assert_eq!((limit.requests, limit.per_ms), (100, 900_000));
    assert_eq!(limit.by, [LimitKey::User, LimitKey::Ip]);
}

#[test]
fn the_rollouts_stickiness_is_that_of_every_service() {
    let sticky = |text: &str| {
        let app = plimsoll_model::parse("plimsoll.toml", text, Some("development"));
        let rendered = render(&app.app.unwrap(), &artefacts()).unwrap();
        rendered.bundle.gateway.services["api"].sticky
    };
    assert_eq!(sticky(FILE), Sticky::None);
    let with_cookie = FILE.replace("surge = 1", "surge = 1\nsticky = \"cookie\"");
    assert_eq!(sticky(&with_cookie), Sticky::Cookie);
}

#[test]
fn resources_are_run_here_or_left_to_others() {
    let rendered = rendered();
    assert!(matches!(
        rendered.bundle.resources["db"],
        ResourceSpec::Postgres(_)
    ));
    let text = FILE.replace(
        "kind = \"redis\"",
        "kind = \"redis\"\naddress = \"cache.example.com:6379\"",
    );
    let app = plimsoll_model::parse("plimsoll.toml", &text, Some("development"))
        .app
        .unwrap();
    let external = render(&app, &artefacts()).unwrap();
    let ResourceSpec::External {
        scheme, address, ..
    } = &external.bundle.resources["cache"]
    else {
        panic!("an address makes a resource external")
    };
    assert_eq!(
        (scheme.as_str(), address.as_str()),
        ("redis", "cache.example.com:6379")
    );
}

#[test]
fn a_service_that_was_not_built_is_named() {
    let error = render(&app("development"), &BTreeMap::new()).unwrap_err();
    assert_eq!(error, RenderError::NotBuilt("api".into()));
}

#[test]
fn what_this_machine_does_not_do_is_said_and_not_dropped() {
    // An ACME authority certifies names of hosts, so a route has one.
    let text = FILE
        .replace("issuer = \"local\"", "issuer = \"acme\"")
        .replace("[route.web]", "[route.web]\nhosts = [\"shop.example.com\"]");
    let app = plimsoll_model::parse("plimsoll.toml", &text, Some("development"))
        .app
        .unwrap();
    let omitted = render(&app, &artefacts()).unwrap().omitted;
    assert!(
        omitted.iter().any(|one| one.key == "edge.tls.issuer"),
        "{omitted:?}"
    );
}
