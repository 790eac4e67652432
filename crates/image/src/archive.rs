//! An image as one file: an OCI archive (a layout as a tar), as `skopeo`, `podman load` and `ctr images import` read
//! it. Equal images give equal archives.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::sync_dir;
use plimsoll_stdx::random;
use tar::{Builder, EntryType, Header};

use crate::assemble::ImageError;
use crate::oci::descriptor::REF_NAME;
use crate::oci::{Descriptor, Index, Layout, MAX_DOCUMENT, OciError, layout, media, to_bytes};

const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Archives are handed on to others.
const PUBLIC: u32 = 0o644;

/// What goes into an archive beside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Papers {
    /// Nothing: one image, which every tool finds without a name.
    Without,
    /// Bills of materials and provenance: the index lists a second document, so that some tools want the image's name.
    With,
}

/// Writes the image (or index of images) `image` of `layout` to the file `path` under `name`. The file appears whole
/// or not at all, and is durable when this returns.
pub fn write(
    layout: &Layout,
    (image, name): (&Descriptor, &str),
    papers: Papers,
    path: &Path,
) -> Result<(), ImageError> {
    let mut blobs = BTreeMap::new();
    collect(layout, image, &mut blobs)?;
    let mut top = image.clone();
    top.annotations.insert(REF_NAME.to_owned(), name.to_owned());
    let mut listed = vec![top];
    if papers == Papers::With {
        listed.extend(collect_papers(layout, &mut blobs)?);
    }
    let temporary = beside(path);
    let written = write_file(layout, &Index::new(listed), &blobs, &temporary).and_then(|()| {
        std::fs::rename(&temporary, path).map_err(OciError::io("rename to", path))?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        sync_dir(folder.unwrap_or_else(|| Path::new("."))).map_err(OciError::from)?;
        Ok(())
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

type Blobs = BTreeMap<Digest, Descriptor>;

/// All blobs that `top` leads to.
fn collect(layout: &Layout, top: &Descriptor, blobs: &mut Blobs) -> Result<(), ImageError> {
    blobs.insert(top.digest.clone(), top.clone());
    if media::is_index(&top.media_type) {
        let bytes = layout.read(top, MAX_DOCUMENT)?;
        // An index lists manifests only; one that lists indexes is followed one step and no further.
        for one in Index::parse(&bytes, top.digest.as_str())?.manifests {
            collect_manifest(layout, &one, blobs)?;
        }
        return Ok(());
    }
    collect_manifest(layout, top, blobs)
}

fn collect_manifest(
    layout: &Layout,
    one: &Descriptor,
    blobs: &mut Blobs,
) -> Result<(), ImageError> {
    let manifest = layout.manifest(one)?;
    blobs.insert(one.digest.clone(), one.clone());
    for blob in manifest.blobs() {
        blobs.insert(blob.digest.clone(), blob.clone());
    }
    Ok(())
}

/// The lists of referrers of every manifest collected so far.
fn collect_papers(layout: &Layout, blobs: &mut Blobs) -> Result<Vec<Descriptor>, ImageError> {
    let index = layout.index()?;
    let names: Vec<String> = blobs.keys().map(layout::referrers_name).collect();
    let lists: Vec<Descriptor> = index
        .manifests
        .into_iter()
        .filter(|one| {
            one.name()
                .is_some_and(|name| names.iter().any(|known| known == name))
        })
        .collect();
    for list in &lists {
        collect(layout, list, blobs)?;
    }
    Ok(lists)
}

fn write_file(
    layout: &Layout,
    index: &Index,
    blobs: &Blobs,
    path: &Path,
) -> Result<(), ImageError> {
    let disk = |source| ImageError::from(OciError::io("write", path)(source));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PUBLIC)
        .open(path)
        .map_err(OciError::io("create", path))?;
    let mut tar = Builder::new(BufWriter::new(file));
    for folder in ["blobs/", "blobs/sha256/"] {
        let mut header = header(EntryType::Directory, 0o755, 0);
        tar.append_data(&mut header, folder, io::empty())
            .map_err(disk)?;
    }
    for (digest, blob) in blobs {
        let reader = layout.reader(blob)?;
        let name = format!("blobs/sha256/{}", digest.hex());
        append(&mut tar, &name, blob.size, reader).map_err(|source| verified(source, path))?;
    }
    let index = to_bytes(index)?;
    append(&mut tar, "index.json", index.len() as u64, &index[..]).map_err(disk)?;
    append(&mut tar, "oci-layout", MARKER.len() as u64, MARKER).map_err(disk)?;
    let file: File = tar
        .into_inner()
        .and_then(|buffered| {
            buffered
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
        })
        .map_err(disk)?;
    file.sync_all().map_err(disk)
}

fn append(
    tar: &mut Builder<impl Write>,
    name: &str,
    size: u64,
    mut bytes: impl Read,
) -> io::Result<()> {
    tar.append_data(
        &mut header(EntryType::Regular, 0o644, size),
        name,
        &mut bytes,
    )
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// A damaged blob says so itself; what else fails here is the archive's disk.
fn verified(error: io::Error, path: &Path) -> ImageError {
    match error.downcast::<OciError>() {
        Ok(damaged) => damaged.into(),
        Err(source) => OciError::io("write", path)(source).into(),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.tmp", random::number()));
    path.with_file_name(name)
}
