//! Table and endpoints, ready for use: immutable, swapped as a whole.

mod error;
mod fixed;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::{HeaderValue, Method};
use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::{Endpoints, Traffic};
use plimsoll_bundle::local::{Destination, Encoding, GatewayTable, RouteSpec};
use plimsoll_files::site::Settings;
use plimsoll_files::{Folder, Site, path};
use rustls::pki_types::ServerName;

use crate::cidr::{self, Cidr};
use crate::edge::balance::Replica;
use crate::edge::cache::{Cache, Store};
use crate::edge::cohorts::Replicas;
use crate::edge::cors::Cors;
use crate::edge::endpoint::Endpoint;
use crate::edge::gate::Gate;
use crate::edge::limit::Limiter;
use crate::edge::resp::Address;
use crate::edge::route::{Route, Router, Service, Target};
use crate::edge::shared_limit::SharedLimit;
use crate::edge::stats::RouteStats;
use crate::edge::sticky::Sticky;
use crate::identity::{Identity, Peer};
use crate::samples::Samples;

pub(crate) use error::TableError;
pub(crate) use fixed::FixedHeaders;

/// Ports per replica that can have a pool of their own.
const POOLS_PER_ENDPOINT: u64 = 256;

/// What one core routes by.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) router: Router,
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) endpoints: Vec<Listed>,
    pub(crate) trusted: Vec<Cidr>,
    pub(crate) allow: Vec<Cidr>,
    pub(crate) maintenance: Option<Maintenance>,
    /// The port that plain requests are sent to.
    pub(crate) redirect: Option<u16>,
    pub(crate) compress: Vec<Encoding>,
    /// Whether a table was ever put.
    pub(crate) has_table: bool,
    /// Headers of answers that belong to no route.
    pub(crate) headers: FixedHeaders,
    pools: HashSet<u64>,
}

/// An endpoint with what the endpoints document says of it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) weight: u32,
    pub(crate) traffic: Traffic,
}

/// Everybody but a few sees a page instead of the app.
#[derive(Debug)]
pub(crate) struct Maintenance {
    pub(crate) retry_after_s: u64,
    pub(crate) allow: Vec<Cidr>,
}

/// What survives from one snapshot to the next: counters, buckets, replicas' health.
#[derive(Debug)]
pub(crate) struct Registry {
    cores: usize,
    identity: Arc<Identity>,
    limiters: HashMap<String, Arc<Limiter>>,
    gates: HashMap<String, Arc<Gate>>,
    stats: HashMap<String, Arc<RouteStats>>,
    endpoints: HashMap<String, Weak<Endpoint>>,
    samples: Samples,
    stores: HashMap<String, Address>,
    answers: Arc<Store>,
    folders: HashMap<Digest, Arc<Folder>>,
}

impl Registry {
    /// Nothing yet.
    pub(crate) fn new(cores: usize, identity: Arc<Identity>) -> Self {
        Self {
            cores,
            identity,
            limiters: HashMap::new(),
            gates: HashMap::new(),
            stats: HashMap::new(),
            endpoints: HashMap::new(),
            samples: Samples::new(cores),
            stores: HashMap::new(),
            answers: Arc::default(),
            folders: HashMap::new(),
        }
    }

    /// Whether a folder was read already.
    pub(crate) fn has_folder(&self, digest: &Digest) -> bool {
        self.folders.contains_key(digest)
    }

    /// Keeps a folder.
    pub(crate) fn keep_folder(&mut self, digest: Digest, folder: Folder) {
        self.folders.insert(digest, Arc::new(folder));
    }

    /// The limiters in use, by name.
    pub(crate) fn limiters(&self) -> impl Iterator<Item = (&String, &Arc<Limiter>)> {
        self.limiters.iter()
    }

    /// Where the Redis servers are that the next table's limits share, by the names of their resources.
    pub(crate) fn set_stores(&mut self, stores: HashMap<String, Address>) {
        self.stores = stores;
    }

    /// The table changes, so answers that were kept under the one before are none of it.
    pub(crate) fn forget_answers(&mut self) {
        self.answers = Arc::default();
    }

    /// Where answers are kept.
    pub(crate) fn answers(&self) -> &Store {
        &self.answers
    }

    /// Where the requests of a service wait, where the last table has it.
    pub(crate) fn gate(&self, service: &str) -> Option<&Arc<Gate>> {
        self.gates.get(service)
    }

    /// Every service's gate.
    pub(crate) fn gates(&self) -> impl Iterator<Item = (&String, &Arc<Gate>)> {
        self.gates.iter()
    }

    /// What the replicas did, those that left included.
    pub(crate) fn samples(&self) -> &Samples {
        &self.samples
    }

    fn endpoint(
        &mut self,
        service: &str,
        document: &plimsoll_bundle::endpoints::Endpoint,
        peer: Option<&Peer>,
    ) -> Arc<Endpoint> {
        let known = self.endpoints.get(&document.id).and_then(Weak::upgrade);
        // One that is spoken to in another way is another one: its connections are none of the first.
        let same = known.filter(|known| {
            known.ports == document.ports
                && known.service == service
                && known.peer.as_ref().map(|peer| &peer.name) == peer.map(|peer| &peer.name)
        });
        let endpoint = same.unwrap_or_else(|| {
            let tally = self.samples.of(&document.id);
            Arc::new(Endpoint::new(service, document, tally, peer.cloned()))
        });
        self.endpoints
            .insert(document.id.clone(), Arc::downgrade(&endpoint));
        endpoint
    }

    /// Makes a snapshot and forgets what it does not need.
    pub(crate) fn compile(
        &mut self,
        table: &GatewayTable,
        endpoints: &Endpoints,
    ) -> Result<Snapshot, TableError> {
        self.keep_limiters(table);
        for service in table.services.keys() {
            self.gates.entry(service.clone()).or_default();
        }
        let peers = self.peers(table)?;
        let (listed, replicas) = self.list(endpoints, &peers);
        let context = Context {
            table,
            replicas: &replicas,
        };
        let mut routes = Vec::with_capacity(table.routes.len());
        for spec in &table.routes {
            routes.push(Arc::new(self.compile_route(spec, &context)?));
        }
        let networks = |of: &str, texts: &[String]| {
            let of = of.to_owned();
            cidr::parse_all(texts).map_err(|source| TableError::Network { of, source })
        };
        let maintenance = match &table.maintenance {
            Some(spec) => Some(Maintenance {
                retry_after_s: spec.retry_after_s,
                allow: networks("maintenance", &spec.allow)?,
            }),
            None => None,
        };
        let pools = replicas.values().flatten().flat_map(|replica| {
            let key = replica.endpoint.key;
            (0..replica.endpoint.ports.len() as u64).map(move |port| pool_key(key, port))
        });
        let snapshot = Snapshot {
            router: Router::new(&routes),
            trusted: networks("trusted", &table.trusted)?,
            allow: networks("allow", &table.allow)?,
            maintenance,
            redirect: table.listeners.https.filter(|_| table.tls.redirect),
            compress: table.compress.clone(),
            has_table: true,
            headers: FixedHeaders::compile(self.cores, "headers", &table.headers, &[])?,
            pools: pools.collect(),
            endpoints: listed,
            routes,
        };
        self.forget(table);
        Ok(snapshot)
    }

    fn keep_limiters(&mut self, table: &GatewayTable) {
        for (name, rule) in &table.limits {
            let store = rule.shared.as_ref().and_then(|at| self.stores.get(at));
            let environment = (table.app.as_str(), table.environment.as_str());
            let shared =
                store.map(|store| SharedLimit::new(store.clone(), environment, name, rule));
            let same = self.limiters.get(name).is_some_and(|limiter| {
                limiter.rule() == rule && limiter.shared() == shared.as_ref()
            });
            if !same {
                let limiter = Limiter::new(rule.clone(), shared);
                self.limiters.insert(name.clone(), Arc::new(limiter));
            }
        }
    }

    /// The services that are spoken to by mutual TLS.
    fn peers(&self, table: &GatewayTable) -> Result<HashMap<String, Peer>, TableError> {
        let named = table
            .services
            .iter()
            .filter_map(|(service, spec)| Some((service, spec.mutual_tls.as_ref()?)));
        let peer = |(service, name): (&String, &String)| {
            let identity = Arc::clone(&self.identity);
            match ServerName::try_from(name.clone()) {
                Ok(name) => Ok((service.clone(), Peer { identity, name })),
                Err(_) => Err(TableError::ServerName {
                    service: service.clone(),
                    name: name.clone(),
                }),
            }
        };
        named.map(peer).collect()
    }

    fn list(
        &mut self,
        document: &Endpoints,
        peers: &HashMap<String, Peer>,
    ) -> (Vec<Listed>, BTreeMap<String, Vec<Replica>>) {
        self.samples.follow(document);
        let mut listed = Vec::new();
        let mut by_service = BTreeMap::new();
        for (service, endpoints) in &document.services {
            let releases: BTreeSet<&str> = endpoints
                .iter()
                .map(|endpoint| endpoint.release.as_str())
                .collect();
            let mut replicas = Vec::with_capacity(endpoints.len());
            for spec in endpoints {
                let endpoint = self.endpoint(service, spec, peers.get(service));
                match spec.traffic {
                    Traffic::Admitted => endpoint.end_drain(),
                    Traffic::Draining => endpoint.start_drain(),
                }
                listed.push(Listed {
                    endpoint: Arc::clone(&endpoint),
                    weight: spec.weight,
                    traffic: spec.traffic,
                });
                let before = |release: &&&str| **release < spec.release.as_str();
                replicas.push(Replica {
                    weight: spec.weight,
                    release: releases.iter().filter(before).count(),
                    cohort: spec.cohort,
                    admitted: spec.traffic == Traffic::Admitted,
                    endpoint,
                });
            }
            by_service.insert(service.clone(), replicas);
        }
        (listed, by_service)
    }

    fn compile_route(
        &mut self,
        spec: &RouteSpec,
        context: &Context<'_>,
    ) -> Result<Route, TableError> {
        let of = format!("route `{}`", spec.name);
        let table = context.table;
        let limiter = match &spec.limit {
            Some(name) => Some(self.limiters.get(name).map(Arc::clone).ok_or_else(|| {
                TableError::Missing {
                    route: spec.name.clone(),
                    kind: "limit",
                    name: name.clone(),
                }
            })?),
            None => None,
        };
        if path::normalise(&spec.path).as_deref() != Ok(spec.path.as_str()) {
            let (route, path) = (spec.name.clone(), spec.path.clone());
            return Err(TableError::Path { route, path });
        }
        let header = |text: &str| TableError::Header {
            of: of.clone(),
            text: text.to_owned(),
        };
        let cors = match &spec.cors {
            Some(cors) => Some(Cors::try_new(cors).map_err(|_| header("cors"))?),
            None => None,
        };
        let methods: Result<Vec<Method>, _> = spec.methods.iter().map(|m| m.parse()).collect();
        let cache_control = match &spec.cache_control {
            Some(value) => Some(HeaderValue::try_from(value).map_err(|_| header(value))?),
            None => None,
        };
        let stats = self.stats_of(&spec.name);
        Ok(Route {
            name: spec.name.clone(),
            hosts: spec.hosts.clone(),
            path: spec.path.clone(),
            exact: spec.exact,
            methods: methods.map_err(|_| header("methods"))?,
            strip: spec.strip,
            target: self.compile_target(spec, context)?,
            limiter,
            body_bytes: spec.body_bytes,
            timeout: Duration::from_millis(spec.timeout_ms),
            cors,
            upgrade: spec.upgrade,
            allow: cidr::parse_all(&spec.allow).map_err(|source| TableError::Network {
                of: of.clone(),
                source,
            })?,
            headers: FixedHeaders::compile(self.cores, &of, &table.headers, &spec.headers)?,
            stream: spec.stream,
            cache_control,
            cache: spec.keep_ms.map(|keep_ms| Cache {
                ttl: Duration::from_millis(keep_ms),
                store: Arc::clone(&self.answers),
            }),
            stats,
        })
    }

    fn stats_of(&mut self, route: &str) -> Arc<RouteStats> {
        let known = self.stats.entry(route.to_owned());
        Arc::clone(known.or_insert_with(|| Arc::new(RouteStats::new(self.cores))))
    }

    fn compile_target(
        &self,
        spec: &RouteSpec,
        context: &Context<'_>,
    ) -> Result<Target, TableError> {
        match &spec.to {
            Destination::Service { service, port } => {
                let known = context.table.services.get(service);
                let known = known.ok_or_else(|| TableError::Missing {
                    route: spec.name.clone(),
                    kind: "service",
                    name: service.clone(),
                })?;
                let sticks = !known.sticky.is_none();
                let replicas = context.replicas.get(service).into_iter().flatten();
                let with_port =
                    replicas.filter(|replica| replica.endpoint.ports.contains_key(port));
                Ok(Target::Service(Service {
                    name: service.clone(),
                    port: port.clone(),
                    replicas: Replicas::new(with_port.cloned().collect()),
                    gate: self.gates.get(service).map(Arc::clone).unwrap_or_default(),
                    sticky: sticks.then(|| Sticky::new(context.table)),
                }))
            }
            Destination::Files {
                artefact,
                spa,
                settings,
                ..
            } => {
                let age = context.table.cache_hashed_s;
                Ok(Target::Files(Site {
                    folder: self.folders.get(artefact).map(Arc::clone),
                    spa: spa.clone(),
                    settings: (!settings.is_empty()).then(|| Settings::of(settings)),
                    immutable: HeaderValue::try_from(format!("public, max-age={age}, immutable"))
                        .unwrap_or(HeaderValue::from_static("no-cache")),
                }))
            }
        }
    }

    fn forget(&mut self, table: &GatewayTable) {
        self.limiters
            .retain(|name, _| table.limits.contains_key(name));
        self.gates
            .retain(|name, _| table.services.contains_key(name));
        self.endpoints
            .retain(|_, endpoint| endpoint.strong_count() > 0);
        let routes: HashSet<&str> = table
            .routes
            .iter()
            .map(|route| route.name.as_str())
            .collect();
        self.stats.retain(|name, _| routes.contains(name.as_str()));
        let used = artefacts(table);
        self.folders.retain(|digest, _| used.contains(digest));
    }
}

struct Context<'a> {
    table: &'a GatewayTable,
    replicas: &'a BTreeMap<String, Vec<Replica>>,
}

impl Snapshot {
    /// Whether a pool belongs to a replica of this snapshot.
    pub(crate) fn knows_pool(&self, pool: u64) -> bool {
        self.pools.contains(&pool)
    }
}

/// The pool of one of a replica's ports.
pub(crate) fn pool_key(endpoint: u64, port: u64) -> u64 {
    endpoint * POOLS_PER_ENDPOINT + port.min(POOLS_PER_ENDPOINT - 1)
}

/// The artefacts that a table serves files of.
pub(crate) fn artefacts(table: &GatewayTable) -> BTreeSet<&Digest> {
    table
        .routes
        .iter()
        .filter_map(|route| match &route.to {
            Destination::Files { artefact, .. } => Some(artefact),
            Destination::Service { .. } => None,
        })
        .collect()
}
