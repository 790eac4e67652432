//! Answers that are kept at the edge, for routes that say for how long.
//!
//! [`rules`] says what may be kept and for whom, [`store`] keeps it, and here is the way of a request: a fresh answer
//! is given at once; a stale one is asked about; for what is missing one request goes to a replica while the others
//! wait for what it brings. While a change is under way nothing is kept or given: its shares, its judge and its clients
//! are to see replicas, and answers of a release that is gone are never given.

mod control;
mod rules;
mod store;
mod tee;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use tokio::time::timeout;

use super::asked::Asked;
use super::body::EdgeBody;
use super::check;
use super::exchange::Exchange;
use super::handle::rewrite;
use super::problem::Problem;
use super::proxy;
use super::route::{Route, Service};
use rules::{Ask, Freshness};
use store::{Flight, Kept, Leader};
use tee::Tee;

pub(crate) use store::Store;

/// Says what the cache did.
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const HIT: HeaderValue = HeaderValue::from_static("HIT");
const MISS: HeaderValue = HeaderValue::from_static("MISS");
const REVALIDATED: HeaderValue = HeaderValue::from_static("REVALIDATED");
const BYPASS: HeaderValue = HeaderValue::from_static("BYPASS");

/// A route's cache.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// How long answers are kept at most.
    pub(crate) ttl: Duration,
    /// Where.
    pub(crate) store: Arc<Store>,
}

/// A request that the cache has a part in.
struct Call<'a> {
    cache: &'a Cache,
    route: &'a Route,
    service: &'a Service,
    path: &'a str,
    key: Arc<str>,
    ask: Ask,
    release: &'a str,
}

/// A number of seconds; 2³¹ where it is larger (RFC 9111 section 1.2.2), `None` where it is none.
fn seconds(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(value.min(1 << 31))
}

/// The way of a request on a route with a cache, from the store or from a replica.
pub(crate) async fn answer(
    exchange: &mut Exchange,
    cache: &Cache,
    (route, service): (&Route, &Service),
    asked: Box<Asked>,
    path: &str,
) -> Result<Response<EdgeBody>, Problem> {
    let key = key(exchange, &asked.head, path);
    let ask = Ask::of(&asked);
    let (Some(ask), Some(release)) = (ask, service.replicas.only_release()) else {
        let is_safe = asked.head.method.is_safe();
        let response = fetch(exchange, (route, service), asked, path).await?;
        // Section 4.4: what was changed is asked for anew.
        if !is_safe && !response.status().is_client_error() && !response.status().is_server_error()
        {
            cache.store.remove(&key);
        }
        return Ok(marked(response, BYPASS));
    };
    let call = Call {
        cache,
        route,
        service,
        path,
        key,
        ask,
        release,
    };
    call.answer(exchange, asked).await
}

fn key(exchange: &Exchange, parts: &Parts, path: &str) -> Arc<str> {
    let scheme = if exchange.client.tls { "https" } else { "http" };
    let host = check::authority(parts).to_ascii_lowercase();
    let query = parts
        .uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    Arc::from(format!("{scheme}://{host}{path}{query}"))
}

impl Call<'_> {
    async fn answer(
        &self,
        exchange: &mut Exchange,
        asked: Box<Asked>,
    ) -> Result<Response<EdgeBody>, Problem> {
        let parts = &asked.head;
        if let Some(kept) = self.fresh(&parts.headers) {
            return Ok(give(exchange, parts, &kept));
        }
        if self.ask.control.only_if_cached {
            let detail = "nothing is kept for this request";
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail));
        }
        // What is personal cannot be shared with those who wait, and a HEAD brings nothing to keep.
        let alone = self.ask.personal || self.ask.control.no_cache || parts.method == Method::HEAD;
        let leader = if alone {
            None
        } else {
            match self.cache.store.fly(&self.key) {
                Flight::Leader(leader) => Some(leader),
                Flight::Follower(landed) => {
                    // Closed is what it ends with; late or not, the next look decides.
                    let _ = timeout(self.route.timeout, landed.acquire()).await;
                    if let Some(kept) = self.fresh(&parts.headers) {
                        return Ok(give(exchange, parts, &kept));
                    }
                    None
                }
            }
        };
        self.bring(exchange, asked, leader).await
    }

    /// The answer that may be given without asking.
    fn fresh(&self, request: &HeaderMap) -> Option<Arc<Kept>> {
        if self.ask.control.no_cache {
            return None;
        }
        let kept = self.known(request)?;
        let age = kept.age();
        let asked = self.ask.control.max_age;
        let is_fresh = age < kept.freshness.lifetime
            && asked.is_none_or(|most| age <= Duration::from_secs(most));
        is_fresh.then_some(kept)
    }

    fn known(&self, request: &HeaderMap) -> Option<Arc<Kept>> {
        let kept = self.cache.store.get(&self.key, request, self.release)?;
        (!self.ask.personal || kept.freshness.shareable).then_some(kept)
    }

    /// Asks a replica, with the validators of what is kept rather than with the client's.
    async fn bring(
        &self,
        exchange: &mut Exchange,
        mut request: Box<Asked>,
        leader: Option<Leader>,
    ) -> Result<Response<EdgeBody>, Problem> {
        let method = request.head.method.clone();
        let asked = request.head.headers.clone();
        let stale = self
            .known(&asked)
            .filter(|kept| method == Method::GET && rules::has_validator(&kept.headers));
        if method == Method::GET {
            set_validators(&mut request.head.headers, stale.as_deref());
        }
        let to = (self.route, self.service);
        let mut response = fetch(exchange, to, request, self.path).await?;
        if method != Method::GET {
            return Ok(marked(response, MISS));
        }
        if let Some(stale) = stale.filter(|_| response.status() == StatusCode::NOT_MODIFIED) {
            let fresh = self.refreshed(&stale, response.headers());
            let answer = answer_of(&asked, &method, &fresh, REVALIDATED);
            self.cache.store.put(&self.key, fresh);
            return Ok(answer);
        }
        let now = SystemTime::now();
        let head = (response.status(), response.headers());
        let freshness = rules::may_keep(&self.ask, head, self.cache.ttl, now);
        if let Some(freshness) = freshness.filter(|_| !self.route.stream) {
            response = self.keep(exchange, response, (&asked, freshness), leader);
        }
        exchange.count_cache(false);
        let is_whole = matches!(response.body(), EdgeBody::Full(_));
        let is_found = response.status() == StatusCode::OK;
        if is_whole && is_found && rules::is_known(&asked, response.headers()) {
            return Ok(marked(not_modified(response.headers()), MISS));
        }
        Ok(marked(response, MISS))
    }

    /// Keeps the answer as soon as its body is complete; until then those who ask for the same wait.
    fn keep(
        &self,
        exchange: &Exchange,
        response: Response<EdgeBody>,
        (asked, freshness): (&HeaderMap, Freshness),
        leader: Option<Leader>,
    ) -> Response<EdgeBody> {
        // Another replica than thought may have answered, if the documents were changed meanwhile.
        let release = exchange
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.release.clone());
        let (parts, body) = response.into_parts();
        let vary = rules::vary(&parts.headers).unwrap_or_default();
        let value = |name: HeaderName| {
            let values = asked.get_all(&name).iter().cloned().collect();
            (name, values)
        };
        let mut kept = Kept {
            status: parts.status,
            headers: parts.headers.clone(),
            body: bytes::Bytes::new(),
            vary: vary.into_iter().map(value).collect(),
            freshness,
            since: Instant::now(),
            release: release.unwrap_or_default(),
        };
        kept.headers.remove(header::CONTENT_LENGTH);
        kept.headers.remove(header::AGE);
        let (store, key) = (Arc::clone(&self.cache.store), Arc::clone(&self.key));
        let body = Tee::of(
            body,
            Box::new(move |bytes| {
                kept.body = bytes;
                store.put(&key, kept);
                drop(leader);
            }),
        );
        Response::from_parts(parts, body)
    }

    /// What is kept with the headers of the 304 that confirmed it (section 4.3.4).
    fn refreshed(&self, stale: &Kept, confirmed: &HeaderMap) -> Kept {
        let mut headers = stale.headers.clone();
        for name in confirmed.keys() {
            if name == header::CONTENT_LENGTH || name == header::AGE {
                continue;
            }
            headers.remove(name);
            for value in confirmed.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let now = SystemTime::now();
        let head = (stale.status, &headers);
        let freshness = rules::may_keep(&self.ask, head, self.cache.ttl, now);
        Kept {
            status: stale.status,
            body: stale.body.clone(),
            vary: stale.vary.clone(),
            freshness: freshness.unwrap_or(Freshness {
                lifetime: Duration::ZERO,
                ..stale.freshness
            }),
            since: Instant::now(),
            release: stale.release.clone(),
            headers,
        }
    }
}

/// What is fresh, for the client.
fn give(exchange: &Exchange, parts: &Parts, kept: &Kept) -> Response<EdgeBody> {
    exchange.count_cache(true);
    answer_of(&parts.headers, &parts.method, kept, HIT)
}

/// What is kept as an answer to a request.
fn answer_of(
    asked: &HeaderMap,
    method: &Method,
    kept: &Kept,
    how: HeaderValue,
) -> Response<EdgeBody> {
    let is_known = kept.status == StatusCode::OK && rules::is_known(asked, &kept.headers);
    let mut response = if is_known {
        not_modified(&kept.headers)
    } else {
        let mut response = Response::new(EdgeBody::full(kept.body.clone()));
        *response.status_mut() = kept.status;
        *response.headers_mut() = kept.headers.clone();
        if *method == Method::HEAD {
            let length = HeaderValue::from(kept.body.len());
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
            *response.body_mut() = EdgeBody::empty();
        }
        response
    };
    let age = HeaderValue::from(kept.age().as_secs());
    response.headers_mut().insert(header::AGE, age);
    marked(response, how)
}

async fn fetch(
    exchange: &mut Exchange,
    (route, service): (&Route, &Service),
    mut asked: Box<Asked>,
    path: &str,
) -> Result<Response<EdgeBody>, Problem> {
    rewrite(exchange, route, &mut asked.head, path)?;
    proxy::proxy(exchange, route, service, asked).await
}

/// A replica is asked for the whole answer unless what is kept may still be right.
fn set_validators(headers: &mut HeaderMap, stale: Option<&Kept>) {
    headers.remove(header::IF_NONE_MATCH);
    headers.remove(header::IF_MODIFIED_SINCE);
    let Some(stale) = stale else { return };
    let pairs = [
        (header::ETAG, header::IF_NONE_MATCH),
        (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE),
    ];
    for (validator, condition) in pairs {
        if let Some(value) = stale.headers.get(validator) {
            headers.insert(condition, value.clone());
        }
    }
}

/// 304 with what a client may refresh its own copy by (RFC 9110 section 15.4.5).
fn not_modified(of: &HeaderMap) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let names = [
        header::CACHE_CONTROL,
        header::CONTENT_LOCATION,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::VARY,
    ];
    for name in names {
        for value in of.get_all(&name) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

fn marked(mut response: Response<EdgeBody>, how: HeaderValue) -> Response<EdgeBody> {
    response.headers_mut().insert(X_CACHE, how);
    response
}
