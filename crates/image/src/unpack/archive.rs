//! An OCI archive: an image layout in one tar file, as `skopeo copy … oci-archive:FILE` and `build --archive` write it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use plimsoll_bundle::Digest;

use super::tar::{Kind, Reader};
use super::{UnpackError, path};
use crate::oci::{Index, Layout, MAX_DOCUMENT};

const BUFFER: usize = 64 << 10;
/// Entries of an archive, at the most: an index of all platforms with its attestations has a few hundred.
const MAX_ENTRIES: usize = 65_536;
const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";
/// What a Docker archive has in place of the two.
const DOCKER: &str = "manifest.json";

/// What an archive said beside its blobs.
#[derive(Default)]
struct Documents {
    is_layout: bool,
    is_docker: bool,
    index: Option<Vec<u8>>,
}

/// Copies the blobs of the archive at `path` into `layout`, each verified by its name, and returns its index. Nothing
/// is named in the layout: that is for the caller, who knows the name.
///
/// A Docker archive (`docker save` of old) is refused with the command that converts it.
pub fn import(path: &Path, layout: &Layout) -> Result<Index, UnpackError> {
    let file = File::open(path).map_err(UnpackError::io("open", path))?;
    let refuse = |why: String| UnpackError::NotAnArchive {
        path: path.to_owned(),
        why,
    };
    let mut archive = Reader::new(BufReader::with_capacity(BUFFER, file));
    let mut documents = Documents::default();
    let mut count = 0;
    while let Some(entry) = archive
        .next_entry()
        .map_err(|error| refuse(broken(&error)))?
    {
        count += 1;
        if count > MAX_ENTRIES {
            return Err(refuse(format!("it has more than {MAX_ENTRIES} entries")));
        }
        let name = path::parse(&entry.path).map_err(|error| refuse(broken(&error)))?;
        if entry.kind == Kind::File && entry.segments.is_none() {
            take(&name, &mut archive.body(), layout, &mut documents, &refuse)?;
        }
    }
    finish(documents, path, layout, &refuse)
}

fn take(
    name: &Path,
    body: &mut impl Read,
    layout: &Layout,
    documents: &mut Documents,
    refuse: &impl Fn(String) -> UnpackError,
) -> Result<(), UnpackError> {
    if name == Path::new(MARKER) {
        documents.is_layout = true;
    } else if name == Path::new(DOCKER) {
        documents.is_docker = true;
    } else if name == Path::new(INDEX) {
        let mut bytes = Vec::new();
        body.take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| refuse(broken(&error)))?;
        documents.index = Some(bytes);
    } else if let Ok(hex) = name.strip_prefix(BLOBS) {
        let digest = format!("sha256:{}", hex.display());
        let digest: Digest = digest.parse().map_err(|error| refuse(broken(&error)))?;
        let mut writer = layout.writer()?;
        io::copy(body, &mut writer).map_err(|error| refuse(broken(&error)))?;
        writer.finish(Some(&digest))?;
    }
    Ok(())
}

fn finish(
    documents: Documents,
    path: &Path,
    layout: &Layout,
    refuse: &impl Fn(String) -> UnpackError,
) -> Result<Index, UnpackError> {
    let (true, Some(bytes)) = (documents.is_layout, documents.index) else {
        let shown = path.display();
        return Err(refuse(if documents.is_docker {
            format!(
                "it is a Docker archive; convert it with `skopeo copy docker-archive:{shown} oci-archive:{shown}.oci`"
            )
        } else {
            format!(
                "it holds no `{MARKER}` and `{INDEX}`; if it is compressed, decompress it first"
            )
        }));
    };
    let index = Index::parse(&bytes, &format!("`{}`", path.display()))?;
    match index
        .manifests
        .iter()
        .find(|manifest| !layout.has(manifest))
    {
        Some(absent) => Err(refuse(format!(
            "its index names {}, which it does not hold",
            absent.digest
        ))),
        None => Ok(index),
    }
}

fn broken(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
