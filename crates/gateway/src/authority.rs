//! The instance's own certificate authority, for names of this machine and no others.
//!
//! Its certificate carries name constraints (`localhost`, `.localhost`, 127.0.0.0/8, ::1), so that a person can
//! trust it without giving whoever steals its key the power to speak for a bank.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use plimsoll_stdx::fs::{self, FsError};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};
use sha2::{Digest, Sha256};

/// The authority's certificate, for trust stores.
pub const CERTIFICATE: &str = "ca.pem";
/// The authority's key.
pub const KEY: &str = "ca.key";

/// How long the authority lasts: longer than a project's working copy, and it is made anew when it is deleted.
const LIFE: Duration = Duration::from_hours(10 * 365 * 24);
/// Clocks of virtual machines jump back by minutes after a suspend.
const BACKDATED: Duration = Duration::from_hours(24);
/// A PEM file of ours is under 2 KiB.
const MAX_PEM: u64 = 64 * 1024;

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub struct PemPair {
    /// The leaf, then the authority.
    pub certificates: String,
    /// The leaf's key. Secret.
    pub key: String,
}

impl std::fmt::Debug for PemPair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PemPair")
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

/// Why there is no authority or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] FsError),
    /// One of the two files is missing or damaged. Deleting both makes a new authority, which must be trusted anew.
    #[error(
        "the authority in {dir} is damaged; delete {CERTIFICATE} and {KEY} there to make a new one"
    )]
    Damaged {
        /// The folder.
        dir: String,
        /// What is wrong with the key, where it is the key.
        #[source]
        source: Option<rcgen::Error>,
    },
    /// The name is outside the authority's constraints.
    #[error("`{0}` is no name of this machine: localhost, names below it, 127.0.0.0/8 and ::1 are")]
    NotLocal(String),
    /// No name was given.
    #[error("a certificate needs at least one name")]
    NoName,
    /// The library refused.
    #[error("cannot make the certificate")]
    Make(#[from] rcgen::Error),
}

/// The instance's certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Reads `ca.pem` and `ca.key` in `dir`, or makes them (folder 0700, key 0600) when neither is there.
    pub fn load_or_create(dir: &Path) -> Result<Self, AuthorityError> {
        let certificate = read(&dir.join(CERTIFICATE))?;
        let key = read(&dir.join(KEY))?;
        let damaged = |source| AuthorityError::Damaged {
            dir: dir.display().to_string(),
            source,
        };
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let key = KeyPair::from_pem(&key).map_err(|error| damaged(Some(error)))?;
                if !certificate.contains("BEGIN CERTIFICATE") {
                    return Err(damaged(None));
                }
                Ok(Self::of(key, certificate))
            }
            // The key is written first: a certificate alone is damage, a key alone is an interrupted start.
            (None, _) => Self::create(dir),
            (Some(_), None) => Err(damaged(None)),
        }
    }

    fn create(dir: &Path) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let certificate = params_of_authority(&key).self_signed(&key)?.pem();
        fs::create_dir_private(dir)?;
        fs::write_atomic(&dir.join(KEY), key.serialize_pem().as_bytes())?;
        fs::write_atomic_mode(&dir.join(CERTIFICATE), certificate.as_bytes(), 0o644)?;
        Ok(Self::of(key, certificate))
    }

    fn of(key: KeyPair, certificate: String) -> Self {
        Self {
            issuer: Issuer::new(params_of_authority(&key), key),
            certificate,
        }
    }

    /// The authority's certificate as PEM, for trust stores.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// A server certificate for `names` (DNS names, `*.` at the start allowed, or addresses) with a fresh key,
    /// valid from a day ago until `validity` from now.
    ///
    /// `*.localhost` is left out: verifiers refuse a wildcard directly below a top-level name, and some refuse the
    /// whole certificate for it. Name the hosts instead.
    pub fn issue(&self, names: &[String], validity: Duration) -> Result<PemPair, AuthorityError> {
        let first = names.first().ok_or(AuthorityError::NoName)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named(first);
        for name in names {
            let name = local_name(name)?;
            if !matches!(&name, SanType::DnsName(name) if name.as_str() == "*.localhost") {
                params.subject_alt_names.push(name);
            }
        }
        if params.subject_alt_names.is_empty() {
            return Err(AuthorityError::NoName);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, validity);
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(PemPair {
            certificates: format!("{}{}", leaf.pem(), self.certificate),
            key: key.serialize_pem(),
        })
    }
}

/// The same for the same key, so that an issuer can be made without parsing the certificate again.
fn params_of_authority(key: &KeyPair) -> CertificateParams {
    let print = Sha256::digest(key.public_key_raw());
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!(
        "Plimsoll local authority {:02x}{:02x}{:02x}{:02x}",
        print[0], print[1], print[2], print[3]
    ));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            // A DNS subtree covers the name itself and all below it.
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::V6(
                std::net::Ipv6Addr::LOCALHOST.octets(),
                [0xff; 16],
            )),
        ],
        excluded_subtrees: Vec::new(),
    });
    set_validity(&mut params, LIFE);
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn set_validity(params: &mut CertificateParams, validity: Duration) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(BACKDATED);
    params.not_after = epoch + now + validity;
}

fn local_name(name: &str) -> Result<SanType, AuthorityError> {
    let foreign = || AuthorityError::NotLocal(name.to_owned());
    if let Ok(address) = name.parse::<IpAddr>() {
        return if address.is_loopback() {
            Ok(SanType::IpAddress(address))
        } else {
            Err(foreign())
        };
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(SanType::DnsName(name.try_into()?));
    }
    Err(foreign())
}

fn read(path: &Path) -> Result<Option<String>, FsError> {
    match fs::read_bounded(path, MAX_PEM) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_second_load_finds_the_same_authority() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::load_or_create(dir.path()).unwrap();
        let second = Authority::load_or_create(dir.path()).unwrap();
        assert_eq!(first.certificate_pem(), second.certificate_pem());
    }

    #[test]
    fn names_of_this_machine_are_issued_for_and_others_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(dir.path()).unwrap();
        let day = Duration::from_hours(24);
        let good = names(&[
            "localhost",
            "app.localhost",
            "*.localhost",
            "127.0.0.1",
            "::1",
        ]);
        assert!(authority.issue(&good, day).is_ok());
        for bad in [
            "example.com",
            "localhost.example.com",
            "10.0.0.1",
            "notlocalhost",
            "",
        ] {
            let error = authority.issue(&names(&[bad]), day).unwrap_err();
            assert!(
                matches!(error, AuthorityError::NotLocal(_)),
                "{bad}: {error}"
            );
        }
        assert!(matches!(
            authority.issue(&[], day),
            Err(AuthorityError::NoName)
        ));
    }

    #[test]
    fn a_certificate_without_its_key_is_reported_and_a_key_without_certificate_starts_anew() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::load_or_create(dir.path()).unwrap();
        std::fs::remove_file(dir.path().join(CERTIFICATE)).unwrap();
        let second = Authority::load_or_create(dir.path()).unwrap();
        assert_ne!(first.certificate_pem(), second.certificate_pem());
        std::fs::remove_file(dir.path().join(KEY)).unwrap();
        let error = Authority::load_or_create(dir.path()).unwrap_err();
        assert!(error.to_string().contains("delete ca.pem"), "{error}");
    }

    #[test]
    fn keys_do_not_reach_debug_output() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(dir.path()).unwrap();
        let pair = authority
            .issue(&names(&["localhost"]), Duration::from_mins(1))
            .unwrap();
        let shown = format!("{pair:?}{authority:?}");
        assert!(!shown.contains("PRIVATE KEY"));
    }
}
