//! A gateway with a certificate, and connections to it.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_bundle::local::TlsVersion;
use plimsoll_gateway::authority::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Edge;
use super::backend::Backend;
use super::documents::{endpoints, route, table};

pub(crate) fn authority(edge: &Edge) -> Authority {
    Authority::load_or_create(&edge.dir.path().join("ca")).unwrap()
}

pub(crate) fn issue(edge: &Edge) {
    let names = [
        "localhost".to_owned(),
        "*.localhost".to_owned(),
        "app.localhost".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    let pair = authority(edge)
        .issue(&names, Duration::from_hours(24))
        .unwrap();
    let tls = edge.dir.path().join("tls");
    plimsoll_stdx::fs::create_dir_private(&tls).unwrap();
    plimsoll_stdx::fs::write_atomic(&tls.join("key.pem"), pair.key.as_bytes()).unwrap();
    plimsoll_stdx::fs::write_atomic(&tls.join("cert.pem"), pair.certificates.as_bytes()).unwrap();
}

pub(crate) fn edge(backend: &Backend, min: TlsVersion) -> Edge {
    let mut routes = vec![route("api", "/", "api")];
    routes[0].upgrade = true;
    let mut table = table(routes);
    table.tls.min = min;
    let mut edge = Edge::empty();
    issue(&edge);
    edge.put_endpoints(&endpoints(1, "api", &[backend.address]));
    edge.put_table(&table);
    edge.wait_until_ready();
    edge
}

pub(crate) async fn dial(
    edge: &Edge,
    versions: &[&'static SupportedProtocolVersion],
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let pem = authority(edge);
    roots
        .add(CertificateDer::from_pem_slice(pem.certificate_pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("app.localhost").unwrap();
    let stream = TcpStream::connect(edge.https).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}
