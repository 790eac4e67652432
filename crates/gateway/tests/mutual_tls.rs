//! Replicas that want to know who the gateway is, and prove who they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use plimsoll_gateway::control::Health;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{get, send};
use support::{Edge, eventually};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority of the test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// What the gateway shows, signed by this one, and whom it believes.
    fn give(&self, edge: &Edge, believed: &Self) {
        let (certificate, key) = self.issue("gateway", ExtendedKeyUsagePurpose::ClientAuth);
        let dir = edge.dir.path().join("upstream");
        plimsoll_stdx::fs::create_dir_private(&dir).unwrap();
        for (name, pem) in [
            ("cert.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
            ("ca.pem", believed.pem.clone()),
        ] {
            plimsoll_stdx::fs::write_atomic(&dir.join(name), pem.as_bytes()).unwrap();
        }
    }
}

/// Stands before a replica: lets in who has a certificate of `authority`.
fn guard(authority: &Authority, behind: SocketAddr) -> SocketAddr {
    let (certificate, key) = authority.issue("api.internal", ExtendedKeyUsagePurpose::ServerAuth);
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(let_in(listener, acceptor, behind));
    });
    address
}

async fn let_in(listener: std::net::TcpListener, acceptor: TlsAcceptor, behind: SocketAddr) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut inside) = acceptor.accept(stream).await else {
                return;
            };
            if let Ok(mut replica) = TcpStream::connect(behind).await {
                let _ = tokio::io::copy_bidirectional(&mut inside, &mut replica).await;
            }
        });
    }
}

fn put(edge: &mut Edge, replica: SocketAddr, name: &str) {
    let mut table = table(vec![route("api", "/", "api")]);
    table.services.get_mut("api").unwrap().mutual_tls = Some(name.to_owned());
    edge.put_endpoints(&endpoints(1, "api", &[replica]));
    edge.put_table(&table);
}

fn why(edge: &Edge) -> String {
    let endpoint = edge.status().endpoints.remove(0);
    assert_ne!(endpoint.health, Health::Ready);
    endpoint.last_error.unwrap_or_default()
}

#[test]
fn both_prove_who_they_are_and_requests_pass() {
    let (authority, backend) = (Authority::new(), Backend::start());
    let replica = guard(&authority, backend.address);
    let mut edge = Edge::empty();
    authority.give(&edge, &authority);
    put(&mut edge, replica, "api.internal");
    edge.wait_until_ready();
    assert_eq!(get(edge.http, "/json?100000").status, 200);
    let body = "x".repeat(200_000);
    let post = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n{body}");
    assert!(send(edge.http, &post).text().ends_with(" / 200000"));
}

#[test]
fn who_cannot_prove_it_gets_no_traffic_and_the_status_says_why() {
    let backend = Backend::start();
    let (authority, other) = (Authority::new(), Authority::new());
    let replica = guard(&authority, backend.address);
    for (name, ours, believed, wanted) in [
        ("another name", &authority, &authority, "other.internal"),
        ("our certificate", &other, &authority, "api.internal"),
        ("its certificate", &authority, &other, "api.internal"),
    ] {
        let mut edge = Edge::empty();
        ours.give(&edge, believed);
        put(&mut edge, replica, wanted);
        eventually(name, || !why(&edge).is_empty());
        assert_eq!(get(edge.http, "/").status, 503, "{name}");
    }
    assert_eq!(backend.requests(), 0);
}

#[test]
fn without_a_certificate_nothing_is_said_and_with_it_no_restart_is_needed() {
    let (authority, backend) = (Authority::new(), Backend::start());
    let replica = guard(&authority, backend.address);
    let mut edge = Edge::empty();
    put(&mut edge, replica, "api.internal");
    eventually("it is said", || why(&edge).contains("has no certificate"));
    let noted = |note: &String| note.contains("mutual TLS");
    assert!(edge.status().notes.iter().any(noted));
    authority.give(&edge, &authority);
    edge.wait_until_ready();
    assert_eq!(get(edge.http, "/").status, 200);
    // A plain replica is none that proves anything.
    edge.put_endpoints(&endpoints(2, "api", &[backend.address]));
    eventually("the plain one is not ready", || !why(&edge).is_empty());
    assert_eq!(get(edge.http, "/").status, 503);
}
