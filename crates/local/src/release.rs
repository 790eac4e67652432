//! Releases on disk: written once, read by the daemon, never changed.

use plimsoll_bundle::local::LocalBundle;
use plimsoll_deploy::{Release, ReleaseId};
use plimsoll_stdx::fs::{at, create_dir_private, read_bounded, write_atomic};
use serde::de::DeserializeOwned;

use crate::{EnvDir, LocalError};

/// Longest document of a release; the bundle of a hundred services is below 1 MiB.
const DOCUMENT_MAX: u64 = 16 << 20;

/// A release and its bundle.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// The release.
    pub(crate) release: Release,
    /// What it runs and routes.
    pub(crate) bundle: LocalBundle,
}

/// Keeps a release. The release file comes last: it says that the bundle is whole.
pub(crate) fn keep(env: &EnvDir, kept: &Kept) -> Result<(), LocalError> {
    let dir = env.release(kept.release.id.as_str());
    create_dir_private(&env.path().join("releases"))?;
    create_dir_private(&dir)?;
    if dir.join("release.json").is_file() && load(env, &kept.release.id).is_ok() {
        return Ok(());
    }
    let encode = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| LocalError::Protocol(error.to_string()))
    };
    write_atomic(
        &dir.join("bundle.json"),
        &encode(serde_json::to_vec_pretty(&kept.bundle))?,
    )?;
    write_atomic(
        &dir.join("release.json"),
        &encode(serde_json::to_vec_pretty(&kept.release))?,
    )?;
    Ok(())
}

/// Every release that is whole, in no order.
pub(crate) fn all(env: &EnvDir) -> Result<Vec<ReleaseId>, LocalError> {
    let folder = env.path().join("releases");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(at("list", &folder))? {
        let entry = entry.map_err(at("list", &folder))?;
        // A folder without a release file was never finished, or is being removed.
        if let Ok(id) = entry.file_name().to_string_lossy().parse::<ReleaseId>()
            && entry.path().join("release.json").is_file()
        {
            found.push(id);
        }
    }
    Ok(found)
}

/// Reads a release and its bundle, and checks that neither was changed since.
pub(crate) fn load(env: &EnvDir, id: &ReleaseId) -> Result<Kept, LocalError> {
    let dir = env.release(id.as_str());
    if !dir.is_dir() {
        return Err(LocalError::Unknown {
            what: "release",
            name: id.to_string(),
        });
    }
    let release: Release = read(&dir.join("release.json"))?;
    let path = dir.join("release.json");
    release
        .header
        .ensure(Release::FORMAT, Release::VERSION)
        .map_err(|source| LocalError::Document {
            path: path.clone(),
            source,
        })?;
    if !release.is_intact() || release.id != *id {
        return Err(LocalError::Edited { path });
    }
    let path = dir.join("bundle.json");
    let bundle: LocalBundle = read(&path)?;
    bundle
        .header
        .ensure(LocalBundle::FORMAT, LocalBundle::VERSION)
        .map_err(|source| LocalError::Document {
            path: path.clone(),
            source,
        })?;
    if bundle.digest()? != release.parts.bundle {
        return Err(LocalError::Edited { path });
    }
    Ok(Kept { release, bundle })
}

fn read<T: DeserializeOwned>(path: &std::path::Path) -> Result<T, LocalError> {
    let bytes = read_bounded(path, DOCUMENT_MAX)?;
    serde_json::from_slice(&bytes).map_err(|_| LocalError::Edited {
        path: path.to_owned(),
    })
}
