//! The way of a request through the gateway.

use std::borrow::Cow;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::{Body as _, Incoming};
use plimsoll_files::{Site, path};

use super::asked::Asked;
use super::body::EdgeBody;
use super::check::{self, check_request};
use super::compress;
use super::core::Core;
use super::exchange::{Client, Exchange, Tracked, set_traceparent};
use super::headers::{self, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PREFIX};
use super::headers::{X_FORWARDED_PROTO, X_REAL_IP, X_REQUEST_ID};
use super::limit::Verdict;
use super::problem::Problem;
use super::route::{Found, Route, Service, Target};
use super::shared_limit::SharedLimit;
use super::{cache, cors, maintenance, proxy, tunnel};
use crate::cidr;
use crate::snapshot::Snapshot;

const NANOS: u64 = 1_000_000_000;

/// Answers a request. What the future is made with is small, so that the future is.
pub(crate) fn handle(
    core: &Rc<Core>,
    client: &Rc<Client>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Tracked>, Infallible>> + use<> {
    let asked = Asked::new(request);
    let mut exchange = Exchange::begin(core, client, &asked.head);
    async move {
        let version = asked.head.version;
        let mut response = match answer(&mut exchange, asked).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(&exchange.request_id),
        };
        if version == Version::HTTP_2 {
            // It is no header of HTTP/2; the stream ends by itself.
            response.headers_mut().remove(header::CONNECTION);
        }
        Ok(exchange.finish(response))
    }
}

async fn answer(exchange: &mut Exchange, asked: Box<Asked>) -> Result<Response<EdgeBody>, Problem> {
    let parts = &asked.head;
    if let Err(reject) = check_request(parts, exchange.client.watch.has_two_lengths()) {
        exchange.core.shared.rejected(reject);
        return Err(Problem::new(reject.status(), reject.detail()).closing());
    }
    let snapshot = exchange.core.snapshot();
    exchange.address =
        cidr::client_address(exchange.client.peer, &parts.headers, &snapshot.trusted);
    if !snapshot.allow.is_empty() && !cidr::any_contains(&snapshot.allow, exchange.address) {
        return Err(forbidden());
    }
    // Shares the bytes of the one in the head, which moves on.
    let target = parts.uri.path_and_query().cloned();
    let path = path_of(target.as_ref().map_or("/", PathAndQuery::path))?;
    if let Some(port) = snapshot.redirect.filter(|_| !exchange.client.tls) {
        return redirect(parts, port);
    }
    let route = match find(exchange, &snapshot, parts, &path)? {
        Ok(route) => route,
        Err(page) => return Ok(page),
    };
    if let Some(cors) = &route.cors {
        if cors::is_preflight(&parts.method, &parts.headers) {
            return Ok(preflight(exchange, cors, parts));
        }
        exchange.cors_origin = cors.origin(&parts.headers);
    }
    admit(exchange, &route, &asked)?;
    if let Some(shared) = route.limiter.as_ref().and_then(|limiter| limiter.shared()) {
        // Boxed, or every request would carry the room that this way needs.
        Box::pin(share(exchange, &route, shared, parts)).await?;
    }
    let route = match hold(exchange, route, parts, &path).await? {
        Ok(route) => route,
        Err(page) => return Ok(page),
    };
    match &route.target {
        Target::Files(files) => Box::pin(serve_files(&route, files, parts, &path)).await,
        Target::Service(service) => {
            let to = (&**snapshot, route.as_ref(), service);
            pass_on(exchange, to, asked, &path).await
        }
    }
}

/// To a replica, by a tunnel, through the cache or straight.
async fn pass_on(
    exchange: &mut Exchange,
    (snapshot, route, service): (&Snapshot, &Route, &Service),
    mut asked: Box<Asked>,
    path: &str,
) -> Result<Response<EdgeBody>, Problem> {
    let parts = &mut asked.head;
    if let Some(sticky) = &service.sticky
        && service.replicas.is_divided()
    {
        exchange.point = Some(sticky.point(&parts.headers, exchange.address));
    }
    let choice = compress::choose(&snapshot.compress, route, &parts.headers);
    if let Some(kind) = tunnel::wanted(route, parts) {
        // Boxed, or every request would carry the room that this way needs.
        let opening = tunnel::open(exchange, route, service, (asked, kind, path));
        return Box::pin(opening).await;
    }
    if parts.method == Method::CONNECT {
        let detail = "this route does not upgrade";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    let response = if let Some(cache) = &route.cache {
        let to = (route, service);
        Box::pin(cache::answer(exchange, cache, to, asked, path)).await?
    } else {
        rewrite(exchange, route, parts, path)?;
        proxy::proxy(exchange, route, service, asked).await?
    };
    Ok(compress::apply(choice, &exchange.method, response))
}

/// Asks for the limit that this gateway shares with others; where there is no answer in time, its own has decided.
async fn share(
    exchange: &Exchange,
    route: &Route,
    shared: &SharedLimit,
    parts: &Parts,
) -> Result<(), Problem> {
    let core = &exchange.core;
    match shared.charge(core, &parts.headers, exchange.address).await {
        Some(Verdict::Pass) => Ok(()),
        Some(Verdict::Wait { nanoseconds }) => Err(too_many(exchange, route, nanoseconds)),
        None => {
            core.shared.limit_alone.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }
}

/// Waits while the route's service is paused. What is in force afterwards decides where the request goes.
async fn hold(
    exchange: &mut Exchange,
    route: Arc<Route>,
    parts: &Parts,
    path: &str,
) -> Result<Result<Arc<Route>, Response<EdgeBody>>, Problem> {
    match &route.target {
        Target::Service(service) if service.gate.is_closed() => {
            Box::pin(service.gate.wait()).await?;
            let snapshot = exchange.core.snapshot();
            find(exchange, &snapshot, parts, path)
        }
        Target::Service(_) | Target::Files(_) => Ok(Ok(route)),
    }
}

/// The path in its normal form.
fn path_of(path: &str) -> Result<Cow<'_, str>, Problem> {
    if path == "*" {
        return Ok(Cow::Borrowed("/"));
    }
    let malformed = |_| Problem::new(StatusCode::BAD_REQUEST, "the path is malformed");
    path::normalise(path).map_err(malformed)
}

/// The route, or the page that stands in for all of them.
fn find(
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    parts: &Parts,
    path: &str,
) -> Result<Result<Arc<Route>, Response<EdgeBody>>, Problem> {
    if let Some(maintenance) = &snapshot.maintenance
        && !cidr::any_contains(&maintenance.allow, exchange.address)
    {
        let (seconds, id) = (maintenance.retry_after_s, &exchange.request_id);
        return Ok(Err(maintenance::answer(&parts.headers, seconds, id)));
    }
    if !snapshot.has_table {
        let detail = "the gateway has no routes yet";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1));
    }
    // A preflight asks for the route of the request that would follow.
    let method = if cors::is_preflight(&parts.method, &parts.headers) {
        let wanted = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        wanted.and_then(|wanted| Method::from_bytes(wanted.as_bytes()).ok())
    } else {
        None
    };
    let method = method.as_ref().unwrap_or(&parts.method);
    match snapshot.router.find(check::host(parts), path, method) {
        Found::Route(route) => {
            exchange.route = Some(Arc::clone(route));
            Ok(Ok(Arc::clone(route)))
        }
        Found::Method(route) => {
            let names: Vec<&str> = route.methods.iter().map(Method::as_str).collect();
            let detail = "the route does not take this method";
            let mut problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail);
            problem.allow = HeaderValue::try_from(names.join(", ")).ok();
            exchange.route = Some(Arc::clone(route));
            Err(problem)
        }
        Found::Nothing => Err(Problem::new(StatusCode::NOT_FOUND, "no route leads there")),
    }
}

/// Allow list, rate limit, announced length.
fn admit(exchange: &Exchange, route: &Route, asked: &Asked) -> Result<(), Problem> {
    if !route.allow.is_empty() && !cidr::any_contains(&route.allow, exchange.address) {
        return Err(forbidden());
    }
    if let Some(limiter) = &route.limiter {
        let now = exchange.core.shared.nanoseconds(exchange.started);
        let verdict = limiter.charge(&asked.head.headers, exchange.address, now);
        if let Verdict::Wait { nanoseconds } = verdict {
            return Err(too_many(exchange, route, nanoseconds));
        }
    }
    if asked.body.size_hint().lower() > route.body_bytes {
        return Err(proxy::too_large());
    }
    Ok(())
}

fn too_many(exchange: &Exchange, route: &Route, nanoseconds: u64) -> Problem {
    route.stats.limited(exchange.core.id);
    let seconds = nanoseconds.div_ceil(NANOS).max(1);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests").retry_after(seconds)
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "not from this address")
}

fn preflight(exchange: &Exchange, cors: &cors::Cors, parts: &Parts) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if cors.preflight(&parts.headers, response.headers_mut()) {
        return response;
    }
    let problem = Problem::new(StatusCode::FORBIDDEN, "the origin is not allowed");
    problem.into_response(&exchange.request_id)
}

fn redirect(parts: &Parts, port: u16) -> Result<Response<EdgeBody>, Problem> {
    let host = check::host(parts);
    let target = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let location = if port == 443 {
        format!("https://{host}{target}")
    } else {
        format!("https://{host}:{port}{target}")
    };
    let malformed = |_| Problem::new(StatusCode::BAD_REQUEST, "the target is malformed");
    let location = HeaderValue::try_from(location).map_err(malformed)?;
    let mut response = Response::new(EdgeBody::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

async fn serve_files(
    route: &Route,
    files: &Site,
    parts: &Parts,
    path: &str,
) -> Result<Response<EdgeBody>, Problem> {
    // The folder lies at the route's path.
    let below = path
        .strip_prefix(route.path.trim_end_matches('/'))
        .unwrap_or(path);
    let ask = plimsoll_files::Ask {
        method: &parts.method,
        path: below,
        full_path: path,
        headers: &parts.headers,
    };
    plimsoll_files::serve(files, &ask)
        .await
        .map(|response| response.map(EdgeBody::from))
        .map_err(|status| match status {
            StatusCode::NOT_FOUND => Problem::new(status, "there is no such file"),
            StatusCode::METHOD_NOT_ALLOWED => {
                let mut problem = Problem::new(status, "files are read only");
                problem.allow = Some(HeaderValue::from_static("GET, HEAD"));
                problem
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                Problem::new(status, "the files are not there yet").retry_after(1)
            }
            _ => Problem::new(status, "the file cannot be read"),
        })
}

/// Makes the head what the replica is to see.
pub(crate) fn rewrite(
    exchange: &Exchange,
    route: &Route,
    parts: &mut Parts,
    path: &str,
) -> Result<(), Problem> {
    let target = parts.uri.authority().is_some();
    let host = if target {
        HeaderValue::try_from(check::authority(parts)).ok()
    } else {
        parts.headers.get(header::HOST).cloned()
    };
    let host =
        host.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "the host is malformed"))?;
    let client = &exchange.client;
    let chain = if exchange.address == client.peer {
        client.peer_value.clone()
    } else {
        headers::forwarded_chain(&parts.headers, &client.peer_value)
    };
    let real = if exchange.address == client.peer {
        client.peer_value.clone()
    } else {
        HeaderValue::try_from(exchange.address.to_string()).unwrap_or(chain.clone())
    };
    headers::strip_request(&mut parts.headers);
    let prefix = route.path.trim_end_matches('/');
    let strip = route.strip && !prefix.is_empty();
    let path = if strip {
        path.strip_prefix(prefix).unwrap_or(path)
    } else {
        path
    };
    set_uri(parts, path)?;
    let headers = &mut parts.headers;
    headers.reserve(8);
    if target {
        headers.insert(header::HOST, host.clone());
    }
    headers.insert(X_FORWARDED_HOST, host);
    headers.insert(X_FORWARDED_FOR, chain);
    headers.insert(X_REAL_IP, real);
    let scheme = if client.tls { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    headers.insert(X_REQUEST_ID, exchange.request_id.clone());
    if strip {
        let prefix = HeaderValue::try_from(prefix);
        headers.insert(
            X_FORWARDED_PREFIX,
            prefix.unwrap_or(HeaderValue::from_static("/")),
        );
    }
    set_traceparent(&exchange.core, headers);
    parts.version = Version::HTTP_11;
    Ok(())
}

/// Origin form with the normalised path and the query as it came.
fn set_uri(parts: &mut Parts, path: &str) -> Result<(), Problem> {
    if parts.uri.authority().is_none() && (parts.uri.path() == path || parts.uri.path() == "*") {
        return Ok(());
    }
    let path = if path.is_empty() { "/" } else { path };
    let target = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let malformed = |_| Problem::new(StatusCode::BAD_REQUEST, "the target is malformed");
    parts.uri = Uri::try_from(target).map_err(malformed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl FnOnce(&Rc<Core>, &Rc<Client>, Request<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_request_under_way_is_small_enough_for_the_allocators_fast_way() {
        // glibc keeps freed blocks of up to 1032 bytes ready for the thread that freed them.
        assert!(size_of_future(handle) <= 1032, "{}", size_of_future(handle));
    }
}
