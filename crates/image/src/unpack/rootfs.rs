//! From an image to the folder that its replicas run in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{read_bounded, sync_dir, write_atomic};
use serde::{Deserialize, Serialize};

use super::UnpackError;
use super::apply::{Applied, Applier};
use super::image::Image;
use super::layer;
use super::limits::{Budget, Limits};
use super::root::Root;
use super::staging::{self, Staging};
use super::stubs;
use crate::oci::Layout;

const FORMAT: &str = "plimsoll.rootfs";
/// Raised when the same image would unpack to another folder: old ones are then made again.
const VERSION: u32 = 1;
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
    bytes: u64,
    entries: u64,
    skipped: Vec<String>,
    skipped_count: u64,
}

impl Rootfs {
    /// The unpacked `image` below `root` (`.plimsoll/rootfs`, a folder that nobody else may enter), unpacked now if it
    /// is not there.
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
        if let Some(present) = Self::find(root, &image.descriptor.digest) {
            return Ok(present);
        }
        let staging = Staging::new(root)?;
        let applied = unpack(layout, image, staging.path(), limits)?;
        staging.sync()?;
        publish(&staging, root, &List::of(image, applied))?;
        Self::find(root, &image.descriptor.digest).ok_or_else(|| {
            let path = path_of(root, &image.descriptor.digest);
            UnpackError::io("find again", path)(io::ErrorKind::NotFound.into())
        })
    }

    /// The unpacked image with this digest, if it is there and whole.
    pub fn find(root: &Path, image: &Digest) -> Option<Self> {
        let bytes = read_bounded(&list_path(root, image), MAX_LIST).ok()?;
        let list: List = serde_json::from_slice(&bytes).ok()?;
        let path = path_of(root, image);
        let is_whole = list.format == FORMAT
            && list.version == VERSION
            && list.image == *image
            && path.is_dir();
        is_whole.then_some(Self {
            path,
            bytes: list.bytes,
            entries: list.entries,
            skipped: list.skipped,
            skipped_count: list.skipped_count,
        })
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
}

impl List {
    fn of(image: &Image, applied: Applied) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            image: image.descriptor.digest.clone(),
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
    root.join(format!("{}.rootfs.json", image.hex()))
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
    let path = path_of(root, &list.image);
    if path.exists() && Rootfs::find(root, &list.image).is_none() {
        // Of an older version, or its list was removed by hand: good for nobody.
        put_aside(root, &path)?;
    }
    write_atomic(&list_path, &text)?;
    match fs::rename(staging.path(), &path) {
        Ok(()) => {}
        // Another process was first; its folder has the same digests under it.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
        Err(error) => return Err(UnpackError::io("rename", &path)(error)),
    }
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
