//! The folder in which attacks are made: what they are after, what they need, and the tree of an empty image. It goes
//! with everything in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{at, create_dir_private, write_atomic_mode};
use plimsoll_stdx::random;

use super::DoctorError;
use super::orders::{self, PROGRAM};
use crate::attack::CANARY;

/// The folders of the empty image, as the local target makes it.
const IMAGE: &[&str] = &["app", "dev", "etc", "proc", "run", "tmp"];
/// Longer than this binary will ever be.
const PROGRAM_MAX: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct Stage {
    root: PathBuf,
    /// Of the program that attacks.
    pub(super) program: Digest,
    /// Whether there is a copy of it that runs as root.
    pub(super) has_setuid: bool,
}

impl Stage {
    /// Makes the folder below `parent`, where other users reach it: some attacks are another user's. `tool` is this
    /// binary.
    pub(super) fn make(parent: &Path, tool: &Path, as_root: bool) -> Result<Self, DoctorError> {
        let root = parent.join(format!("plimsoll-doctor-{:016x}", random::number()));
        folder(&root, 0o755)?;
        // From here on it is removed whatever fails.
        let mut stage = Self {
            root,
            program: Digest::of(b""),
            has_setuid: false,
        };
        let bytes = plimsoll_stdx::fs::read_bounded(tool, PROGRAM_MAX)?;
        stage.program = Digest::of(&bytes);
        folder(&stage.app(), 0o755)?;
        drop(bytes);
        copy(tool, &stage.app().join(PROGRAM), 0o755)?;
        if as_root {
            stage.make_setuid(tool)?;
        }
        write_atomic_mode(&stage.canary(), format!("{CANARY}\n").as_bytes(), 0o644)?;
        folder(&stage.scratch(), 0o755)?;
        create_dir_private(&stage.env())?;
        folder(&stage.image(), 0o755)?;
        for name in IMAGE {
            folder(&stage.image().join(name), 0o755)?;
        }
        for (name, text) in [
            ("passwd", "app:x:1001:1001:app:/tmp:/sbin/nologin\n"),
            ("group", "app:x:1001:\n"),
            ("hosts", ""),
        ] {
            write_atomic_mode(
                &stage.image().join("etc").join(name),
                text.as_bytes(),
                0o444,
            )?;
        }
        Ok(stage)
    }

    /// A copy that makes who executes it root lies in a folder that nobody can enter but root and the user of replicas,
    /// who sees no folder of this machine; and it goes with the stage.
    fn make_setuid(&mut self, tool: &Path) -> Result<(), DoctorError> {
        let user = orders::user();
        let dir = self.app().join("setuid");
        folder(&dir, 0o710)?;
        chown(&dir, None, Some(user.gid)).map_err(at("change the group of", &dir))?;
        let path = dir.join(PROGRAM);
        copy(tool, &path, 0o700)?;
        chown(&path, None, Some(user.gid)).map_err(at("change the group of", &path))?;
        // Last, because changing the group takes the mark away.
        permit(&path, 0o4750)?;
        self.has_setuid = true;
        Ok(())
    }

    /// What is bound to `/app`.
    pub(super) fn app(&self) -> PathBuf {
        self.root.join("app")
    }

    pub(super) fn canary(&self) -> PathBuf {
        self.root.join("canary")
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The environment that replicas are started in.
    pub(super) fn env(&self) -> PathBuf {
        self.root.join("env")
    }

    /// The tree of an image with nothing in it.
    pub(super) fn image(&self) -> PathBuf {
        self.root.join("image")
    }

    /// A name that no other doctor has.
    pub(super) fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed is a temporary folder with a name that says whose it is.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Not durably: it lives as long as the doctor.
fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), DoctorError> {
    fs::copy(from, to).map_err(at("copy this program to", to))?;
    permit(to, mode)
}

fn folder(path: &Path, mode: u32) -> Result<(), DoctorError> {
    fs::create_dir(path).map_err(at("create", path))?;
    permit(path, mode)
}

fn permit(path: &Path, mode: u32) -> Result<(), DoctorError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(at("set the permissions of", path))?;
    Ok(())
}
