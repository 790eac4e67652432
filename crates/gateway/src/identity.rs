//! Who the gateway is to services that ask for a certificate, and by whom it knows them: `upstream/cert.pem`,
//! `upstream/key.pem` and `upstream/ca.pem` in its folder, loaded again when they change.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use plimsoll_stdx::fs;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A chain of ten certificates is 20 KiB.
const MAX_PEM: u64 = 256 * 1024;
/// Its files.
const FILES: [&str; 3] = ["cert.pem", "key.pem", "ca.pem"];

/// What tells one version of the files from the next: the time and the inode of each.
type Stamp = [(SystemTime, u64); 3];

/// The gateway's certificate for services, and the authority that it believes.
#[derive(Debug)]
pub(crate) struct Identity {
    dir: PathBuf,
    config: RwLock<Option<Arc<ClientConfig>>>,
    seen: Mutex<Option<Stamp>>,
}

/// A service that is spoken to by mutual TLS.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Who we are to it.
    pub(crate) identity: Arc<Identity>,
    /// The name that its certificate must have.
    pub(crate) name: ServerName<'static>,
}

impl Identity {
    /// Looks into `dir` later; nothing is loaded yet.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            config: RwLock::new(None),
            seen: Mutex::new(None),
        }
    }

    /// Loads the files if they have changed. Files that cannot be used leave those in force; the error says why.
    /// Blocks.
    pub(crate) fn refresh(&self) -> Result<(), String> {
        let stamp = self.stamp().map_err(|error| self.describe(&error))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == Some(stamp) {
            return Ok(());
        }
        let config = self.load().map_err(|error| self.describe(&error))?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(config));
        *seen = Some(stamp);
        Ok(())
    }

    fn describe(&self, error: &io::Error) -> String {
        let dir = self.dir.display();
        format!(
            "services are asked for mutual TLS, and the certificate in {dir} cannot be used: {error}"
        )
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let mut stamp = [(SystemTime::UNIX_EPOCH, 0); 3];
        for (place, name) in stamp.iter_mut().zip(FILES) {
            let metadata = self.dir.join(name).metadata()?;
            *place = (metadata.modified()?, metadata.ino());
        }
        Ok(stamp)
    }

    fn load(&self) -> io::Result<ClientConfig> {
        let [chain, key, roots] = FILES.map(|name| {
            let read = fs::read_bounded(&self.dir.join(name), MAX_PEM);
            read.map_err(io::Error::other)
        });
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain?).collect();
        let key = PrivateKeyDer::from_pem_slice(&key?).map_err(io::Error::other)?;
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&roots?) {
            let root = root.map_err(io::Error::other)?;
            store.add(root).map_err(io::Error::other)?;
        }
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(store)
            .with_client_auth_cert(chain.map_err(io::Error::other)?, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Peer {
    /// Proves who both are on a connection that was opened. Without a certificate of ours nothing is said on it.
    pub(crate) async fn greet(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self
            .identity
            .config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let config = config.ok_or_else(|| io::Error::other("the gateway has no certificate"))?;
        let connector = TlsConnector::from(config);
        connector.connect(self.name.clone(), stream).await
    }
}
