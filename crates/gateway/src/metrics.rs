//! Metrics in the text format of Prometheus, on the control socket and, where the table says so, on a port of
//! 127.0.0.1.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::control::Health;
use crate::edge::check::Reject;
use crate::edge::core::Gauges;
use crate::edge::endpoint::Endpoint;
use crate::edge::stats::{BOUNDS_US, Totals};
use crate::hub::Hub;

/// How often the table is asked whether there is to be a listener.
const LOOK: Duration = Duration::from_secs(1);
/// Scrapers at a time, and the time of one scrape.
const MAX_SCRAPES: usize = 8;
const SCRAPE: Duration = Duration::from_secs(10);

type RouteCounter = (&'static str, &'static str, fn(&Totals) -> u64);
type EndpointFamily = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Endpoint) -> u64,
);
type CoreFamily = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Gauges) -> &AtomicU64,
);

const ROUTE_COUNTERS: [RouteCounter; 5] = [
    ("response_bytes_total", "Bytes of answers' bodies.", |of| {
        of.bytes_out
    }),
    ("rate_limited_total", "Requests over their limit.", |of| {
        of.limited
    }),
    (
        "retries_total",
        "Requests sent to a second replica.",
        |of| of.retries,
    ),
    (
        "cache_hits_total",
        "Requests answered from the cache.",
        |of| of.cache_hits,
    ),
    (
        "cache_misses_total",
        "Requests that the cache had nothing for.",
        |of| of.cache_misses,
    ),
];

const ENDPOINT_FAMILIES: [EndpointFamily; 5] = [
    (
        "endpoint_ready",
        "gauge",
        "Whether the last probe succeeded.",
        |of| u64::from(of.health() == Health::Ready),
    ),
    ("endpoint_in_flight", "gauge", "Requests in flight.", |of| {
        u64::from(of.in_flight())
    }),
    (
        "endpoint_sockets",
        "gauge",
        "Tunnels and event streams.",
        |of| u64::from(of.sockets()),
    ),
    (
        "endpoint_requests_total",
        "counter",
        "Requests sent to a replica.",
        |of| of.tally.requests(),
    ),
    (
        "endpoint_failures_total",
        "counter",
        "Requests that a replica failed.",
        |of| of.failures.load(Ordering::Relaxed),
    ),
];

const CORE_FAMILIES: [CoreFamily; 5] = [
    ("connections", "gauge", "Open client connections.", |of| {
        &of.connections
    }),
    (
        "accepted_total",
        "counter",
        "Client connections accepted.",
        |of| &of.accepted,
    ),
    ("in_flight", "gauge", "Requests in flight.", |of| {
        &of.in_flight
    }),
    ("sockets", "gauge", "Tunnels and event streams.", |of| {
        &of.sockets
    }),
    (
        "idle_upstreams",
        "gauge",
        "Idle connections to replicas.",
        |of| &of.idle_upstreams,
    ),
];

/// All metrics.
pub(crate) async fn text(hub: &Hub) -> String {
    let mut out = String::with_capacity(16 * 1024);
    write_routes(hub, &mut out);
    write_endpoints(hub, &mut out);
    write_process(hub, &mut out);
    family(
        &mut out,
        "rate_limit_clients",
        "gauge",
        "Clients that a rate limit remembers.",
    );
    for (name, clients) in hub.limited_clients().await {
        sample(
            &mut out,
            "rate_limit_clients",
            &[("limit", &name)],
            clients as u64,
        );
    }
    let name = "cache_bytes";
    family(
        &mut out,
        name,
        "gauge",
        "Bytes of the answers that are kept.",
    );
    sample(&mut out, name, &[], hub.kept_bytes().await as u64);
    out
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP plimsoll_gateway_{name} {help}");
    let _ = writeln!(out, "# TYPE plimsoll_gateway_{name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let _ = write!(out, "plimsoll_gateway_{name}");
    write_labels(out, labels);
    let _ = writeln!(out, " {value}");
}

fn write_labels(out: &mut String, labels: &[(&str, &str)]) {
    for (index, (label, value)) in labels.iter().enumerate() {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(
            out,
            "{}{label}=\"{value}\"",
            if index == 0 { "{" } else { "," }
        );
    }
    if !labels.is_empty() {
        out.push('}');
    }
}

fn write_routes(hub: &Hub, out: &mut String) {
    let snapshot = hub.current();
    let mut routes: Vec<(&str, &str, Totals)> = vec![("", "", hub.shared.unrouted.totals())];
    for route in &snapshot.routes {
        let service = match &route.target {
            crate::edge::route::Target::Service(service) => service.name.as_str(),
            crate::edge::route::Target::Files(_) => "files",
        };
        routes.push((&route.name, service, route.stats.totals()));
    }
    family(
        out,
        "requests_total",
        "counter",
        "Answers by route, service and status class.",
    );
    for (route, service, totals) in &routes {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .iter()
            .zip(totals.classes)
        {
            let labels = [("route", *route), ("service", *service), ("class", *class)];
            sample(out, "requests_total", &labels, count);
        }
    }
    family(
        out,
        "request_seconds",
        "histogram",
        "Time from a request's head to its answer's end.",
    );
    for (route, service, totals) in &routes {
        write_histogram(out, &[("route", *route), ("service", *service)], totals);
    }
    for (name, help, value) in ROUTE_COUNTERS {
        family(out, name, "counter", help);
        for (route, _, totals) in &routes {
            sample(out, name, &[("route", *route)], value(totals));
        }
    }
}

fn write_histogram(out: &mut String, labels: &[(&str, &str); 2], totals: &Totals) {
    let mut sum = 0;
    for (index, count) in totals.buckets.iter().enumerate() {
        sum += count;
        let bound = BOUNDS_US
            .get(index)
            .map_or_else(|| "+Inf".to_owned(), |bound| seconds(*bound));
        let labels = [labels[0], labels[1], ("le", bound.as_str())];
        sample(out, "request_seconds_bucket", &labels, sum);
    }
    out.push_str("plimsoll_gateway_request_seconds_sum");
    write_labels(out, labels);
    let _ = writeln!(out, " {}", seconds(totals.sum_us));
    sample(out, "request_seconds_count", labels, sum);
}

/// Microseconds as seconds, without the rounding of floating point.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn write_endpoints(hub: &Hub, out: &mut String) {
    let snapshot = hub.current();
    for (name, kind, help, value) in ENDPOINT_FAMILIES {
        family(out, name, kind, help);
        for listed in &snapshot.endpoints {
            let endpoint = &listed.endpoint;
            let labels = [
                ("service", endpoint.service.as_str()),
                ("endpoint", &endpoint.id),
            ];
            sample(out, name, &labels, value(endpoint));
        }
    }
}

fn write_process(hub: &Hub, out: &mut String) {
    let shared = &hub.shared;
    family(
        out,
        "bad_requests_total",
        "counter",
        "Requests refused before they were routed.",
    );
    for reject in Reject::ALL {
        let labels = [("reason", reject.label())];
        sample(out, "bad_requests_total", &labels, shared.rejects(reject));
    }
    for (name, kind, help, gauge) in CORE_FAMILIES {
        family(out, name, kind, help);
        for (core, gauges) in shared.gauges.iter().enumerate() {
            let core = core.to_string();
            sample(
                out,
                name,
                &[("core", &core)],
                gauge(gauges).load(Ordering::Relaxed),
            );
        }
    }
    family(
        out,
        "tls_failures_total",
        "counter",
        "Handshakes that failed.",
    );
    sample(
        out,
        "tls_failures_total",
        &[],
        shared.tls_failures.load(Ordering::Relaxed),
    );
    family(
        out,
        "log_lines_lost_total",
        "counter",
        "Access log lines that the disk was too slow for.",
    );
    sample(
        out,
        "log_lines_lost_total",
        &[],
        shared.log_lost.load(Ordering::Relaxed),
    );
    let alone = "shared_limit_alone_total";
    let help = "Requests on which a shared limit had no say in time.";
    family(out, alone, "counter", help);
    sample(out, alone, &[], shared.limit_alone.load(Ordering::Relaxed));
}

/// Serves the metrics on the socket given, or else on the port that the table names, for as long as it names it.
pub(crate) async fn listen(hub: Arc<Hub>, given: Option<std::net::TcpListener>) {
    if let Some(listener) = given {
        match nonblocking(listener) {
            Ok(listener) => serve(&hub, listener, None).await,
            Err(error) => hub.note(format!("cannot serve metrics: {error}")),
        }
    }
    loop {
        match hub.metrics_port().await {
            Some(port) => serve_port(&hub, port).await,
            None => sleep(LOOK).await,
        }
    }
}

fn nonblocking(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn serve_port(hub: &Arc<Hub>, port: u16) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(address).await {
        Ok(listener) => serve(hub, listener, Some(port)).await,
        Err(error) => {
            hub.note(format!("cannot serve metrics on {address}: {error}"));
            sleep(LOOK).await;
        }
    }
}

/// Until the table names another port than `port`, or for ever.
async fn serve(hub: &Arc<Hub>, listener: TcpListener, port: Option<u16>) {
    let scrapes = Arc::new(Semaphore::new(MAX_SCRAPES));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let permit = Arc::clone(&scrapes).try_acquire_owned();
                if let (Ok((stream, _)), Ok(permit)) = (accepted, permit) {
                    let hub = Arc::clone(hub);
                    tokio::spawn(async move {
                        // A scraper that hangs is cut off.
                        let _ = timeout(SCRAPE, scrape(hub, stream)).await;
                        drop(permit);
                    });
                }
            }
            () = sleep(LOOK) => {
                if port.is_some() && hub.metrics_port().await != port {
                    return;
                }
            }
        }
    }
}

async fn scrape(hub: Arc<Hub>, stream: TcpStream) -> Result<(), hyper::Error> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let hub = Arc::clone(&hub);
        async move {
            let mut response = Response::new(Full::new(Bytes::new()));
            if request.uri().path() == "/metrics" {
                *response.body_mut() = Full::new(Bytes::from(text(&hub).await));
                let kind = http::HeaderValue::from_static("text/plain; version=0.0.4");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
            } else {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let io = TokioIo::new(stream);
    http1::Builder::new()
        .keep_alive(false)
        .serve_connection(io, answer)
        .await
}
