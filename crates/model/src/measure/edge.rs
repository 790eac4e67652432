//! What a client sees at the gateway: `http.` on request, `limit.`, `attack.`, `page.`.

use super::{Measure, measure};
use crate::units::Dimension::{Bytes, Number, Share, Text, Time, Truth};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("http.header", Truth, &["edge", "route"], "Whether each header stands exactly once, with the value of the file, on every kind of answer.").with("headers, separated by blanks"),
    measure("http.redirect", Truth, &["edge"], "Whether plain HTTP answers 301 or 308 to the same address over TLS."),
    measure("http.certificate_covers", Truth, &["edge"], "Whether the certificate is valid for these names.").with("names, separated by blanks"),
    measure("http.acme", Truth, &["edge"], "Whether a certificate is ordered, proven and renewed against an ACME authority on loopback."),
    measure("http.tls_oldest", Text, &["edge"], "Oldest TLS version that a handshake succeeds with."),
    measure("http.mutual_tls", Truth, &["edge"], "Whether a replica refuses whoever is not the edge."),
    measure("http.compressed", Truth, &["edge", "route"], "Whether an answer comes in this encoding when it is asked for, and decodes to the same bytes.").with("the encoding"),
    measure("http.cors", Truth, &["route"], "Whether each listed origin and method is allowed and every other one is not."),
    measure("http.body_limit", Bytes, &["route"], "Largest body that is taken; one byte more is answered 413 before it is read."),
    measure("http.static_age", Time, &["route"], "`max-age` of files with a hash in their name; others have to be revalidated."),
    measure("http.cacheable", Truth, &["route"], "Whether answers may be kept by any proxy, for ever, under their name."),
    measure("http.negotiated", Truth, &["route"], "Whether each media type comes to whom accepts it, with `vary`.").with("media types, separated by blanks"),
    measure("http.upgrade", Truth, &["route"], "Whether a WebSocket opens, echoes and closes properly over HTTP/1.1 and HTTP/2."),
    measure("http.failover", Truth, &["route"], "Whether requests go on, unbroken, when one of two replicas dies."),
    measure("http.unlisted_refused", Truth, &["route", "edge"], "Whether a client outside the listed networks is refused."),
    measure("limit.admitted", Number, &["limit"], "Requests of one client that are answered within the span; the next one gets 429 and `retry-after`."),
    measure("limit.shared", Truth, &["limit"], "Whether the limit holds over several processes of the edge together.").with("how many processes"),
    measure("attack.tokens_refused", Share, &["route"], "Forged, expired, unsigned and foreign tokens that are refused."),
    measure("attack.hash_cost", Number, &["service"], "Cost of the bcrypt hashes in the database."),
    measure("attack.server_errors", Number, &["route"], "Answers 5xx to a corpus of malformed and hostile requests."),
    measure("attack.injected", Number, &["route"], "Requests of a corpus that changed a query."),
    measure("attack.reflected", Number, &["route"], "Requests of a corpus that came back as running script."),
    measure("attack.files_refused", Share, &["route"], "Hostile files of a corpus (bombs, polyglots, false types) that are refused with 4xx."),
    measure("page.load", Time, &["page"], "The load event, at the page's percentile of its runs, on its profile, with a cold cache."),
    measure("page.fcp", Time, &["page"], "First contentful paint."),
    measure("page.lcp", Time, &["page"], "Largest contentful paint."),
    measure("page.cls", Number, &["page"], "Cumulative layout shift."),
    measure("page.inp", Time, &["page"], "Interaction to next paint."),
    measure("page.input_delay", Time, &["page"], "Longest delay before the first input is handled."),
    measure("page.images_lazy", Truth, &["page"], "Whether images below the fold are lazy, have sizes and several widths."),
];
