//! The small static server that the images of front ends carry; it is part of this binary.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{FsError, at, write_atomic};

static PROGRAM: &[u8] = include_bytes!(env!("PLIMSOLL_STATIC_SERVER"));

/// What names the server.
pub(crate) fn digest() -> Digest {
    Digest::of(PROGRAM)
}

/// The server as a file below `cache`, written where it is not there or is another version's.
pub(crate) fn place(cache: &Path) -> Result<PathBuf, FsError> {
    let path = cache.join("static-server");
    if !std::fs::read(&path).is_ok_and(|found| found == PROGRAM) {
        write_atomic(&path, PROGRAM)?;
    }
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).map_err(at("set the mode of", &path))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_a_program_that_is_placed_once_and_again_when_it_differs() {
        let cache = tempfile::tempdir().unwrap();
        let path = place(cache.path()).unwrap();
        assert!(PROGRAM.starts_with(b"\x7fELF"));
        write_atomic(&path, b"an older one").unwrap();
        place(cache.path()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), PROGRAM);
        let output = std::process::Command::new(&path).arg("--help").output();
        let said = String::from_utf8(output.unwrap().stderr).unwrap();
        assert!(said.contains("usage"), "{said}");
    }
}
