//! Tables and endpoints documents, short to write.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::{Address, Cohort, Endpoint, Endpoints, Traffic};
use plimsoll_bundle::local::{
    Check, Destination, DrainSpec, GatewayService, GatewayTable, Header, HeaderValue, Listeners,
    Probe, RouteSpec, Sticky, TlsIssuer, TlsSpec, TlsVersion,
};

pub(crate) fn route(name: &str, path: &str, service: &str) -> RouteSpec {
    RouteSpec {
        name: name.to_owned(),
        hosts: Vec::new(),
        path: path.to_owned(),
        exact: false,
        methods: Vec::new(),
        strip: false,
        to: Destination::Service {
            service: service.to_owned(),
            port: "http".to_owned(),
        },
        limit: None,
        body_bytes: 1 << 20,
        timeout_ms: 5000,
        cors: None,
        upgrade: false,
        allow: Vec::new(),
        headers: Vec::new(),
        stream: false,
        cache_control: None,
        keep_ms: None,
    }
}

pub(crate) fn files(name: &str, path: &str, spa: Option<&str>) -> RouteSpec {
    let to = Destination::Files {
        service: "frontend".to_owned(),
        artefact: Digest::of(b"frontend"),
        spa: spa.map(str::to_owned),
        settings: BTreeMap::from([("API_BASE".to_owned(), "/api".to_owned())]),
    };
    RouteSpec {
        to,
        ..route(name, path, "frontend")
    }
}

pub(crate) fn table(routes: Vec<RouteSpec>) -> GatewayTable {
    let header = |name: &str, value: &str, tls_only| HeaderValue {
        name: name.to_owned(),
        value: value.to_owned(),
        tls_only,
    };
    GatewayTable {
        header: Header::new(GatewayTable::FORMAT, GatewayTable::VERSION),
        app: "test".to_owned(),
        environment: "test".to_owned(),
        listeners: Listeners {
            http: Some(80),
            https: Some(443),
            metrics: None,
        },
        tls: TlsSpec {
            min: TlsVersion::V1_2,
            issuer: TlsIssuer::Local,
            names: vec!["localhost".to_owned()],
            redirect: false,
        },
        headers: vec![
            header("x-content-type-options", "nosniff", false),
            header("strict-transport-security", "max-age=31536000", true),
        ],
        compress: Vec::new(),
        limits: BTreeMap::new(),
        services: services(&routes),
        routes,
        trusted: Vec::new(),
        allow: Vec::new(),
        maintenance: None,
        cache_hashed_s: 31_536_000,
    }
}

fn services(routes: &[RouteSpec]) -> BTreeMap<String, GatewayService> {
    let service = |route: &RouteSpec| match &route.to {
        Destination::Service { service, .. } => Some(service.clone()),
        Destination::Files { .. } => None,
    };
    let known = |name: String| {
        let readiness = Probe {
            check: Check::Get {
                port: "http".to_owned(),
                path: "/readyz".to_owned(),
            },
            every_ms: 200,
            timeout_ms: 1000,
            failures: 2,
        };
        let drain = DrainSpec {
            requests_ms: 5000,
            sockets_ms: 300,
            grace_ms: 1000,
        };
        let sticky = Sticky::None;
        (
            name,
            GatewayService {
                readiness,
                drain,
                sticky,
                mutual_tls: None,
            },
        )
    };
    routes.iter().filter_map(service).map(known).collect()
}

pub(crate) fn endpoints(generation: u64, service: &str, replicas: &[SocketAddr]) -> Endpoints {
    let mut document = Endpoints::empty();
    document.generation = generation;
    let replicas = replicas.iter().map(|address| Endpoint {
        id: format!("{service}-{}", address.port()),
        release: "r1".to_owned(),
        ports: BTreeMap::from([("http".to_owned(), Address::Tcp(*address))]),
        weight: 1,
        traffic: Traffic::Admitted,
        cohort: Cohort::Stable,
    });
    document
        .services
        .insert(service.to_owned(), replicas.collect());
    document
}

pub(crate) fn with_files(mut document: Endpoints, folder: &Path) -> Endpoints {
    document
        .files
        .insert(Digest::of(b"frontend"), folder.to_owned());
    document
}
