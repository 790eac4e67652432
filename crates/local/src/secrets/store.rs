//! One file per version of a secret; the newest version is the highest number.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_bundle::local::{Header, HeaderError};
use plimsoll_stdx::fs::{FsError, at, create_dir_private, read_bounded, write_atomic};
use serde::{Deserialize, Serialize};

use super::generate::{generate, hex, unhex};
use super::{Key, Secret, SecretPlan, cipher};

const FORMAT: &str = "plimsoll.secret";
const VERSION: u32 = 1;

/// Longest value: keys and certificates chains fit, a database does not.
pub(super) const VALUE_MAX: usize = 64 * 1024;
/// Twice the longest value in hexadecimal digits, and the fields around it.
const FILE_MAX: u64 = 4 * VALUE_MAX as u64;

/// Secrets of one environment. One writer at a time: the caller holds the environment's lock.
#[derive(Debug, Clone)]
pub struct SecretStore {
    dir: PathBuf,
    /// Instance and environment: a file of another one opens no more.
    scope: String,
    key: Key,
}

/// What may be said of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// Its newest version.
    pub version: u32,
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A name that is no file name.
    #[error(
        "`{0}` cannot be the name of a secret: use lower-case letters, digits, `-`, `_` and `.`"
    )]
    Name(String),
    /// Somebody has to say it first.
    #[error("the secret `{name}` has no value yet")]
    Missing {
        /// Its name.
        name: String,
    },
    /// Empty, or too long.
    #[error("the value of `{name}` has {len} bytes; it needs 1 to {VALUE_MAX}")]
    Length {
        /// Its name.
        name: String,
        /// Bytes.
        len: usize,
    },
    /// The file does not open with this key.
    #[error(
        "{} does not open with this machine's key: it was changed, moved, or written with another key",
        path.display()
    )]
    Tampered {
        /// The file.
        path: PathBuf,
    },
    /// The file is no secret of ours.
    #[error("{} is not a secret", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The file is of another format or a newer version.
    #[error("{} cannot be read", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: HeaderError,
    },
    /// The key file is damaged.
    #[error("{} does not hold a key of 64 hexadecimal digits", path.display())]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
    },
    /// The key file is open to others.
    #[error("{} has mode {mode:03o}: others can read the key", path.display())]
    KeyOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(flatten)]
    header: Header,
    /// Nonce and ciphertext in hexadecimal digits.
    sealed: String,
}

impl SecretStore {
    /// Opens the secrets in `dir`, which is created when missing. `scope` names instance and environment.
    pub fn open(dir: &Path, scope: &str, key: Key) -> Result<Self, SecretError> {
        create_dir_private(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            scope: scope.to_owned(),
            key,
        })
    }

    /// The newest version of `name`; where there is none it is generated, if the plan says so.
    ///
    /// Killed in the middle, it leaves the old state or the new one.
    pub fn ensure(&self, name: &str, plan: &SecretPlan) -> Result<u32, SecretError> {
        if let Some(version) = self.newest(name)? {
            return Ok(version);
        }
        self.rotate(name, plan)
    }

    /// Makes the next version of a generated secret. Replicas that run keep the old one until a release names the new.
    pub fn rotate(&self, name: &str, plan: &SecretPlan) -> Result<u32, SecretError> {
        match plan {
            SecretPlan::Generate { length, alphabet } => {
                self.set(name, &generate(*length, *alphabet))
            }
            SecretPlan::Ask { .. } => Err(SecretError::Missing {
                name: name.to_owned(),
            }),
        }
    }

    /// Keeps `value` as the next version. Durable when it returns.
    pub fn set(&self, name: &str, value: &Secret) -> Result<u32, SecretError> {
        let len = value.expose().len();
        if len == 0 || len > VALUE_MAX {
            return Err(SecretError::Length {
                name: name.to_owned(),
                len,
            });
        }
        let version = self
            .newest(name)?
            .map_or(1, |newest| newest.saturating_add(1));
        let label = self.label(name, version);
        // The cipher fails only beyond 256 GiB, far above the bound just checked.
        let sealed =
            cipher::seal(&self.key, &label, value.expose().as_bytes()).ok_or_else(|| {
                SecretError::Length {
                    name: name.to_owned(),
                    len,
                }
            })?;
        let document = Document {
            header: Header::new(FORMAT, VERSION),
            sealed: hex(&sealed),
        };
        let path = self.path(name, version);
        let text = serde_json::to_vec(&document).map_err(|source| SecretError::Unreadable {
            path: path.clone(),
            source,
        })?;
        write_atomic(&path, &text)?;
        Ok(version)
    }

    /// The value of one version.
    pub fn get(&self, name: &str, version: u32) -> Result<Secret, SecretError> {
        ensure_name(name)?;
        let path = self.path(name, version);
        let text = match read_bounded(&path, FILE_MAX) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => {
                return Err(SecretError::Missing {
                    name: name.to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let document: Document =
            serde_json::from_slice(&text).map_err(|source| SecretError::Unreadable {
                path: path.clone(),
                source,
            })?;
        document
            .header
            .ensure(FORMAT, VERSION)
            .map_err(|source| SecretError::Header {
                path: path.clone(),
                source,
            })?;
        let label = self.label(name, version);
        unhex(&document.sealed)
            .and_then(|sealed| cipher::open(&self.key, &label, &sealed))
            .and_then(|plain| String::from_utf8(plain).ok())
            .map(Secret::new)
            .ok_or(SecretError::Tampered { path })
    }

    /// The newest version of `name`, if there is one.
    pub fn newest(&self, name: &str) -> Result<Option<u32>, SecretError> {
        ensure_name(name)?;
        Ok(self.versions()?.get(name).copied())
    }

    /// Every secret by name, values left out.
    pub fn list(&self) -> Result<Vec<SecretInfo>, SecretError> {
        let versions = self.versions()?;
        Ok(versions
            .into_iter()
            .map(|(name, version)| SecretInfo { name, version })
            .collect())
    }

    fn versions(&self) -> Result<BTreeMap<String, u32>, SecretError> {
        let mut newest = BTreeMap::new();
        for entry in std::fs::read_dir(&self.dir).map_err(at("list", &self.dir))? {
            let entry = entry.map_err(at("list", &self.dir))?;
            // Leftovers of a write that was killed begin with a dot and match no name.
            if let Some((name, version)) = parse_file_name(&entry.file_name().to_string_lossy()) {
                let known = newest.entry(name).or_insert(version);
                *known = version.max(*known);
            }
        }
        Ok(newest)
    }

    fn path(&self, name: &str, version: u32) -> PathBuf {
        self.dir.join(format!("{name}.v{version}"))
    }

    fn label(&self, name: &str, version: u32) -> String {
        format!("{FORMAT}\n{VERSION}\n{}\n{name}\n{version}", self.scope)
    }
}

fn parse_file_name(file: &str) -> Option<(String, u32)> {
    let (name, version) = file.rsplit_once(".v")?;
    ensure_name(name).ok()?;
    Some((name.to_owned(), version.parse().ok()?))
}

/// A name has 1 to 100 characters, begins with a letter or digit, and leaves its folder by no trick.
fn ensure_name(name: &str) -> Result<(), SecretError> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && name.len() <= 100 && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(SecretError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Alphabet;

    const PLAN: SecretPlan = SecretPlan::Generate {
        length: 20,
        alphabet: Alphabet::Alphanumeric,
    };

    fn store(dir: &Path, scope: &str) -> SecretStore {
        let key = Key::open(&dir.join("key")).unwrap();
        SecretStore::open(&dir.join("secrets"), scope, key).unwrap()
    }

    #[test]
    fn a_generated_secret_is_made_once_and_rotated_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop-1/development");
        assert_eq!(store.ensure("jwt", &PLAN).unwrap(), 1);
        assert_eq!(store.ensure("jwt", &PLAN).unwrap(), 1);
        let first = store.get("jwt", 1).unwrap();
        assert_eq!(store.rotate("jwt", &PLAN).unwrap(), 2);
        assert_ne!(store.get("jwt", 2).unwrap(), first);
        assert_eq!(
            store.get("jwt", 1).unwrap(),
            first,
            "the old version can still be had"
        );
        assert_eq!(
            store.list().unwrap(),
            [SecretInfo {
                name: "jwt".into(),
                version: 2
            }]
        );
    }

    #[test]
    fn a_secret_to_ask_for_is_missing_until_it_was_said() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop-1/development");
        let plan = SecretPlan::Ask {
            question: "token".into(),
            optional: false,
        };
        assert!(matches!(
            store.ensure("hook", &plan),
            Err(SecretError::Missing { .. })
        ));
        store.set("hook", &Secret::new("said")).unwrap();
        assert_eq!(store.ensure("hook", &plan).unwrap(), 1);
    }

    #[test]
    fn nothing_of_a_value_is_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop-1/development");
        store
            .set("jwt", &Secret::new("correct horse battery staple"))
            .unwrap();
        let text = std::fs::read_to_string(dir.path().join("secrets/jwt.v1")).unwrap();
        for part in ["horse", &hex(b"horse")] {
            assert!(!text.contains(part));
        }
    }

    #[test]
    fn a_file_that_was_changed_moved_or_cut_or_has_another_key_or_scope_does_not_open() {
        let dir = tempfile::tempdir().unwrap();
        let shop = store(dir.path(), "shop-1/development");
        shop.set("jwt", &Secret::new("value")).unwrap();
        let file = dir.path().join("secrets/jwt.v1");
        let text = std::fs::read_to_string(&file).unwrap();

        std::fs::copy(&file, dir.path().join("secrets/other.v1")).unwrap();
        std::fs::copy(&file, dir.path().join("secrets/jwt.v2")).unwrap();
        assert!(matches!(
            shop.get("other", 1),
            Err(SecretError::Tampered { .. })
        ));
        assert!(matches!(
            shop.get("jwt", 2),
            Err(SecretError::Tampered { .. })
        ));
        let staging = store(dir.path(), "shop-1/staging");
        assert!(matches!(
            staging.get("jwt", 1),
            Err(SecretError::Tampered { .. })
        ));
        let stranger = SecretStore {
            key: Key([7; 32]),
            ..shop.clone()
        };
        assert!(matches!(
            stranger.get("jwt", 1),
            Err(SecretError::Tampered { .. })
        ));

        for end in 0..text.len() {
            write_atomic(&file, &text.as_bytes()[..end]).unwrap();
            assert!(shop.get("jwt", 1).is_err(), "cut after {end} bytes");
        }
        let last = text.rfind('"').unwrap() - 1;
        let other = if text.as_bytes()[last] == b'0' {
            "1"
        } else {
            "0"
        };
        let flipped = format!("{}{other}{}", &text[..last], &text[last + 1..]);
        write_atomic(&file, flipped.as_bytes()).unwrap();
        assert!(matches!(
            shop.get("jwt", 1),
            Err(SecretError::Tampered { .. })
        ));
    }

    #[test]
    fn what_a_killed_write_leaves_behind_is_no_version() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop-1/development");
        store.ensure("jwt", &PLAN).unwrap();
        write_atomic(
            &dir.path().join("secrets/.jwt.v2.0011223344556677.tmp"),
            b"{",
        )
        .unwrap();
        assert_eq!(store.newest("jwt").unwrap(), Some(1));
        assert_eq!(store.rotate("jwt", &PLAN).unwrap(), 2);
    }

    #[test]
    fn a_secret_of_version_one_still_opens() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = dir.path().join("secrets");
        create_dir_private(&secrets).unwrap();
        let file = include_bytes!("../../tests/formats/jwt.v1");
        write_atomic(&secrets.join("jwt.v1"), file).unwrap();
        let store = SecretStore::open(&secrets, "shop-1/development", Key([42; 32])).unwrap();
        assert_eq!(store.get("jwt", 1).unwrap().expose(), "of version one");
    }

    #[test]
    fn names_that_leave_the_folder_and_values_without_content_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop-1/development");
        for name in ["", "..", "../key", "a/b", ".hidden", "UPPER", "a\0b"] {
            assert!(
                matches!(store.newest(name), Err(SecretError::Name(_))),
                "{name}"
            );
        }
        assert!(matches!(
            store.set("a", &Secret::new("")),
            Err(SecretError::Length { .. })
        ));
    }
}
