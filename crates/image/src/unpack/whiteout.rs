//! Entries that hide what lower layers have (image-spec, "layer: whiteouts").

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{EntryError, path};

const PREFIX: &[u8] = b".wh.";
/// Notes of AUFS, the file system that whiteouts come from, to itself.
const AUFS_PREFIX: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an entry is by its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A file like any other.
    Content,
    /// Hides this path of the layers below.
    Hide(PathBuf),
    /// Hides all that the layers below have in this folder.
    HideContent(PathBuf),
    /// A note of AUFS, which says nothing about the image.
    Note,
}

/// What the entry at `path` means.
pub(super) fn meaning(path: &Path) -> Result<Meaning, EntryError> {
    let Some((folder, name)) = path::split(path) else {
        return Ok(Meaning::Content);
    };
    let name = name.as_bytes();
    let in_folder = |prefix| {
        folder
            .iter()
            .any(|part| part.as_bytes().starts_with(prefix))
    };
    if in_folder(AUFS_PREFIX) {
        return Ok(Meaning::Note);
    }
    if in_folder(PREFIX) {
        return Err(EntryError::BadName(
            "it lies in a folder that is a whiteout",
        ));
    }
    if name == OPAQUE {
        return Ok(Meaning::HideContent(folder.to_owned()));
    }
    if name.starts_with(AUFS_PREFIX) {
        return Ok(Meaning::Note);
    }
    match name.strip_prefix(PREFIX) {
        None => Ok(Meaning::Content),
        Some(b"" | b"." | b"..") => Err(EntryError::BadName("it is a whiteout of no file")),
        Some(hidden) => Ok(Meaning::Hide(folder.join(OsStr::from_bytes(hidden)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_hidden() {
        let means = |text: &str| meaning(Path::new(text)).unwrap();
        assert_eq!(means("a/.whatever"), Meaning::Content);
        assert_eq!(means("a/.wh.b"), Meaning::Hide("a/b".into()));
        assert_eq!(means(".wh..wh"), Meaning::Hide(".wh".into()));
        assert_eq!(means("a/.wh..wh..opq"), Meaning::HideContent("a".into()));
        assert_eq!(means(".wh..wh..opq"), Meaning::HideContent("".into()));
        assert_eq!(means(".wh..wh.plnk/1.2"), Meaning::Note);
        assert_eq!(means(".wh..wh.aufs"), Meaning::Note);
    }

    #[test]
    fn a_whiteout_of_no_file_and_a_file_in_a_whiteout_are_refused() {
        for text in [".wh.", "a/.wh..", "a/.wh...", "a/.wh.b/c"] {
            assert!(meaning(Path::new(text)).is_err(), "{text}");
        }
    }
}
