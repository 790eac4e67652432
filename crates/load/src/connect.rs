//! Opening a connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Address;

/// A connection that takes longer counts as refused: a browser's user has gone by then.
const WITHIN: Duration = Duration::from_secs(5);

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// A file of certificates.
    #[error("cannot read certificates from {}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A certificate in it.
    #[error("cannot trust a certificate")]
    Tls(#[from] rustls::Error),
}

/// A byte stream to a server.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens connections, plain and over TLS.
#[derive(Clone)]
pub struct Connector {
    tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    /// Trusts what the authorities in the PEM files `authorities` sign, and nothing else; without any, every
    /// connection over TLS fails.
    pub fn try_new(authorities: &[&Path]) -> Result<Self, ConnectorError> {
        let mut roots = RootCertStore::empty();
        for path in authorities {
            let unreadable = |source| ConnectorError::Pem {
                path: path.to_path_buf(),
                source,
            };
            for authority in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots.add(authority.map_err(unreadable)?)?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Arc::new(tls) })
    }

    /// A connection to `address`, within five seconds.
    pub(crate) async fn open(&self, address: &Address) -> io::Result<Box<dyn Stream>> {
        timeout(WITHIN, self.dial(address))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection in 5 s"))?
    }

    async fn dial(&self, address: &Address) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(address.dial).await?;
        stream.set_nodelay(true)?;
        if !address.tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls));
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}
