//! `edge`.

use super::{Fill, Form, Kind, NETWORKS, Table, key};

const TLS: Table = Table {
    doc: "TLS.",
    keys: &[
        key("min", Kind::Choice(&["1.2", "1.3"]), Fill::Value("\"1.2\""), "Lowest version."),
        key("issuer", Kind::Choice(&["local", "acme", "files"]), Fill::Value("\"local\""), "Who issues certificates: an authority of this machine, an ACME authority, or somebody else (`files`)."),
        key("redirect", Kind::Bool, Fill::Value("true"), "Whether plain HTTP is answered with a redirect."),
        key("email", Kind::Text(Form::Email), Fill::Absent, "Address that the ACME authority may write to."),
        key("directory", Kind::Text(Form::Text), Fill::Value("\"https://acme-v02.api.letsencrypt.org/directory\""), "The ACME directory."),
        key("secret", Kind::Text(Form::Slug), Fill::Absent, "With `issuer = \"files\"`: the secret with chain and key."),
    ],
};

const HEADERS: Table = Table {
    doc: "Security headers of every answer. They are set, never added, so nothing is doubled.",
    keys: &[
        key("csp", Kind::Text(Form::Free), Fill::Value("\"default-src 'self'\""), "`content-security-policy`. Empty: none."),
        key("hsts", Kind::Between(Form::Time, "0s", "1825d"), Fill::Value("\"365d\""), "`strict-transport-security`, over TLS only. `0s`: none."),
        key("hsts_subdomains", Kind::Bool, Fill::Value("true"), "Whether it includes subdomains."),
        key("frame", Kind::Choice(&["DENY", "SAMEORIGIN", "none"]), Fill::Value("\"DENY\""), "`x-frame-options`."),
        key("nosniff", Kind::Bool, Fill::Value("true"), "`x-content-type-options: nosniff`."),
        key("referrer", Kind::Choice(&[ "no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "none", ]), Fill::Value("\"no-referrer\""), "`referrer-policy`."),
        key("permissions", Kind::Text(Form::Free), Fill::Value("\"\""), "`permissions-policy`. Empty: none."),
        key("more", Kind::Map(Form::Header, &Kind::Text(Form::Text)), Fill::Empty, "Other headers."),
    ],
};

const MAINTENANCE: Table = Table {
    doc: "A page instead of the app.",
    keys: &[
        key("on", Kind::Bool, Fill::Value("false"), "Whether it is shown now."),
        key("page", Kind::Text(Form::Free), Fill::Value("\"\""), "The page. Empty: a plain one."),
        key("retry_after", Kind::Between(Form::Time, "1s", "30d"), Fill::Value("\"10min\""), "`retry-after`."),
        key("allow", NETWORKS, Fill::Empty, "Networks that still reach the app."),
    ],
};

pub(super) static EDGE: Table = Table {
    doc: "What the gateway does for every route.",
    keys: &[
        key("http", Kind::Int(1, 65_535), Fill::Value("80"), "Port of plain HTTP."),
        key("https", Kind::Int(0, 65_535), Fill::Value("443"), "Port of HTTP over TLS. 0: none."),
        key("tls", Kind::Table(&TLS), Fill::Empty, "TLS."),
        key("headers", Kind::Table(&HEADERS), Fill::Empty, "Security headers."),
        key("compress", Kind::List(&Kind::Choice(&["br", "zstd", "gzip"])), Fill::Value("[\"br\", \"gzip\"]"), "Encodings for answers, best first."),
        key("trusted", NETWORKS, Fill::Empty, "Networks whose `x-forwarded-for` is believed."),
        key("allow", NETWORKS, Fill::Empty, "Networks that may reach anything here. Empty: all."),
        key("maintenance", Kind::Table(&MAINTENANCE), Fill::Absent, "A page instead of the app."),
        key("cache_hashed", Kind::Between(Form::Time, "0s", "365d"), Fill::Value("\"365d\""), "How long files with a hash in their name may be cached."),
        key("request_id", Kind::Bool, Fill::Value("true"), "Whether answers carry `x-request-id`, and requests a `traceparent`."),
        key("mtls", Kind::Bool, Fill::Value("false"), "Whether replicas are spoken to by mutual TLS, where there is a network between."),
    ],
};
