//! What a layer holds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::assemble::ImageError;

/// A name in a path longer than this is refused by every Linux file system.
const MAX_NAME: usize = 255;
/// `PATH_MAX` without the final zero.
const MAX_PATH: usize = 4095;

/// A layer that is still to be written: entries by path, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it is, for people and the image's history: `base`, `dependencies`, `app`.
    pub what: String,
    /// Which folders are written that no entry names.
    pub parents: Parents,
    entries: BTreeMap<String, Content>,
}

/// Which folders are written that no entry names, but that lie above one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parents {
    /// All of them, owned by root: what unpacks the layer does not have to invent modes.
    All,
    /// Those from `/app` and `/srv` downwards: others may exist in the image below with modes of their own (`/tmp`),
    /// or as symbolic links (`/lib`), which an entry would undo.
    Own,
}

/// What stands at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A folder that everybody may enter (0755).
    Folder,
    /// A folder in which everybody may make files and nobody remove another's (1777).
    Shared,
    /// A file that everybody may read (0444).
    File(Source),
    /// A file that everybody may execute (0555).
    Program(Source),
    /// A symbolic link with this target.
    Link(String),
}

/// Where a file's bytes come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// They are here.
    Bytes(Vec<u8>),
    /// A regular file of this machine.
    Path(PathBuf),
}

impl fmt::Debug for Source {
    /// A bundle of certificates has no place in a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(formatter, "{} bytes", bytes.len()),
            Self::Path(path) => write!(formatter, "{}", path.display()),
        }
    }
}

impl Layer {
    /// A layer of nothing yet.
    pub fn new(what: impl Into<String>, parents: Parents) -> Self {
        Self {
            what: what.into(),
            parents,
            entries: BTreeMap::new(),
        }
    }

    /// Puts `content` at `path`, absolute in the image. An entry that is there already is replaced. Paths with `.`,
    /// `..` or empty parts, and names that no file system takes, are refused.
    pub fn put(&mut self, path: &str, content: Content) -> Result<(), ImageError> {
        let inside = ensure_path(path)?;
        self.entries.insert(inside.to_owned(), content);
        Ok(())
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Its entries by path without the leading `/`, in the order in which they are written; with the folders above
    /// them.
    pub fn entries(&self) -> BTreeMap<&str, &Content> {
        let mut all: BTreeMap<&str, &Content> = BTreeMap::new();
        for path in self.entries.keys() {
            for (end, _) in path.match_indices('/') {
                let folder = &path[..end];
                if self.parents == Parents::All || is_own(folder) {
                    all.insert(folder, &Content::Folder);
                }
            }
        }
        // After the folders: an entry that names one of them says more about it.
        all.extend(
            self.entries
                .iter()
                .map(|(path, content)| (&**path, content)),
        );
        all
    }
}

fn is_own(folder: &str) -> bool {
    ["app", "srv"]
        .iter()
        .any(|top| folder == *top || folder.starts_with(&format!("{top}/")))
}

/// `path` without its leading `/`.
fn ensure_path(path: &str) -> Result<&str, ImageError> {
    let bad = |why: &'static str| ImageError::BadPath {
        path: path.to_owned(),
        why,
    };
    let inside = path
        .strip_prefix('/')
        .ok_or_else(|| bad("is not absolute"))?;
    if path.len() > MAX_PATH {
        return Err(bad("is longer than 4095 bytes"));
    }
    if path.contains('\0') {
        return Err(bad("holds a zero byte"));
    }
    for part in inside.split('/') {
        match part {
            "" => return Err(bad("has an empty part")),
            "." | ".." => return Err(bad("has a part `.` or `..`")),
            long if long.len() > MAX_NAME => return Err(bad("has a name longer than 255 bytes")),
            marker if marker.starts_with(".wh.") => {
                return Err(bad("begins with `.wh.`, which removes files in a layer"));
            }
            _ => {}
        }
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(parents: Parents, paths: &[&str]) -> Vec<String> {
        let mut layer = Layer::new("test", parents);
        for path in paths {
            layer
                .put(path, Content::File(Source::Bytes(vec![])))
                .unwrap();
        }
        layer.entries().into_keys().map(str::to_owned).collect()
    }

    #[test]
    fn folders_above_an_entry_come_before_it_and_in_one_order() {
        assert_eq!(
            layer(Parents::All, &["/etc/b/c", "/app/x", "/etc/a"]),
            ["app", "app/x", "etc", "etc/a", "etc/b", "etc/b/c"]
        );
    }

    #[test]
    fn on_a_base_only_our_own_folders_are_written() {
        assert_eq!(
            layer(Parents::Own, &["/app/a/x", "/usr/share/app/y", "/apple/z"]),
            ["app", "app/a", "app/a/x", "apple/z", "usr/share/app/y"]
        );
    }

    #[test]
    fn paths_that_leave_the_image_or_remove_files_from_it_are_refused() {
        let mut layer = Layer::new("test", Parents::All);
        for path in [
            "app", "/", "/a/../b", "/./a", "/a//b", "/a/", "/a/.wh.b", "/a\0b",
        ] {
            assert!(layer.put(path, Content::Folder).is_err(), "{path}");
        }
        assert!(
            layer
                .put(&format!("/{}", "a".repeat(256)), Content::Folder)
                .is_err()
        );
        assert!(layer.is_empty());
    }
}
