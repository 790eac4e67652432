//! The path of an entry: relative to the image's root, without `.` and `..`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::EntryError;

/// Bytes of a path, at the most: the kernel's `PATH_MAX`, so that every file can be reached by its path.
pub(super) const MAX_PATH: usize = 4096;
/// Folders above an entry, at the most. Removing a tree holds a descriptor per level, and the usual limit is 1024.
pub(super) const MAX_DEPTH: usize = 256;

/// The path that `bytes` name, with the image's root as `/`; empty for the root itself. A leading `/` means the
/// same as none, as in all unpackers of images.
pub(super) fn parse(bytes: &[u8]) -> Result<PathBuf, EntryError> {
    if bytes.is_empty() {
        return Err(EntryError::BadName("its name is empty"));
    }
    if bytes.len() > MAX_PATH {
        return Err(EntryError::BadName("its path is longer than 4096 bytes"));
    }
    if bytes.contains(&0) {
        return Err(EntryError::BadName("its name has a NUL in it"));
    }
    let mut path = PathBuf::new();
    for (depth, part) in parts(bytes).enumerate() {
        if part == b".." {
            return Err(EntryError::BadName("its path has a `..` in it"));
        }
        if depth >= MAX_DEPTH {
            return Err(EntryError::BadName("its path has more than 256 parts"));
        }
        path.push(OsStr::from_bytes(part));
    }
    Ok(path)
}

/// The parts of a path that say something: `..` is one of them, `.` is not.
pub(super) fn parts(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// The folder and the name in it; nothing for the root.
pub(super) fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    Some((path.parent()?, path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_the_root_whatever_stands_before_it() {
        for (text, expected) in [
            ("a/b", "a/b"),
            ("/a//b/", "a/b"),
            ("./a/./b", "a/b"),
            ("./", ""),
            ("/", ""),
            ("...", "..."),
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap(),
                Path::new(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn names_that_no_honest_archive_has_are_refused() {
        let deep = "a/".repeat(MAX_DEPTH + 1);
        let long = "a".repeat(MAX_PATH + 1);
        for text in ["", "..", "a/../b", "/..", "a\0b", &deep, &long] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
