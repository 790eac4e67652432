//! Certificates at the edge: loaded from `tls/cert.pem` and `tls/key.pem`, and again when they change.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use plimsoll_bundle::local::TlsVersion;
use plimsoll_stdx::fs::{self, FsError};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::control::TlsStatus;

/// A chain of ten certificates is 20 KiB.
const MAX_PEM: u64 = 256 * 1024;

/// The certificate in force, or none.
#[derive(Debug)]
pub(crate) struct Certificates {
    dir: PathBuf,
    config: RwLock<Option<Arc<ServerConfig>>>,
    seen: Mutex<Option<Stamp>>,
    error: Mutex<Option<String>>,
    loads: AtomicU64,
    chain: AtomicU64,
}

/// What tells one version of the files from the next.
type Stamp = (SystemTime, u64, SystemTime, u64, TlsVersion);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file.
    #[error(transparent)]
    Files(#[from] FsError),
    /// Its content.
    #[error("{} is not what it should be: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The two do not fit together, or the algorithm is unknown.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Certificates {
    /// Looks into `dir` later; nothing is loaded yet.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            config: RwLock::new(None),
            seen: Mutex::new(None),
            error: Mutex::new(None),
            loads: AtomicU64::new(0),
            chain: AtomicU64::new(0),
        }
    }

    /// What handshakes are made with.
    pub(crate) fn config(&self) -> Option<Arc<ServerConfig>> {
        self.config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Loads the files if they have changed. A pair that cannot be used leaves the one in force, and is reported by
    /// [`Certificates::error`]; the next look tries again. Blocks for a file read.
    pub(crate) fn refresh(&self, min: TlsVersion) {
        let stamp = self.stamp(min);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp.is_some() && *seen == stamp {
            return;
        }
        let outcome = self.load(min);
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok((config, chain)) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::new(config));
                self.chain.store(chain as u64, Ordering::Relaxed);
                self.loads.fetch_add(1, Ordering::Relaxed);
                *seen = stamp;
                *error = None;
            }
            Err(reason) => *error = Some(reason.to_string()),
        }
    }

    /// Why the newest files are not in force.
    pub(crate) fn error(&self) -> Option<String> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What is in force.
    pub(crate) fn status(&self) -> Option<TlsStatus> {
        self.config()?;
        Some(TlsStatus {
            loads: self.loads.load(Ordering::Relaxed),
            chain: usize::try_from(self.chain.load(Ordering::Relaxed)).unwrap_or(0),
        })
    }

    fn paths(&self) -> (PathBuf, PathBuf) {
        (self.dir.join("cert.pem"), self.dir.join("key.pem"))
    }

    fn stamp(&self, min: TlsVersion) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt;
        let (cert, key) = self.paths();
        let of = |metadata: Metadata| Some((metadata.modified().ok()?, metadata.ino()));
        let (cert_time, cert_inode) = of(cert.metadata().ok()?)?;
        let (key_time, key_inode) = of(key.metadata().ok()?)?;
        Some((cert_time, cert_inode, key_time, key_inode, min))
    }

    fn load(&self, min: TlsVersion) -> Result<(ServerConfig, usize), TlsError> {
        let (cert, key) = self.paths();
        let pem = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Pem { path, source }
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&fs::read_bounded(&cert, MAX_PEM)?).collect();
        let chain = chain.map_err(pem(&cert))?;
        let length = chain.len();
        let key_bytes = fs::read_bounded(&key, MAX_PEM)?;
        let private = PrivateKeyDer::from_pem_slice(&key_bytes).map_err(pem(&key))?;
        let versions: &[&rustls::SupportedProtocolVersion] = match min {
            TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::V1_3 => &[&rustls::version::TLS13],
        };
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(chain, private)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        // Two tickets cost a write per handshake; clients use one.
        config.send_tls13_tickets = 1;
        Ok((config, length))
    }
}
