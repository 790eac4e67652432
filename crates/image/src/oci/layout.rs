//! An OCI image layout: a folder with `oci-layout`, `index.json` and `blobs/sha256/`.
//!
//! Blobs appear whole or not at all, `index.json` is replaced atomically under a lock, and both are durable when a
//! call returns. Beside what the specification names the folder holds `.partial/` (blobs being written) and `.lock`;
//! other tools pass over both.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{read_bounded, sync_dir, write_atomic_mode};
use plimsoll_stdx::lock::{Lock, LockError};
use serde::{Deserialize, Serialize};

use super::blob::{self, BlobReader, BlobWriter};
use super::descriptor::REF_NAME;
use super::{Descriptor, Index, MAX_DOCUMENT, Manifest, OciError, from_bytes, media, to_bytes};

const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";
const PARTIAL: &str = ".partial";
const LOCK: &str = ".lock";
/// Other tools read the layout, maybe as somebody else.
const PUBLIC: u32 = 0o644;
/// From asking for the lock to giving up: a change under it is one small file, so this is a stuck process.
const LOCK_WITHIN: Duration = Duration::from_secs(10);
const LOCK_LOOK: Duration = Duration::from_millis(5);
/// A name longer than a registry's repository and tag together (255 + 1 + 128) is found by nobody.
const MAX_NAME: usize = 384;

/// A layout on disk.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Opens the layout at `root`, and removes what processes that were killed left half-written in it. A layout
    /// that other tools made, read-only too, will do.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, OciError> {
        let layout = Self { root: root.into() };
        let path = layout.root.join(MARKER);
        let not_a_layout = |why: String| OciError::NotALayout {
            path: layout.root.clone(),
            why,
        };
        let bytes = read_bounded(&path, MAX_DOCUMENT).map_err(|error| {
            if error.is_not_found() {
                not_a_layout(format!("it has no file `{MARKER}`"))
            } else {
                error.into()
            }
        })?;
        let marker: Marker = from_bytes(&bytes, "the layout's marker", &layout.place(MARKER))?;
        if !marker.image_layout_version.starts_with("1.") {
            let version = marker.image_layout_version;
            return Err(not_a_layout(format!(
                "its version is {version}, and we know 1"
            )));
        }
        let partial = layout.root.join(PARTIAL);
        if partial.is_dir() {
            blob::sweep(&partial)?;
        }
        Ok(layout)
    }

    /// Opens the layout at `root`; makes an empty one where there is none.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, OciError> {
        let root = root.into();
        let blobs = root.join(BLOBS);
        fs::create_dir_all(&blobs).map_err(OciError::io("create", &blobs))?;
        let layout = Self { root };
        {
            let _lock = layout.lock()?;
            if !layout.root.join(INDEX).exists() {
                layout.write_index(&Index::new(Vec::new()))?;
            }
            // Last: what it marks is whole.
            if !layout.root.join(MARKER).exists() {
                let marker = Marker {
                    image_layout_version: "1.0.0".to_owned(),
                };
                write_atomic_mode(&layout.root.join(MARKER), &to_bytes(&marker)?, PUBLIC)?;
            }
            sync_dir(&layout.root)?;
        }
        Self::open(layout.root)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a blob, whether it is there or not.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(BLOBS).join(digest.hex())
    }

    /// The folder of the blobs.
    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join(BLOBS)
    }

    /// Whether the blob is there (see [`Self::has`]); then it counts as written now, so that a pruning that runs beside
    /// a build does not take what the build is about to name.
    pub(crate) fn keep(&self, blob: &Descriptor) -> bool {
        let touch = |path: PathBuf| File::open(path)?.set_modified(SystemTime::now());
        self.has(blob) && touch(self.blob_path(&blob.digest)).is_ok()
    }

    /// Whether the blob is there with the size that the descriptor names. Its bytes are not read.
    pub fn has(&self, blob: &Descriptor) -> bool {
        fs::metadata(self.blob_path(&blob.digest))
            .is_ok_and(|found| found.is_file() && found.len() == blob.size)
    }

    /// A new blob to write.
    pub fn writer(&self) -> Result<BlobWriter, OciError> {
        let partial = self.root.join(PARTIAL);
        fs::create_dir_all(&partial).map_err(OciError::io("create", &partial))?;
        BlobWriter::new(&partial, &self.root.join(BLOBS))
    }

    /// The bytes of a blob of at most `max` bytes, with size and digest verified.
    pub fn read(&self, blob: &Descriptor, max: u64) -> Result<Vec<u8>, OciError> {
        if blob.size > max {
            return Err(OciError::TooLarge {
                what: format!("the blob {}", blob.digest),
                size: blob.size,
                limit: max,
            });
        }
        let bytes = self.read_unverified(&blob.digest, max)?;
        ensure_same(blob, &bytes)?;
        Ok(bytes)
    }

    /// Reads a blob of any size, verified on the way (see [`BlobReader`]).
    pub fn reader(&self, blob: &Descriptor) -> Result<BlobReader<File>, OciError> {
        let path = self.blob_path(&blob.digest);
        let file = File::open(&path).map_err(|error| self.no_blob(&blob.digest, error))?;
        Ok(BlobReader::new(file, blob))
    }

    /// Writes `bytes` as a blob.
    pub fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, OciError> {
        let mut writer = self.writer()?;
        let partial = self.root.join(PARTIAL);
        writer
            .write_all(bytes)
            .map_err(OciError::io("write in", partial))?;
        let (digest, size) = writer.finish(None)?;
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// Writes the canonical bytes of `document` as a blob.
    pub fn put_json(
        &self,
        media_type: &str,
        document: &impl Serialize,
    ) -> Result<Descriptor, OciError> {
        self.put(media_type, &to_bytes(document)?)
    }

    /// Names a blob that is there. A name points to one blob; what it pointed to before keeps its bytes.
    pub fn tag(&self, name: &str, blob: &Descriptor) -> Result<(), OciError> {
        ensure_name(name)?;
        if !self.has(blob) {
            return Err(OciError::NoBlob {
                digest: blob.digest.clone(),
                layout: self.root.clone(),
            });
        }
        let _lock = self.lock()?;
        self.name(name, blob)
    }

    /// Names a blob; the caller holds the lock.
    fn name(&self, name: &str, blob: &Descriptor) -> Result<(), OciError> {
        let mut index = self.index()?;
        index.manifests.retain(|one| one.name() != Some(name));
        let mut named = blob.clone();
        named
            .annotations
            .insert(REF_NAME.to_owned(), name.to_owned());
        index.manifests.push(named);
        // One order, whatever the order of the builds.
        index
            .manifests
            .sort_by(|a, b| (a.name(), &a.digest).cmp(&(b.name(), &b.digest)));
        self.write_index(&index)
    }

    /// What `index.json` lists.
    pub fn index(&self) -> Result<Index, OciError> {
        let bytes = read_bounded(&self.root.join(INDEX), MAX_DOCUMENT)?;
        Index::parse(&bytes, &self.place(INDEX))
    }

    /// The manifest or index with this name or digest. Without a name in a layout of one image: that one.
    pub fn resolve(&self, name: &str) -> Result<Descriptor, OciError> {
        let index = self.index()?;
        if let Ok(digest) = name.parse::<Digest>() {
            return match index.by_digest(&digest) {
                Some(found) => Ok(found.clone()),
                None => self.describe(&digest),
            };
        }
        let found = match (name, &index.manifests[..]) {
            ("", [only]) => Some(only),
            _ => index.manifests.iter().find(|one| one.name() == Some(name)),
        };
        found.cloned().ok_or_else(|| OciError::UnknownName {
            name: name.to_owned(),
            layout: self.root.clone(),
            known: index
                .manifests
                .iter()
                .filter_map(|one| one.name().map(str::to_owned))
                .collect(),
        })
    }

    /// Reads and parses the manifest that `blob` names.
    pub fn manifest(&self, blob: &Descriptor) -> Result<Manifest, OciError> {
        Manifest::parse(&self.read(blob, MAX_DOCUMENT)?, blob.digest.as_str())
    }

    /// Writes the manifest of an artefact about an image, and lists it with the image's referrers: under the name
    /// `sha256-<hex>`, as registries without a referrers API want it (distribution-spec, "referrers tag schema").
    pub fn attach(&self, artefact: &Manifest) -> Result<Descriptor, OciError> {
        let subject = artefact.subject.as_ref().ok_or(OciError::WrongKind {
            expected: "an artefact with a subject",
            found: "none".to_owned(),
            place: "the manifest to attach".to_owned(),
        })?;
        let attached = self.attach_all(&subject.digest, std::slice::from_ref(artefact))?;
        attached.into_iter().next().ok_or_else(|| OciError::NoBlob {
            digest: subject.digest.clone(),
            layout: self.root.clone(),
        })
    }

    /// [`Self::attach`] for several artefacts about the image `subject`, with one change of the list.
    pub fn attach_all(
        &self,
        subject: &Digest,
        artefacts: &[Manifest],
    ) -> Result<Vec<Descriptor>, OciError> {
        let mut attached = Vec::new();
        self.put(media::EMPTY, Manifest::EMPTY)?;
        for artefact in artefacts {
            let mut blob = self.put_json(media::MANIFEST, artefact)?;
            blob.artifact_type.clone_from(&artefact.artifact_type);
            blob.annotations.clone_from(&artefact.annotations);
            attached.push(blob);
        }
        let _lock = self.lock()?;
        let mut referrers = self.referrers(subject)?;
        // An image has one of each kind: a new bill of materials takes the place of the old one.
        referrers.retain(|old| {
            attached
                .iter()
                .all(|new| new.artifact_type != old.artifact_type)
        });
        referrers.extend(attached.iter().cloned());
        referrers.sort_by(|a, b| a.artifact_type.cmp(&b.artifact_type));
        let list = self.put_json(media::INDEX, &Index::new(referrers))?;
        self.name(&referrers_name(subject), &list)?;
        Ok(attached)
    }

    /// The artefacts about the image with this digest.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let name = referrers_name(subject);
        let index = self.index()?;
        let Some(list) = index
            .manifests
            .iter()
            .find(|one| one.name() == Some(&*name))
        else {
            return Ok(Vec::new());
        };
        let bytes = self.read(list, MAX_DOCUMENT)?;
        Ok(Index::parse(&bytes, list.digest.as_str())?.manifests)
    }

    /// A descriptor of a document that only its digest is known of.
    fn describe(&self, digest: &Digest) -> Result<Descriptor, OciError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let bytes = self.read_unverified(digest, MAX_DOCUMENT)?;
        let kind: Kind = from_bytes(&bytes, "the image manifest", digest.as_str())?;
        // Documents of the first years do not say what they are.
        let guess = match kind.manifests {
            Some(_) => media::INDEX,
            None => media::MANIFEST,
        };
        let media_type = kind.media_type.unwrap_or_else(|| guess.to_owned());
        let blob = Descriptor::new(media_type, digest.clone(), bytes.len() as u64);
        ensure_same(&blob, &bytes)?;
        Ok(blob)
    }

    fn read_unverified(&self, digest: &Digest, max: u64) -> Result<Vec<u8>, OciError> {
        let path = self.blob_path(digest);
        match read_bounded(&path, max) {
            Err(error) if error.is_not_found() => Err(OciError::NoBlob {
                digest: digest.clone(),
                layout: self.root.clone(),
            }),
            read => Ok(read?),
        }
    }

    fn no_blob(&self, digest: &Digest, error: std::io::Error) -> OciError {
        if error.kind() == std::io::ErrorKind::NotFound {
            return OciError::NoBlob {
                digest: digest.clone(),
                layout: self.root.clone(),
            };
        }
        OciError::io("open", self.blob_path(digest))(error)
    }

    pub(super) fn write_index(&self, index: &Index) -> Result<(), OciError> {
        // The names of the blobs first: what is listed is there, whenever the machine stops.
        sync_dir(&self.blobs())?;
        Ok(write_atomic_mode(
            &self.root.join(INDEX),
            &to_bytes(index)?,
            PUBLIC,
        )?)
    }

    fn place(&self, file: &str) -> String {
        format!("`{}`", self.root.join(file).display())
    }

    pub(super) fn lock(&self) -> Result<Lock, OciError> {
        let path = self.root.join(LOCK);
        let deadline = Instant::now() + LOCK_WITHIN;
        loop {
            match Lock::try_new(&path) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held(_)) if Instant::now() < deadline => thread::sleep(LOCK_LOOK),
                Err(LockError::Held(_)) => return Err(OciError::Busy(self.root.clone())),
                Err(LockError::Fs(error)) => return Err(error.into()),
            }
        }
    }
}

/// Under what name an image's referrers are listed.
pub fn referrers_name(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

fn ensure_same(blob: &Descriptor, bytes: &[u8]) -> Result<(), OciError> {
    let found = Digest::of(bytes);
    if found == blob.digest && bytes.len() as u64 == blob.size {
        return Ok(());
    }
    Err(OciError::Mismatch {
        what: format!("the blob {}", blob.digest),
        expected: format!("{} of {} bytes", blob.digest, blob.size),
        found: format!("{found} of {} bytes", bytes.len()),
    })
}

fn ensure_name(name: &str) -> Result<(), OciError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
    let is_good = |byte: u8| is_plain(byte) || b"-._:@/+".contains(&byte);
    let ends = [name.bytes().next(), name.bytes().last()];
    let good = name.len() <= MAX_NAME
        && name.bytes().all(is_good)
        && ends.iter().all(|end| end.is_some_and(is_plain));
    if good {
        Ok(())
    } else {
        Err(OciError::BadName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
