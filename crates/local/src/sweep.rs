//! Socket files that processes left behind when they were killed: nobody answers there any more.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use plimsoll_stdx::fs::at;

use crate::{EnvDir, LocalError};

/// How deep an environment's folder goes where sockets are: `replicas/ID/shim.sock`, `resources/ID/run/SOCKET`.
const DEPTH: usize = 4;

/// Removes every socket file below `env`. To be called when no process of the environment lives.
pub(crate) fn sockets(env: &EnvDir) -> Result<(), LocalError> {
    let mut folders = vec![(env.path().to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for (path, kind) in entries(&folder)? {
            if kind.is_socket() {
                fs::remove_file(&path).map_err(at("remove", &path))?;
            } else if kind.is_dir() && depth < DEPTH {
                folders.push((path, depth + 1));
            }
        }
    }
    Ok(())
}

/// A folder that has gone meanwhile holds no sockets.
fn entries(folder: &PathBuf) -> Result<Vec<(PathBuf, fs::FileType)>, LocalError> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at("list", folder)(error).into()),
    };
    let found = listing.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))));
    Ok(found
        .collect::<Result<_, _>>()
        .map_err(at("list", folder))?)
}
