//! From an image to the folder that its replicas run in.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{read_bounded, sync_dir, write_atomic};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::UnpackError;
use super::apply::{Applied, Applier};
use super::image::Image;
use super::layer;
use super::limits::{Budget, Limits};
use super::root::Root;
use super::seal;
use super::staging::{self, Staging};
use super::stubs;
use crate::oci::Layout;

const FORMAT: &str = "plimsoll.rootfs";
/// Raised when the same image would unpack to another folder: old ones are then made again.
const VERSION: u32 = 2;
/// What follows the folder's name in that of its list.
const LIST: &str = ".rootfs.json";
/// Names of skipped entries are the only thing in a list that grows, and they are bounded.
const MAX_LIST: u64 = 1 << 20;

/// An unpacked image: a folder that is whole, durable and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    /// The folder, `<root>/<hex digits of the image's digest>`.
    pub path: PathBuf,
    /// Bytes of all unpacked files, those that a higher layer replaced included.
    pub bytes: u64,
    /// Entries of all layers.
    pub entries: u64,
    /// Devices and FIFOs that were left out: the first few names.
    pub skipped: Vec<String>,
    /// How many were left out.
    pub skipped_count: u64,
}

/// What stands beside a folder and says that it is whole.
#[derive(Debug, Serialize, Deserialize)]
struct List {
    format: String,
    version: u32,
    image: Digest,
    /// What the file system said about its files when they were unpacked.
    seal: Digest,
    bytes: u64,
    entries: u64,
    skipped: Vec<String>,
    skipped_count: u64,
}

impl Rootfs {
    /// The unpacked `image` below `root` (`.plimsoll/rootfs`, a folder that nobody else may enter), unpacked now if it
    /// is not there or is no longer what was unpacked. (Whatever runs in a damaged one then loses what it has not
    /// opened: it was not the image that it was said to be.)
    ///
    /// Two at once do the work twice and end with one folder. Killed at any moment, what is left is not taken for an
    /// image, and the next call removes it. On an error nothing is left.
    pub fn ensure(
        layout: &Layout,
        image: &Image,
        root: &Path,
        limits: &Limits,
    ) -> Result<Self, UnpackError> {
        fs::create_dir_all(root).map_err(UnpackError::io("create", root))?;
        staging::sweep(root)?;
        if let Some(present) = Self::intact(root, &image.descriptor.digest) {
            return Ok(present);
        }
        let staging = Staging::new(root)?;
        let applied = unpack(layout, image, staging.path(), limits)?;
        staging.sync()?;
        let seal = seal::of(staging.path()).map_err(UnpackError::io("look at", staging.path()))?;
        publish(&staging, root, &List::of(image, applied, seal))?;
        Self::find(root, &image.descriptor.digest).ok_or_else(|| {
            let path = path_of(root, &image.descriptor.digest);
            UnpackError::io("find again", path)(io::ErrorKind::NotFound.into())
        })
    }

    /// The unpacked image with this digest, if it is there and was unpacked to its end.
    pub fn find(root: &Path, image: &Digest) -> Option<Self> {
        Some(Self::listed(root, List::find(root, image)?))
    }

    /// The same, if nothing in it was changed since either: every file is looked at.
    pub fn intact(root: &Path, image: &Digest) -> Option<Self> {
        let list = List::find(root, image)?;
        let now = seal::of(&path_of(root, image)).ok()?;
        (now == list.seal).then(|| Self::listed(root, list))
    }

    fn listed(root: &Path, list: List) -> Self {
        Self {
            path: path_of(root, &list.image),
            bytes: list.bytes,
            entries: list.entries,
            skipped: list.skipped,
            skipped_count: list.skipped_count,
        }
    }

    /// The digests of all images that are unpacked and whole below `root`.
    pub fn all(root: &Path) -> Result<Vec<Digest>, UnpackError> {
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(UnpackError::io("list", root))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(UnpackError::io("list", root))?.file_name();
            let digest = format!("sha256:{}", name.to_string_lossy()).parse::<Digest>();
            found.extend(
                digest
                    .ok()
                    .filter(|digest| Self::find(root, digest).is_some()),
            );
        }
        found.sort();
        Ok(found)
    }

    /// Removes the unpacked image with this digest; one that is not there is removed already. Replicas that run in it
    /// lose their files: it is for the caller to know that there are none.
    ///
    /// The list goes first, and the folder loses its name in one step, so that a kill in between leaves nothing that is
    /// taken for an image.
    pub fn remove(root: &Path, image: &Digest) -> Result<(), UnpackError> {
        let list = list_path(root, image);
        match fs::remove_file(&list) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(UnpackError::io("remove", &list)(error));
            }
            Ok(()) | Err(_) => {}
        }
        put_aside(root, &path_of(root, image))
    }

    /// Removes every unpacked image below `root` that is not in `needed`, whole or not, and says how many there were.
    /// As with [`Self::remove`], it is for the caller to know what is needed.
    pub fn prune(root: &Path, needed: &BTreeSet<Digest>) -> Result<usize, UnpackError> {
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(UnpackError::io("list", root))?,
        };
        let mut spare = BTreeSet::new();
        for entry in entries {
            let name = entry.map_err(UnpackError::io("list", root))?.file_name();
            let name = name.to_string_lossy();
            let hex = name.strip_suffix(LIST).unwrap_or(&name);
            // What has another name is not ours to remove.
            let digest = format!("sha256:{hex}").parse::<Digest>();
            spare.extend(digest.ok().filter(|digest| !needed.contains(digest)));
        }
        for image in &spare {
            Self::remove(root, image)?;
        }
        Ok(spare.len())
    }
}

impl List {
    fn find(root: &Path, image: &Digest) -> Option<Self> {
        let bytes = read_bounded(&list_path(root, image), MAX_LIST).ok()?;
        let list: Self = serde_json::from_slice(&bytes).ok()?;
        let is_whole = list.format == FORMAT
            && list.version == VERSION
            && list.image == *image
            && path_of(root, image).is_dir();
        is_whole.then_some(list)
    }

    fn of(image: &Image, applied: Applied, seal: Digest) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            image: image.descriptor.digest.clone(),
            seal,
            bytes: applied.bytes,
            entries: applied.entries,
            skipped: applied.skipped,
            skipped_count: applied.skipped_count,
        }
    }
}

fn path_of(root: &Path, image: &Digest) -> PathBuf {
    root.join(image.hex())
}

fn list_path(root: &Path, image: &Digest) -> PathBuf {
    root.join(format!("{}{LIST}", image.hex()))
}

/// Every layer above the lowest is read twice: once for what it hides, once for what it has. The alternative,
/// remembering which files are the layer's own, costs memory that the archive decides on.
fn unpack(
    layout: &Layout,
    image: &Image,
    folder: &Path,
    limits: &Limits,
) -> Result<Applied, UnpackError> {
    let root = Root::open(folder).map_err(UnpackError::io("open", folder))?;
    set_mode(&root, folder)?;
    let mut unpacker = Applier::new(&root, Budget::new(*limits));
    let limit = limits.stream();
    for (index, layer) in image.layers()?.iter().enumerate() {
        if index > 0 {
            layer::for_each(layout, layer, limit, |entry, _| unpacker.hide(entry))?;
        }
        layer::for_each(layout, layer, limit, |entry, mut body| {
            unpacker.put(entry, &mut body)
        })?;
    }
    let applied = unpacker.finish();
    stubs::ensure(&root)?;
    Ok(applied)
}

/// The replica's user must be able to enter its root, whatever our umask is.
fn set_mode(root: &Root, folder: &Path) -> Result<(), UnpackError> {
    rustix::fs::fchmod(root.fd(), rustix::fs::Mode::from_raw_mode(0o755))
        .map_err(|errno| UnpackError::io("set the mode of", folder)(errno.into()))
}

/// The list first, the folder's name last: a folder with its name has its list, and is whole.
fn publish(staging: &Staging, root: &Path, list: &List) -> Result<(), UnpackError> {
    let list_path = list_path(root, &list.image);
    let text = serde_json::to_vec(list)
        .map_err(io::Error::other)
        .map_err(UnpackError::io("encode", &list_path))?;
    // The list describes this very folder, so both get their names under one lock, which the kernel drops however we
    // end.
    let lock = File::open(root).map_err(UnpackError::io("open", root))?;
    flock(&lock, FlockOperation::LockExclusive)
        .map_err(|errno| UnpackError::io("lock", root)(errno.into()))?;
    if Rootfs::intact(root, &list.image).is_some() {
        // Another process was first; its folder has the same digests under it.
        return Ok(());
    }
    let path = path_of(root, &list.image);
    // Of an older version, changed since, or its list was removed by hand: good for nobody.
    put_aside(root, &path)?;
    write_atomic(&list_path, &text)?;
    fs::rename(staging.path(), &path).map_err(UnpackError::io("rename", &path))?;
    Ok(sync_dir(root)?)
}

/// Takes the folder's name away and removes it.
fn put_aside(root: &Path, path: &Path) -> Result<(), UnpackError> {
    if !path.exists() {
        return Ok(());
    }
    let old = Staging::new(root)?;
    fs::rename(path, old.path().join("old")).map_err(UnpackError::io("rename", path))?;
    Ok(sync_dir(root)?)
}
