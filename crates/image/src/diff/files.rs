//! The effective tree of an image: its layers on one another, with what upper ones remove taken away.
//!
//! Nothing is unpacked: the tars are read once and hashed, so a hostile image costs time within bounds and nothing
//! else.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Bound;

use plimsoll_bundle::Digest;
use serde::Serialize;
use tar::{Archive, EntryType};

use crate::assemble::ImageError;
use crate::layer::read;
use crate::oci::{Descriptor, Layout, Manifest};
use crate::tree;

/// Entries of one layer, at the most: a full Debian with a language's packages has 100,000.
const MAX_ENTRIES: usize = 1_000_000;
/// Removes the file of this name in the layers below (image-spec, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// Removes everything in its folder in the layers below.
const OPAQUE: &str = ".wh..wh..opq";

/// What stands at one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Its permissions.
    pub mode: u32,
    /// The user that owns it.
    pub uid: u64,
    /// The group that owns it.
    pub gid: u64,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Kind {
    /// Bytes.
    File {
        /// How many.
        size: u64,
        /// Their digest.
        digest: Digest,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: String,
    },
    /// A device, a pipe: what has no content.
    Special,
}

/// What a replica of the image sees, by absolute path.
pub fn of_image(
    layout: &Layout,
    manifest: &Manifest,
) -> Result<BTreeMap<String, File>, ImageError> {
    let mut tree = BTreeMap::new();
    for layer in &manifest.layers {
        let upper = of_layer(layout, layer)?;
        apply(&mut tree, upper);
    }
    Ok(tree)
}

/// One layer: what it removes from those below, and what it has.
#[derive(Debug, Default)]
struct Upper {
    removed: Vec<String>,
    emptied: Vec<String>,
    files: BTreeMap<String, File>,
    /// Hard links, resolved when everything below is known.
    links: Vec<(String, String)>,
}

fn of_layer(layout: &Layout, layer: &Descriptor) -> Result<Upper, ImageError> {
    let failed = |source| ImageError::Layer {
        digest: layer.digest.clone(),
        source,
    };
    let mut plain = read::open(layout, layer)?;
    let mut upper = Upper::default();
    let mut archive = Archive::new(&mut plain);
    for (count, entry) in archive.entries().map_err(failed)?.enumerate() {
        if count >= MAX_ENTRIES {
            let text = format!("it has more than {MAX_ENTRIES} entries");
            return Err(failed(std::io::Error::other(text)));
        }
        let mut entry = entry.map_err(failed)?;
        let path = absolute(&entry.path_bytes());
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == OPAQUE {
            upper.emptied.push(folder.to_owned());
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            upper.removed.push(format!("{folder}/{hidden}"));
        } else if entry.header().entry_type() == EntryType::Link {
            let target = absolute(&entry.link_name_bytes().unwrap_or_default());
            upper.links.push((path, target));
        } else if !path.is_empty() {
            let file = file(&mut entry).map_err(failed)?;
            upper.files.insert(path, file);
        }
    }
    // What stands after the tar's end belongs to the blob too, and its digest is verified at the blob's end only.
    std::io::copy(&mut plain, &mut std::io::sink()).map_err(failed)?;
    Ok(upper)
}

fn file<R: Read>(entry: &mut tar::Entry<'_, R>) -> std::io::Result<File> {
    let header = entry.header();
    let (mode, uid, gid) = (header.mode()? & 0o7777, header.uid()?, header.gid()?);
    let kind = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let (digest, size) = tree::digest_of(entry)?;
            Kind::File { size, digest }
        }
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default();
            Kind::Link {
                target: String::from_utf8_lossy(&target).into_owned(),
            }
        }
        _ => Kind::Special,
    };
    Ok(File {
        kind,
        mode,
        uid,
        gid,
    })
}

/// `/a/b` for `./a/b/`, `a/b` and the like; `..` leads nowhere above the root.
fn absolute(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts
        .iter()
        .fold(String::new(), |path, part| path + "/" + part)
}

fn apply(tree: &mut BTreeMap<String, File>, upper: Upper) {
    for folder in &upper.emptied {
        remove_below(tree, folder);
    }
    for path in &upper.removed {
        tree.remove(path);
        remove_below(tree, path);
    }
    for (path, file) in upper.files {
        // A file where a folder was hides all that was in it.
        if file.kind != Kind::Folder {
            remove_below(tree, &path);
        }
        tree.insert(path, file);
    }
    for (path, target) in upper.links {
        if let Some(file) = tree.get(&target).cloned() {
            tree.insert(path, file);
        }
    }
}

fn remove_below(tree: &mut BTreeMap<String, File>, folder: &str) {
    let prefix = format!("{folder}/");
    let below: Vec<String> = tree
        .range::<str, _>((Bound::Excluded(&*prefix), Bound::Unbounded))
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&prefix))
        .cloned()
        .collect();
    for path in below {
        tree.remove(&path);
    }
}
