//! Documents for as long as this machine runs.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::PRIVATE_FILE;
use plimsoll_store::state::{self, Format};
use serde::Serialize;

/// Replaces the document at `path` at once for every reader, and not for a power cut: what a shim says of its
/// processes says nothing after a boot, and waiting for the disk costs a third of a start. What a power cut leaves is
/// the old document, the new one, or none that can be read, and each is taken for what it is.
pub(super) fn keep(path: &Path, format: Format, body: &impl Serialize) -> Result<(), String> {
    let bytes = state::encode(format, body).map_err(|error| error.to_string())?;
    let fresh = path.with_extension("new");
    put(&fresh, &bytes, PRIVATE_FILE)?;
    std::fs::rename(&fresh, path).map_err(|error| unwritten(path, &error))
}

/// A document that is written where there is none, and may be written once more with more in it.
///
/// It is not replaced but written over, which costs a start a twentieth less: until it is whole it cannot be read, and
/// what cannot be read is taken for none. So it is for what nobody reads before both are done but after a crash.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    format: Format,
}

impl Draft {
    /// Writes the document at `path`.
    pub(super) fn begin(
        path: &Path,
        format: Format,
        body: &impl Serialize,
    ) -> Result<Self, String> {
        let draft = Self {
            file: create(path, PRIVATE_FILE)?,
            path: path.to_owned(),
            format,
        };
        draft.amend(body)?;
        Ok(draft)
    }

    /// Writes it again, longer than before.
    pub(super) fn amend(&self, body: &impl Serialize) -> Result<(), String> {
        let bytes = state::encode(self.format, body).map_err(|error| error.to_string())?;
        let written = self.file.write_all_at(&bytes, 0);
        written.map_err(|error| unwritten(&self.path, &error))
    }
}

/// Writes a file that nobody reads yet.
pub(super) fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    let mut file = create(path, mode)?;
    let written = file.write_all(bytes);
    written.map_err(|error| unwritten(path, &error))
}

fn create(path: &Path, mode: u32) -> Result<File, String> {
    let created = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .and_then(|file| {
            if mode & !PRIVATE_FILE != 0 {
                // The mode at creation is cut by the umask.
                file.set_permissions(Permissions::from_mode(mode))?;
            }
            Ok(file)
        });
    created.map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_document_is_replaced_whole_and_leaves_nothing_beside_it() {
        const FORMAT: Format = Format {
            name: "plimsoll.test",
            version: 1,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        for text in ["longer text", "short"] {
            let body = BTreeMap::from([("text", text)]);
            keep(&path, FORMAT, &body).unwrap();
            let read: BTreeMap<String, serde_json::Value> = state::load(&path, FORMAT).unwrap();
            assert_eq!(read["text"], text);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let draft = Draft::begin(&path, FORMAT, &BTreeMap::from([("a", 1)])).unwrap();
        draft.amend(&BTreeMap::from([("a", 1), ("b", 2)])).unwrap();
        let read: BTreeMap<String, serde_json::Value> = state::load(&path, FORMAT).unwrap();
        assert_eq!(read["b"], 2);
    }
}
