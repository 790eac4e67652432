//! Whether an unpacked image is still as it was unpacked.
//!
//! Reading every byte again would cost a second per gigabyte at each start. The kernel notes every change of a file
//! with a time that no program can set back, so it is enough to ask for that: some microseconds per file.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_bundle::digest::Hasher;

/// The digest of what the file system says about everything below `folder`: names, kinds, modes, sizes, and when each
/// was written or changed last. It is another one after a file was written, replaced, added or removed, and after the
/// folder was copied.
///
/// Of a folder the times are left out: giving the image its name changes them, and what is in it is looked at anyway.
pub(super) fn of(folder: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let mut paths = fs::read_dir(&folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        for path in paths {
            let found = fs::symlink_metadata(&path)?;
            let name = path.file_name().unwrap_or_default().as_bytes();
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(&found.mode().to_le_bytes());
            if found.is_dir() {
                open.push(path);
                continue;
            }
            hasher.update(&found.size().to_le_bytes());
            for time in [
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            ] {
                hasher.update(&time.to_le_bytes());
            }
        }
        // Where one folder ends and the next begins.
        hasher.update(&u64::MAX.to_le_bytes());
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use plimsoll_stdx::fs::write_atomic;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("image/etc")).unwrap();
        write_atomic(&folder.path().join("image/etc/release"), b"one").unwrap();
        std::os::unix::fs::symlink("etc", folder.path().join("image/link")).unwrap();
        folder
    }

    #[test]
    fn looking_and_renaming_change_nothing() {
        let folder = tree();
        let image = folder.path().join("image");
        let before = of(&image).unwrap();
        fs::read(image.join("etc/release")).unwrap();
        let renamed = folder.path().join("renamed");
        fs::rename(&image, &renamed).unwrap();
        assert_eq!(of(&renamed).unwrap(), before);
    }

    #[test]
    fn a_file_of_the_same_length_and_time_in_the_place_of_another_is_noticed() {
        let folder = tree();
        let image = folder.path().join("image");
        let before = of(&image).unwrap();
        let path = image.join("etc/release");
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        write_atomic(&path, b"two").unwrap();
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        assert_ne!(of(&image).unwrap(), before);
    }

    #[test]
    fn what_is_added_or_removed_is_noticed() {
        let folder = tree();
        let image = folder.path().join("image");
        let before = of(&image).unwrap();
        fs::create_dir(image.join("empty")).unwrap();
        assert_ne!(of(&image).unwrap(), before);
        fs::remove_dir(image.join("empty")).unwrap();
        assert_eq!(of(&image).unwrap(), before);
        fs::remove_file(image.join("link")).unwrap();
        assert_ne!(of(&image).unwrap(), before);
    }
}
