//! The fingerprint of a source folder: when it is unchanged, so is the output, and the build is skipped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use plimsoll_bundle::canonical;
use plimsoll_bundle::digest::{Digest, Hasher};

use crate::BuildError;
use crate::tree;

/// Folders that hold what tools made or keep, never source.
const NOT_SOURCE: [&str; 4] = ["node_modules", "target", ".git", ".plimsoll"];
/// Source files looked at, at the most; a larger folder is simply built each time.
const MAX_FILES: usize = 20_000;

/// The fingerprint of the source in `dir`, without its output `out`; nothing where the folder is too large or
/// holds what cannot be read.
pub(crate) fn fingerprint(
    dir: &Path,
    out: &Path,
    recipe: &[Vec<String>],
) -> Result<Option<Digest>, BuildError> {
    let Some(mut paths) = list(dir, out)? else {
        return Ok(None);
    };
    paths.sort();
    let mut hasher = Hasher::new();
    hasher.update(&canonical::to_bytes(&recipe).unwrap_or_default());
    for path in paths {
        let absolute = dir.join(&path);
        let mut file = File::open(&absolute).map_err(BuildError::io("open", &absolute))?;
        let (digest, _) = tree::digest_of(&mut file).map_err(BuildError::io("read", &absolute))?;
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(b"\0");
        hasher.update(digest.as_str().as_bytes());
    }
    Ok(Some(hasher.finish()))
}

fn list(dir: &Path, out: &Path) -> Result<Option<Vec<PathBuf>>, BuildError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let absolute = dir.join(&folder);
        for entry in fs::read_dir(&absolute).map_err(BuildError::io("list", &absolute))? {
            let entry = entry.map_err(BuildError::io("list", &absolute))?;
            let path = folder.join(entry.file_name());
            let kind = entry
                .file_type()
                .map_err(BuildError::io("look at", dir.join(&path)))?;
            if kind.is_dir() {
                if path != out && !NOT_SOURCE.iter().any(|name| entry.file_name() == *name) {
                    folders.push(path);
                }
            } else if kind.is_file() {
                found.push(path);
            } else {
                // A link may lead to source outside: nothing can be said.
                return Ok(None);
            }
            if found.len() > MAX_FILES {
                return Ok(None);
            }
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_source_and_recipe_move_the_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            plimsoll_stdx::fs::write_atomic(&path, text.as_bytes()).unwrap();
        };
        let run = vec![vec!["npm".to_owned()]];
        let print = |run: &[Vec<String>]| {
            fingerprint(folder.path(), Path::new("dist"), run)
                .unwrap()
                .unwrap()
        };
        write("src/a.ts", "a");
        let before = print(&run);
        write("dist/a.js", "made");
        write("node_modules/x/index.js", "installed");
        assert_eq!(print(&run), before);
        write("src/a.ts", "b");
        let changed = print(&run);
        assert_ne!(changed, before);
        assert_ne!(print(&[]), changed);
    }
}
