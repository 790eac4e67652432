//! A gateway without a keeper, for measurements: `standalone DIR HTTP_PORT HTTPS_PORT UPSTREAM`.
//!
//! It routes `/api` to UPSTREAM with everything on that a production table has, and makes its own certificate with the
//! local authority in DIR/ca. UPSTREAM is a port of 127.0.0.1, or `DOOR:PORT`: a port behind the door of a shim.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_bundle::endpoints::{Address, Cohort, Endpoint, Endpoints, Traffic};
use plimsoll_bundle::local::GatewayTable;
use plimsoll_gateway::authority::Authority;
use plimsoll_gateway::control::{Client, Hello};
use plimsoll_gateway::{Gateway, Settings};
use plimsoll_stdx::fs;
use rustix::net::{AddressFamily, SocketType, sockopt};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("DIR HTTP_PORT HTTPS_PORT UPSTREAM");
    let dir = PathBuf::from(next()?);
    let (http, https): (u16, u16) = (next()?.parse()?, next()?.parse()?);
    let upstream = address(&next()?)?;
    let cores = std::thread::available_parallelism()?.get();
    make_certificate(&dir)?;
    let settings = Settings {
        http: listen(http, cores)?,
        https: listen(https, cores)?,
        metrics: None,
        dir: dir.clone(),
    };
    let gateway = Gateway::start(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut client = Client::connect(&dir, Hello::new("bench", 1)).await?;
        let generation = client.info().table_generation + 1;
        client.put_table(generation, &table(http, https)?).await?;
        let mut endpoints = endpoints(upstream);
        endpoints.generation = client.info().endpoints_generation + 1;
        client.put_endpoints(&endpoints).await?;
        Ok::<(), Failure>(())
    })?;
    drop(runtime);
    gateway.wait();
    Ok(())
}

/// One socket per core on one port. The first bind is made without sharing, so that a port that somebody else
/// listens on (and would share with us) is an error.
fn listen(port: u16, cores: usize) -> Result<Vec<TcpListener>, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    drop(TcpListener::bind(address)?);
    let one = || -> Result<TcpListener, Failure> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, 1024)?;
        Ok(TcpListener::from(socket))
    };
    (0..cores).map(|_| one()).collect()
}

fn make_certificate(dir: &std::path::Path) -> Result<(), Failure> {
    let authority = Authority::load_or_create(&dir.join("ca"))?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let pair = authority.issue(&names, Duration::from_hours(24))?;
    let tls = dir.join("tls");
    fs::create_dir_private(&tls)?;
    fs::write_atomic(&tls.join("key.pem"), pair.key.as_bytes())?;
    fs::write_atomic(&tls.join("cert.pem"), pair.certificates.as_bytes())?;
    Ok(())
}

fn table(http: u16, https: u16) -> Result<GatewayTable, serde_json::Error> {
    let header = |name: &str, value: &str| serde_json::json!({"name": name, "value": value, "tls_only": false});
    let probe = serde_json::json!({
        "check": "connect", "port": "http", "every_ms": 2000, "timeout_ms": 1000, "failures": 2
    });
    serde_json::from_value(serde_json::json!({
        "format": GatewayTable::FORMAT, "version": 1, "app": "bench", "environment": "bench",
        "listeners": {"http": http, "https": https, "metrics": null},
        "tls": {"min": "1.2", "issuer": "local", "names": ["localhost"], "redirect": false},
        "headers": [
            header("x-content-type-options", "nosniff"),
            header("x-frame-options", "DENY"),
            header("referrer-policy", "no-referrer"),
            header("content-security-policy", "default-src 'self'"),
            header("strict-transport-security", "max-age=31536000"),
            header("permissions-policy", "geolocation=()"),
        ],
        "compress": [],
        "limits": {"general": {"requests": 1_000_000, "per_ms": 1000, "burst": 1_000_000, "by": ["ip"]}},
        "routes": [{
            "name": "api", "hosts": ["localhost", "127.0.0.1"], "path": "/api", "exact": false,
            "methods": [], "strip": false, "to": {"kind": "service", "service": "api", "port": "http"},
            "limit": "general", "body_bytes": 10_485_760, "timeout_ms": 30_000,
            "cors": {"origins": ["https://app.example.com"], "methods": ["GET"], "headers": [],
                     "expose": [], "credentials": true, "max_age_s": 600},
            "upgrade": false, "allow": [], "headers": [], "stream": false, "cache_control": null
        }],
        "services": {"api": {"readiness": probe,
                             "drain": {"requests_ms": 1000, "sockets_ms": 1000, "grace_ms": 1000}}},
        "trusted": [], "allow": [], "maintenance": null, "cache_hashed_s": 31_536_000
    }))
}

fn address(upstream: &str) -> Result<Address, Failure> {
    Ok(match upstream.rsplit_once(':') {
        None => Address::Tcp((Ipv4Addr::LOCALHOST, upstream.parse()?).into()),
        Some((door, port)) => Address::Shim {
            socket: PathBuf::from(door),
            port: port.parse()?,
        },
    })
}

fn endpoints(upstream: Address) -> Endpoints {
    let mut document = Endpoints::empty();
    let replica = Endpoint {
        id: "api-0-1".to_owned(),
        release: "bench".to_owned(),
        ports: BTreeMap::from([("http".to_owned(), upstream)]),
        weight: 1,
        traffic: Traffic::Admitted,
        cohort: Cohort::Stable,
    };
    document.services.insert("api".to_owned(), vec![replica]);
    document
}
