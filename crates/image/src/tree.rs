//! What an artefact holds: every file with its size, mode and digest, and the digest of that list.
//!
//! Times, owners and the order of directory entries play no part, so that equal content has one name.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use plimsoll_bundle::canonical;
use plimsoll_bundle::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::BuildError;

/// Files in one artefact, at the most: ten times what a large front end has, and still listed in a second.
const MAX_FILES: usize = 100_000;
/// Bytes in one artefact, at the most: a program with a model beside it fits, a disk image does not.
const MAX_BYTES: u64 = 4 << 30;
const COPY_BUFFER: usize = 64 << 10;

/// The content of an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Sorted by path.
    pub files: Vec<TreeFile>,
}

/// One file of an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeFile {
    /// Relative, with `/`, without `.` and `..`.
    pub path: String,
    /// Whether it may be executed.
    pub executable: bool,
    /// Bytes.
    pub size: u64,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Where it leads, when it is a symbolic link: then its bytes are the name of its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Tree {
    /// Reads the folder `root`. Symbolic links that lead out of it, sockets and devices are refused.
    pub fn read(root: &Path) -> Result<Self, BuildError> {
        let mut paths = list(root)?;
        paths.sort();
        let mut total = 0;
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let file = read_file(root, &path)?;
            total += file.size;
            if total > MAX_BYTES {
                return Err(BuildError::TooLarge {
                    limit: MAX_BYTES,
                    unit: "bytes",
                });
            }
            files.push(file);
        }
        Ok(Self { files })
    }

    /// The artefact's name: the digest of the canonical list.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        // A list of texts and integers always has a canonical form.
        hasher.update(&canonical::to_bytes(self).unwrap_or_default());
        hasher.finish()
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The first path that the two do not share with equal content.
    pub fn first_difference(&self, other: &Self) -> Option<PathBuf> {
        let longest = self.files.len().max(other.files.len());
        (0..longest).find_map(
            |index| match (self.files.get(index), other.files.get(index)) {
                (mine, theirs) if mine == theirs => None,
                (Some(file), _) | (None, Some(file)) => Some(PathBuf::from(&file.path)),
                (None, None) => None,
            },
        )
    }
}

/// Paths of all regular files below `root`, relative to it.
pub(crate) fn list(root: &Path) -> Result<Vec<PathBuf>, BuildError> {
    list_wanted(root, &|_| true)
}

/// The same without what is not `wanted`, which is not looked at.
pub(crate) fn list_wanted(
    root: &Path,
    wanted: &dyn Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let absolute = root.join(&folder);
        for entry in fs::read_dir(&absolute).map_err(BuildError::io("list", &absolute))? {
            let entry = entry.map_err(BuildError::io("list", &absolute))?;
            let path = folder.join(entry.file_name());
            if !wanted(&path) {
                continue;
            }
            let kind = entry
                .file_type()
                .map_err(BuildError::io("look at", root.join(&path)))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() || (kind.is_symlink() && stays_inside(root, &path)?) {
                found.push(path);
            } else {
                let what = if kind.is_symlink() {
                    "a symbolic link that leads out of it"
                } else {
                    "no regular file"
                };
                return Err(BuildError::Unsupported {
                    path: root.join(path),
                    what,
                });
            }
            if found.len() > MAX_FILES {
                return Err(BuildError::TooLarge {
                    limit: MAX_FILES as u64,
                    unit: "files",
                });
            }
        }
    }
    Ok(found)
}

/// Whether the link at `path` leads to a place below `root`, as Node's `.bin/` does: read by its text, since what it
/// leads to may not be there yet. Nobody here follows it.
fn stays_inside(root: &Path, path: &Path) -> Result<bool, BuildError> {
    let absolute = root.join(path);
    let target = fs::read_link(&absolute).map_err(BuildError::io("read the link", &absolute))?;
    let mut depth = path.components().count() - 1;
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether there is a symbolic link at `path`.
pub(crate) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn read_file(root: &Path, path: &Path) -> Result<TreeFile, BuildError> {
    let absolute = root.join(path);
    let Some(text) = path.to_str() else {
        return Err(BuildError::Unsupported {
            path: absolute,
            what: "named in no UTF-8",
        });
    };
    if is_link(&absolute) {
        let target =
            fs::read_link(&absolute).map_err(BuildError::io("read the link", &absolute))?;
        let target = target.to_string_lossy().into_owned();
        return Ok(TreeFile {
            path: text.to_owned(),
            executable: false,
            size: target.len() as u64,
            digest: Digest::of(target.as_bytes()),
            link: Some(target),
        });
    }
    let mut file = File::open(&absolute).map_err(BuildError::io("open", &absolute))?;
    let metadata = file
        .metadata()
        .map_err(BuildError::io("look at", &absolute))?;
    let (digest, size) = digest_of(&mut file).map_err(BuildError::io("read", &absolute))?;
    Ok(TreeFile {
        path: text.to_owned(),
        executable: metadata.permissions().mode() & 0o100 != 0,
        size,
        digest,
        link: None,
    })
}

/// Digest and length of everything that `source` gives.
pub(crate) fn digest_of(source: &mut impl Read) -> std::io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; COPY_BUFFER];
    let mut size = 0;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            plimsoll_stdx::fs::write_atomic(&path, text.as_bytes()).unwrap();
        }
        folder
    }

    #[test]
    fn equal_content_has_one_name_wherever_and_whenever_it_was_written() {
        let one = folder(&[("b/c.txt", "c"), ("a.txt", "a")]);
        let other = folder(&[("a.txt", "a"), ("b/c.txt", "c")]);
        let (one, other) = (
            Tree::read(one.path()).unwrap(),
            Tree::read(other.path()).unwrap(),
        );
        assert_eq!(one.digest(), other.digest());
        assert_eq!(one.bytes(), 2);
    }

    #[test]
    fn a_changed_byte_a_changed_name_and_a_changed_mode_change_the_name() {
        let base = Tree::read(folder(&[("a.txt", "a")]).path()).unwrap();
        let byte = Tree::read(folder(&[("a.txt", "b")]).path()).unwrap();
        let name = Tree::read(folder(&[("b.txt", "a")]).path()).unwrap();
        let executable = folder(&[("a.txt", "a")]);
        let file = executable.path().join("a.txt");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let mode = Tree::read(executable.path()).unwrap();
        for other in [byte, name, mode] {
            assert_ne!(base.digest(), other.digest());
            assert!(base.first_difference(&other).is_some());
        }
        assert_eq!(base.first_difference(&base), None);
    }

    #[test]
    fn a_symbolic_link_that_leads_out_is_refused_by_name() {
        for target in ["/etc/passwd", "..", "../x", "a/../../x"] {
            let folder = folder(&[("a.txt", "a")]);
            symlink(target, folder.path().join("link")).unwrap();
            let error = Tree::read(folder.path()).unwrap_err();
            assert!(error.to_string().contains("link"), "{error}");
        }
    }

    #[test]
    fn a_symbolic_link_inside_is_kept_as_one_and_its_target_is_part_of_the_name() {
        let with = |target: &str| {
            let folder = folder(&[("modules/x/cli.js", "x"), ("modules/.bin/y", "y")]);
            symlink(target, folder.path().join("modules/.bin/x")).unwrap();
            Tree::read(folder.path()).unwrap()
        };
        let tree = with("../x/cli.js");
        assert_eq!(tree.files[0].link.as_deref(), Some("../x/cli.js"));
        assert_ne!(tree.digest(), with("../x/other.js").digest());
    }
}
