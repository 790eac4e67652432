//! Which route a request takes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use plimsoll_files::Site;
use plimsoll_files::path::is_below;

use super::cache::Cache;
use super::cohorts::Replicas;
use super::cors::Cors;
use super::gate::Gate;
use super::limit::Limiter;
use super::stats::RouteStats;
use super::sticky::Sticky;
use crate::cidr::Cidr;
use crate::snapshot::FixedHeaders;

/// A route, ready for use.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the app's file, independent of the others"
)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) path: String,
    pub(crate) exact: bool,
    pub(crate) methods: Vec<Method>,
    pub(crate) strip: bool,
    pub(crate) target: Target,
    pub(crate) limiter: Option<Arc<Limiter>>,
    pub(crate) body_bytes: u64,
    pub(crate) timeout: Duration,
    pub(crate) cors: Option<Cors>,
    pub(crate) upgrade: bool,
    pub(crate) allow: Vec<Cidr>,
    /// Headers of every answer.
    pub(crate) headers: FixedHeaders,
    pub(crate) stream: bool,
    pub(crate) cache_control: Option<HeaderValue>,
    /// What is kept of its answers, where any is.
    pub(crate) cache: Option<Cache>,
    pub(crate) stats: Arc<RouteStats>,
}

/// Where a route's requests go.
#[derive(Debug)]
pub(crate) enum Target {
    /// The replicas of a service, on one of its ports.
    Service(Service),
    /// A folder of files.
    Files(Site),
}

/// A service's replicas.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) port: String,
    pub(crate) replicas: Replicas,
    /// Where its requests wait while it is paused.
    pub(crate) gate: Arc<Gate>,
    /// How clients find their place in a change, where they keep it.
    pub(crate) sticky: Option<Sticky>,
}

/// What the router says.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// This route.
    Route(&'a Arc<Route>),
    /// The path is known, but not with this method.
    Method(&'a Arc<Route>),
    /// No route.
    Nothing,
}

/// Routes by host, each list most specific first.
#[derive(Debug, Default)]
pub(crate) struct Router {
    exact: HashMap<String, Vec<Arc<Route>>>,
    /// By what follows the first label, with its dot: `*.localhost` is `.localhost`.
    wildcard: HashMap<String, Vec<Arc<Route>>>,
    any: Vec<Arc<Route>>,
}

impl Router {
    /// A router over `routes`, which are in the order of the table.
    pub(crate) fn new(routes: &[Arc<Route>]) -> Self {
        let mut lists = Self {
            any: most_specific_first(routes, |of| of.is_none()),
            ..Self::default()
        };
        for host in routes.iter().flat_map(|route| &route.hosts) {
            let host = host.to_ascii_lowercase();
            if let Some(suffix) = host.strip_prefix('*') {
                let list = most_specific_first(routes, |of| of.is_none_or(|of| of == host));
                lists.wildcard.insert(suffix.to_owned(), list);
            } else {
                let star = wildcard_of(&host).map(|suffix| format!("*{suffix}"));
                let list = most_specific_first(routes, |of| {
                    of.is_none_or(|of| of == host || Some(of) == star.as_deref())
                });
                lists.exact.insert(host, list);
            }
        }
        lists
    }

    /// The route of a request: longest path, then exact paths, then routes with methods, then the table's order.
    /// `host` may have any case and a dot at the end.
    pub(crate) fn find(&self, host: &str, path: &str, method: &Method) -> Found<'_> {
        let mut other_method = None;
        for route in self.of_host(host) {
            let fits = if route.exact {
                path == route.path
            } else {
                is_below(path, &route.path)
            };
            if !fits {
                continue;
            }
            if route.methods.is_empty() || route.methods.contains(method) {
                return Found::Route(route);
            }
            other_method.get_or_insert(route);
        }
        other_method.map_or(Found::Nothing, Found::Method)
    }

    fn of_host(&self, host: &str) -> &[Arc<Route>] {
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return &self.any;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let lower;
        let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = host.to_ascii_lowercase();
            lower.as_str()
        } else {
            host
        };
        self.exact
            .get(host)
            .or_else(|| self.wildcard.get(wildcard_of(host)?))
            .unwrap_or(&self.any)
    }
}

/// `.b.c` for `a.b.c`.
fn wildcard_of(host: &str) -> Option<&str> {
    host.find('.').filter(|at| *at > 0).map(|at| &host[at..])
}

/// `matching` is asked with each host of a route, and with `None` for a route of every host.
fn most_specific_first(
    routes: &[Arc<Route>],
    matching: impl Fn(Option<&str>) -> bool,
) -> Vec<Arc<Route>> {
    let fits = |route: &&Arc<Route>| {
        if route.hosts.is_empty() {
            matching(None)
        } else {
            let lower = |host: &String| host.to_ascii_lowercase();
            route.hosts.iter().any(|host| matching(Some(&lower(host))))
        }
    };
    let mut list: Vec<Arc<Route>> = routes.iter().filter(fits).map(Arc::clone).collect();
    // The sort is stable, so the table's order decides last.
    list.sort_by_key(|route| {
        let length = route.path.trim_end_matches('/').len();
        std::cmp::Reverse((length, route.exact, !route.methods.is_empty()))
    });
    list
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
