//! The key: 32 random bytes in a file of its own, 0600, outside the state directory.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{create_dir_private, read_bounded, write_atomic};
use plimsoll_stdx::random;

use super::generate::{hex, unhex};
use super::store::SecretError;

/// 64 digits and a line end.
const FILE_MAX: u64 = 65;

/// The key that secrets are encrypted with. Its `Debug` is `***`.
#[derive(Clone)]
pub struct Key(pub(super) [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl Key {
    /// Reads the key, or makes one when the file is not there. A file that others can read is refused: what was
    /// encrypted with it has to count as known.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        match read_bounded(path, FILE_MAX) {
            Ok(bytes) => {
                ensure_private(path)?;
                parse(&bytes).ok_or_else(|| SecretError::KeyUnreadable {
                    path: path.to_owned(),
                })
            }
            Err(error) if error.is_not_found() => Self::create(path),
            Err(error) => Err(error.into()),
        }
    }

    fn create(path: &Path) -> Result<Self, SecretError> {
        let key = random::bytes();
        if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
            create_dir_private(parent)?;
        }
        write_atomic(path, format!("{}\n", hex(&key)).as_bytes())?;
        Ok(Self(key))
    }
}

fn ensure_private(path: &Path) -> Result<(), SecretError> {
    let metadata =
        std::fs::metadata(path).map_err(plimsoll_stdx::fs::at("read the permissions of", path))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(SecretError::KeyOpen {
            path: PathBuf::from(path),
            mode: metadata.mode() & 0o777,
        });
    }
    Ok(())
}

fn parse(bytes: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(Key(unhex(text.trim_end())?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plimsoll/key");
        let made = Key::open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(Key::open(&path).unwrap().0, made.0);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        Key::open(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Key::open(&path),
            Err(SecretError::KeyOpen { mode: 0o644, .. })
        ));
        write_atomic(&path, b"short").unwrap();
        assert!(matches!(
            Key::open(&path),
            Err(SecretError::KeyUnreadable { .. })
        ));
    }
}
