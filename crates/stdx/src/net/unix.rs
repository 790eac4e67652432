//! Unix sockets named by directory and file name. A socket address holds 107 bytes of path and state directories
//! can lie deeper, so the address used is `/proc/self/fd/<directory>/<name>`, which is always short.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;

use crate::fs::PRIVATE_FILE;

/// Binds `name` in `dir` for the owner alone (0600), replacing what a dead process left there.
///
/// The caller must hold whatever makes it the only owner of `dir`: a living listener is replaced as well.
pub fn bind(dir: &Path, name: &str) -> io::Result<UnixListener> {
    bind_in(&File::open(dir)?, name)
}

/// [`bind`] in a directory that is open.
pub fn bind_in(dir: &File, name: &str) -> io::Result<UnixListener> {
    let short = short_in(dir, name);
    match std::fs::remove_file(&short) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&short)?;
    // Between bind and here the umask decides; nothing is lost, since a peer's uid is checked as well.
    std::fs::set_permissions(&short, std::fs::Permissions::from_mode(PRIVATE_FILE))?;
    Ok(listener)
}

/// Connects to `name` in `dir`.
pub fn connect(dir: &Path, name: &str) -> io::Result<UnixStream> {
    let (_handle, short) = short_path(dir, name)?;
    UnixStream::connect(&short)
}

/// The short path of `name` in `dir`, valid in this process for as long as the handle lives. For callers with
/// their own socket types (tokio).
pub fn short_path(dir: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let handle = File::open(dir)?;
    let path = short_in(&handle, name);
    Ok((handle, path))
}

fn short_in(dir: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd()))
}

/// The user that opened the other end, as the kernel recorded it.
pub fn peer_uid(stream: impl AsFd) -> io::Result<u32> {
    Ok(socket_peercred(stream)?.uid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_longer_than_a_socket_address_is_bound_and_connected() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(150));
        std::fs::create_dir(&deep).unwrap();
        let listener = bind(&deep, "a.sock").unwrap();
        let client = connect(&deep, "a.sock").unwrap();
        let (server, _) = listener.accept().unwrap();
        let own = rustix::process::getuid().as_raw();
        assert_eq!(peer_uid(&client).unwrap(), own);
        assert_eq!(peer_uid(&server).unwrap(), own);
    }

    #[test]
    fn a_socket_left_by_a_dead_owner_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(bind(dir.path(), "a.sock").unwrap());
        assert!(connect(dir.path(), "a.sock").is_err());
        let _listener = bind(dir.path(), "a.sock").unwrap();
        connect(dir.path(), "a.sock").unwrap();
    }
}
