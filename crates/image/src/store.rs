//! Where artefacts are kept: one folder per digest, written once, never changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{sync_dir, write_atomic};
use serde::{Deserialize, Serialize};

use crate::BuildError;
use crate::tree::{self, Tree};

/// Artefacts by digest, below one folder.
#[derive(Debug, Clone)]
pub struct ArtefactStore {
    root: PathBuf,
}

/// What the store keeps beside a tree.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    tree: Tree,
}

/// A folder under construction; removed when dropped before it was kept.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
}

impl ArtefactStore {
    /// Opens the store at `root`, creating it, and removes what builds that were killed left behind.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BuildError> {
        let store = Self { root: root.into() };
        fs::create_dir_all(&store.root).map_err(BuildError::io("create", &store.root))?;
        store.sweep()?;
        Ok(store)
    }

    /// The folder of an artefact, whether it is there or not.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.hex())
    }

    /// The list of an artefact that is kept here, or nothing.
    pub fn tree(&self, digest: &Digest) -> Option<Tree> {
        let text = fs::read(self.manifest_path(digest)).ok()?;
        let manifest: Manifest = serde_json::from_slice(&text).ok()?;
        (manifest.tree.digest() == *digest && self.path(digest).is_dir()).then_some(manifest.tree)
    }

    /// Reads every byte of a kept artefact again and compares.
    pub fn verify(&self, digest: &Digest) -> Result<(), BuildError> {
        let path = self.path(digest);
        let kept = self.tree(digest).ok_or_else(|| BuildError::Damaged {
            digest: digest.clone(),
            path: self.manifest_path(digest),
        })?;
        match kept.first_difference(&Tree::read(&path)?) {
            None => Ok(()),
            Some(first) => Err(BuildError::Damaged {
                digest: digest.clone(),
                path: path.join(first),
            }),
        }
    }

    /// A new empty folder on the store's own file system.
    pub fn stage(&self) -> Result<Staging, BuildError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self
            .root
            .join(format!(".staging-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).map_err(BuildError::io("create", &path))?;
        Ok(Staging { path })
    }

    /// Gives the staged folder its name. Durable when it returns; an artefact that is already kept, and whole, is
    /// left alone.
    pub fn keep(&self, staging: &Staging) -> Result<(Digest, Tree), BuildError> {
        normalise_modes(staging.path())?;
        let tree = Tree::read(staging.path())?;
        let digest = tree.digest();
        if self.verify(&digest).is_ok() {
            return Ok((digest, tree));
        }
        sync_tree(staging.path())?;
        let path = self.path(&digest);
        if path.exists() {
            // Damaged, or without its list because a kill came between the two: good for nobody.
            fs::remove_dir_all(&path).map_err(BuildError::io("remove", &path))?;
        }
        fs::rename(staging.path(), &path).map_err(BuildError::io("rename", &path))?;
        self.write_manifest(&digest, &tree)?;
        Ok((digest, tree))
    }

    /// Written after the folder has its name: the list is what says that the artefact is whole.
    fn write_manifest(&self, digest: &Digest, tree: &Tree) -> Result<(), BuildError> {
        let manifest = Manifest {
            format: "plimsoll.artefact".into(),
            version: 1,
            tree: tree.clone(),
        };
        let path = self.manifest_path(digest);
        let text = serde_json::to_vec(&manifest)
            .map_err(std::io::Error::other)
            .map_err(BuildError::io("encode", &path))?;
        Ok(write_atomic(&path, &text)?)
    }

    fn manifest_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(format!("{}.json", digest.hex()))
    }

    fn sweep(&self) -> Result<(), BuildError> {
        for entry in fs::read_dir(&self.root).map_err(BuildError::io("list", &self.root))? {
            let entry = entry.map_err(BuildError::io("list", &self.root))?;
            if is_orphan(&entry.file_name().to_string_lossy()) {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(BuildError::io("remove", &path))?;
            }
        }
        Ok(())
    }
}

/// Whether `name` is a staging folder whose maker is gone.
fn is_orphan(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(".staging-") else {
        return false;
    };
    let maker = rest
        .split('-')
        .next()
        .and_then(|pid| pid.parse::<u32>().ok());
    maker.is_none_or(|pid| {
        pid != std::process::id() && !Path::new("/proc").join(pid.to_string()).exists()
    })
}

impl Staging {
    /// The folder to fill.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `keep` renamed the folder there is nothing left to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// 0755 for folders and programs, 0644 for the rest: the builder's umask must not be part of an artefact.
fn normalise_modes(root: &Path) -> Result<(), BuildError> {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(BuildError::io("set the mode of", path))
    };
    set(root, 0o755)?;
    for path in tree::list(root)? {
        let absolute = root.join(&path);
        if tree::is_link(&absolute) {
            // It has no mode of its own.
            continue;
        }
        let metadata = fs::metadata(&absolute).map_err(BuildError::io("look at", &absolute))?;
        let executable = metadata.permissions().mode() & 0o100 != 0;
        set(&absolute, if executable { 0o755 } else { 0o644 })?;
        for folder in path
            .ancestors()
            .skip(1)
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            set(&root.join(folder), 0o755)?;
        }
    }
    Ok(())
}

fn sync_tree(root: &Path) -> Result<(), BuildError> {
    for path in tree::list(root)? {
        let absolute = root.join(&path);
        // A link is durable with its folder.
        if !tree::is_link(&absolute) {
            File::open(&absolute)
                .and_then(|file| file.sync_all())
                .map_err(BuildError::io("flush", &absolute))?;
        }
        for folder in path.ancestors().skip(1) {
            let folder = root.join(folder);
            sync_dir(&folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, ArtefactStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = ArtefactStore::open(folder.path().join("rootfs")).unwrap();
        (folder, store)
    }

    fn keep(store: &ArtefactStore, text: &str) -> Digest {
        let staging = store.stage().unwrap();
        write_atomic(&staging.path().join("file"), text.as_bytes()).unwrap();
        store.keep(&staging).unwrap().0
    }

    #[test]
    fn what_is_kept_twice_is_kept_once() {
        let (folder, store) = store();
        assert_eq!(keep(&store, "x"), keep(&store, "x"));
        let entries = fs::read_dir(folder.path().join("rootfs")).unwrap().count();
        assert_eq!(entries, 2, "one folder and its list");
    }

    #[test]
    fn a_damaged_artefact_is_named_with_the_file_that_differs() {
        let (_folder, store) = store();
        let digest = keep(&store, "x");
        store.verify(&digest).unwrap();
        write_atomic(&store.path(&digest).join("file"), b"y").unwrap();
        let error = store.verify(&digest).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }

    #[test]
    fn a_folder_without_its_list_is_not_an_artefact_and_is_made_again() {
        let (_folder, store) = store();
        let digest = keep(&store, "x");
        fs::remove_file(store.manifest_path(&digest)).unwrap();
        assert!(store.tree(&digest).is_none());
        assert_eq!(keep(&store, "x"), digest);
        store.verify(&digest).unwrap();
    }

    #[test]
    fn opening_removes_what_a_killed_build_left_and_nothing_else() {
        let (folder, store) = store();
        let digest = keep(&store, "x");
        // No process can have this number: the kernel's largest is 2^22.
        let orphan = folder.path().join("rootfs/.staging-99999999-0");
        fs::create_dir(&orphan).unwrap();
        let living = store.stage().unwrap();
        let store = ArtefactStore::open(folder.path().join("rootfs")).unwrap();
        assert!(!orphan.exists());
        assert!(living.path().exists());
        store.verify(&digest).unwrap();
    }
}
