//! What a client sees at the gateway: `http.` on request, `limit.`, `attack.`, `page.`.

use super::{Measure, claim};
use crate::units::Dimension::{Bytes, Number, Share, Text, Time, Truth};

// A measure a line, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("http.header", Truth, &["edge", "route"], "Whether each header stands exactly once, with the value of the file, on every kind of answer.").with("headers, separated by blanks"),
    claim("http.redirect", Truth, &["edge"], "Whether plain HTTP answers 301 or 308 to the same address over TLS."),
    claim("http.certificate_covers", Truth, &["edge"], "Whether the certificate is valid for these names.").with("names, separated by blanks"),
    claim("http.acme", Truth, &["edge"], "Whether a certificate is ordered, proven and renewed against an ACME authority on loopback."),
    claim("http.tls_oldest", Text, &["edge"], "Oldest TLS version that a handshake succeeds with."),
    claim("http.mutual_tls", Truth, &["edge"], "Whether a replica refuses whoever is not the edge."),
    claim("http.compressed", Truth, &["edge", "route"], "Whether an answer comes in this encoding when it is asked for, and decodes to the same bytes.").with("the encoding"),
    claim("http.cors", Truth, &["route"], "Whether each listed origin and method is allowed and every other one is not."),
    claim("http.body_limit", Bytes, &["route"], "Largest body that is taken; one byte more is answered 413 before it is read."),
    claim("http.static_age", Time, &["route"], "`max-age` of files with a hash in their name; others have to be revalidated."),
    claim("http.cacheable", Truth, &["route"], "Whether answers may be kept by any proxy, for ever, under their name."),
    claim("http.negotiated", Truth, &["route"], "Whether each media type comes to whom accepts it, with `vary`.").with("media types, separated by blanks"),
    claim("http.upgrade", Truth, &["route"], "Whether a WebSocket opens, echoes and closes properly over HTTP/1.1 and HTTP/2."),
    claim("http.failover", Truth, &["route"], "Whether requests go on, unbroken, when one of two replicas dies."),
    claim("http.unlisted_refused", Truth, &["route", "edge"], "Whether a client outside the listed networks is refused."),
    claim("limit.admitted", Number, &["limit"], "Requests of one client that are answered within the span; the next one gets 429 and `retry-after`."),
    claim("limit.shared", Truth, &["limit"], "Whether the limit holds over several processes of the edge together.").with("how many processes"),
    claim("attack.tokens_refused", Share, &["route"], "Forged, expired, unsigned and foreign tokens that are refused."),
    claim("attack.hash_cost", Number, &["service"], "Cost of the bcrypt hashes in the database."),
    claim("attack.server_errors", Number, &["route"], "Answers 5xx to a corpus of malformed and hostile requests."),
    claim("attack.injected", Number, &["route"], "Requests of a corpus that changed a query."),
    claim("attack.reflected", Number, &["route"], "Requests of a corpus that came back as running script."),
    claim("attack.files_refused", Share, &["route"], "Hostile files of a corpus (bombs, polyglots, false types) that are refused with 4xx."),
    claim("page.load", Time, &["page"], "The load event, at the page's percentile of its runs, on its profile, with a cold cache."),
    claim("page.fcp", Time, &["page"], "First contentful paint."),
    claim("page.lcp", Time, &["page"], "Largest contentful paint."),
    claim("page.cls", Number, &["page"], "Cumulative layout shift."),
    claim("page.inp", Time, &["page"], "Interaction to next paint."),
    claim("page.input_delay", Time, &["page"], "Longest delay before the first input is handled."),
    claim("page.images_lazy", Truth, &["page"], "Whether images below the fold are lazy, have sizes and several widths."),
    claim("http.request_id", Truth, &["edge", "route"], "Whether `x-request-id` and `traceparent` pass through both ways."),
    claim("http.cpu_ratio", Number, &["edge"], "CPU of a request over that of the peer that `baseline` names, features equal, in one interleaved run."),
    claim("http.contract", Truth, &["route"], "Whether answers are those of the published contract."),
    claim("attack.lockout", Truth, &["route"], "Whether failed logins lock the account, and only as long as promised."),
    claim("attack.roles", Truth, &["route"], "Whether every route lets in exactly the roles of its table."),
];
