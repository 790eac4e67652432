//! Artefacts and images on disk: how many bytes they take, and removing folders that nobody needs.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use plimsoll_bundle::Digest;
use plimsoll_image::oci::{Layout, media};
use plimsoll_stdx::fs::at;

use super::Cleaned;
use crate::{LocalError, StateDir};

/// What the artefacts and images named `needed` take. Layers that several images share count once.
pub(super) fn bytes_of(state: &StateDir, needed: &BTreeSet<Digest>) -> Result<u64, LocalError> {
    let mut bytes = 0;
    for digest in needed {
        bytes += size(&state.artefacts().join(digest.hex()))?;
    }
    let Ok(layout) = Layout::open(state.images()) else {
        return Ok(bytes);
    };
    let mut counted = BTreeSet::new();
    for digest in needed {
        // What is no image, and what is not there any more, takes nothing.
        let Ok(image) = layout.resolve(digest.as_str()) else {
            continue;
        };
        if media::is_manifest(&image.media_type)
            && let Ok(manifest) = layout.manifest(&image)
        {
            for blob in manifest.blobs() {
                if counted.insert(blob.digest.clone()) {
                    bytes += blob.size;
                }
            }
        }
    }
    Ok(bytes)
}

/// Removes artefacts that nobody needs and that are not `young`; under a `plan` they are only counted.
pub(super) fn artefacts(
    state: &StateDir,
    needed: &BTreeSet<Digest>,
    (young, plan): (Duration, bool),
    cleaned: &mut Cleaned,
) -> Result<(), LocalError> {
    let folder = state.artefacts();
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&folder).map_err(at("list", &folder))? {
        let entry = entry.map_err(at("list", &folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        // What is no artefact is not ours to remove.
        let Ok(digest) = format!("sha256:{}", name.to_string_lossy()).parse::<Digest>() else {
            continue;
        };
        let written = entry.metadata().and_then(|data| data.modified());
        let written = written.map_err(at("look at", &path))?;
        let age = SystemTime::now().duration_since(written);
        if needed.contains(&digest) || age.unwrap_or_default() < young {
            continue;
        }
        cleaned.artefacts += 1;
        cleaned.bytes += size(&path)?;
        if !plan {
            std::fs::remove_dir_all(&path).map_err(at("remove", &path))?;
        }
    }
    Ok(())
}

/// The bytes of all files below `path`; 0 where there is nothing.
fn size(path: &Path) -> Result<u64, LocalError> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(at("look at", path)(error).into()),
    };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).map_err(at("list", path))? {
        bytes += size(&entry.map_err(at("list", path))?.path())?;
    }
    Ok(bytes)
}
