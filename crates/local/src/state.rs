//! The state directory: one per project, private, self-describing, and never in version control.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::{at, create_dir_private, read_bounded, write_atomic};
use plimsoll_stdx::lock::LockError;

use crate::LocalError;
use crate::daemon::intent::Intent;
use crate::lease::Lease;

/// The name of the state directory in a project.
pub const NAME: &str = ".plimsoll";
/// The layout that this tool writes, and the newest that it understands.
const LAYOUT: u32 = 1;
/// Where artefacts are kept, below the state directory.
pub(crate) const ARTEFACTS: &str = "artefacts";
/// Where images are kept, below the state directory.
const IMAGES: &str = "images";
/// Where images are unpacked, below the state directory.
const ROOTFS: &str = "rootfs";
/// Where environments are, below the state directory.
const ENVIRONMENTS: &str = "env";
/// `VERSION` holds one number.
const VERSION_MAX: u64 = 32;

/// `.plimsoll/` of one project.
#[derive(Debug, Clone)]
pub struct StateDir {
    root: PathBuf,
    project: PathBuf,
}

/// `.plimsoll/env/<name>/`: everything of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvDir {
    root: PathBuf,
}

impl StateDir {
    /// Opens the state directory of `project`, which must exist; creates it, 0700 and ignored by git, when missing.
    pub fn open(project: &Path) -> Result<Self, LocalError> {
        let project = project.canonicalize().map_err(at("find", project))?;
        let root = project.join(NAME);
        create_dir_private(&root)?;
        let version = root.join("VERSION");
        match read_bounded(&version, VERSION_MAX) {
            Ok(bytes) => ensure_layout(&root, &String::from_utf8_lossy(&bytes))?,
            Err(error) if error.is_not_found() => {
                write_atomic(&root.join(".gitignore"), b"*\n")?;
                write_atomic(&version, format!("{LAYOUT}\n").as_bytes())?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Self { root, project })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The project that it belongs to.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// Where artefacts are kept, one folder per digest.
    pub fn artefacts(&self) -> PathBuf {
        self.root.join(ARTEFACTS)
    }

    /// Where images are kept: an OCI image layout.
    pub fn images(&self) -> PathBuf {
        self.root.join(IMAGES)
    }

    /// Where images are unpacked, one folder per digest. Nothing is lost with it: images are unpacked again.
    pub fn rootfs(&self) -> PathBuf {
        self.root.join(ROOTFS)
    }

    /// Every environment that there ever was, by name.
    pub(crate) fn environments(&self) -> Result<Vec<EnvDir>, LocalError> {
        let folder = self.root.join(ENVIRONMENTS);
        let entries = std::fs::read_dir(&folder).map_err(at("list", &folder))?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(at("list", &folder))?.path();
            if path.is_dir() {
                found.push(EnvDir { root: path });
            }
        }
        found.sort_by(|one, other| one.root.cmp(&other.root));
        Ok(found)
    }

    /// Where builds keep what makes the next one faster. Nothing is lost with it.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// `<app>-<hash of the project's path>`: two clones of one app never meet.
    pub fn instance(&self, app: &str) -> String {
        format!(
            "{app}-{}",
            &Digest::of(self.project.as_os_str().as_bytes()).hex()[..8]
        )
    }

    /// The directory of an environment, created when missing.
    pub fn environment(&self, name: &str) -> Result<EnvDir, LocalError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(LocalError::Unknown {
                what: "environment",
                name: name.to_owned(),
            });
        }
        let env = EnvDir {
            root: self.root.join(ENVIRONMENTS).join(name),
        };
        create_dir_private(&env.root)?;
        Ok(env)
    }
}

fn ensure_layout(root: &Path, text: &str) -> Result<(), LocalError> {
    let found = text.trim();
    if found.parse::<u32>().is_ok_and(|layout| layout <= LAYOUT) {
        return Ok(());
    }
    Err(LocalError::Layout {
        path: root.to_owned(),
        found: found.to_owned(),
        newest: LAYOUT,
    })
}

impl EnvDir {
    /// An environment's directory that is there already; what the supervisor is started with.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The state directory above it.
    pub(crate) fn state_root(&self) -> &Path {
        self.root
            .parent()
            .and_then(Path::parent)
            .unwrap_or(&self.root)
    }

    /// The folder of an artefact.
    pub(crate) fn artefact(&self, digest: &Digest) -> PathBuf {
        self.state_root().join(ARTEFACTS).join(digest.hex())
    }

    /// Where images are kept.
    pub(crate) fn images(&self) -> PathBuf {
        self.state_root().join(IMAGES)
    }

    /// Where images are unpacked.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.state_root().join(ROOTFS)
    }

    /// Records of changes.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The folder of a release.
    pub(crate) fn release(&self, id: &str) -> PathBuf {
        self.root.join("releases").join(id)
    }

    /// What is asked of the supervisor.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// Encrypted secrets.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// Data and settings of a resource.
    pub(crate) fn resource(&self, name: &str) -> PathBuf {
        self.root.join("resources").join(name)
    }

    /// The gateway's documents and control socket.
    pub(crate) fn gateway(&self) -> PathBuf {
        self.root.join("gateway")
    }

    /// Output of the supervisor itself.
    pub(crate) fn supervisor_log(&self) -> PathBuf {
        self.root.join("supervisor.log")
    }

    /// Taken by whoever changes the environment, for as long as the change lasts.
    pub(crate) fn lock_for_change(&self) -> Result<Lease, LocalError> {
        let fence = Intent::load(self)?.fence;
        Lease::take(&self.root, fence).map_err(|error| match error {
            LockError::Held(_) => LocalError::Busy(error),
            LockError::Fs(_) => LocalError::Lock(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_state_directory_is_private_ignored_by_git_and_says_its_layout() {
        let project = tempfile::tempdir().unwrap();
        let state = StateDir::open(project.path()).unwrap();
        assert_eq!(state.path().metadata().unwrap().mode() & 0o777, 0o700);
        let read = |name: &str| std::fs::read_to_string(state.path().join(name)).unwrap();
        assert_eq!(read(".gitignore"), "*\n");
        assert_eq!(read("VERSION"), "1\n");
        StateDir::open(project.path()).unwrap();
    }

    #[test]
    fn a_layout_of_a_newer_tool_is_refused_and_left_alone() {
        let project = tempfile::tempdir().unwrap();
        let state = StateDir::open(project.path()).unwrap();
        write_atomic(&state.path().join("VERSION"), b"2\n").unwrap();
        assert!(matches!(
            StateDir::open(project.path()),
            Err(LocalError::Layout { .. })
        ));
    }

    #[test]
    fn two_clones_of_one_app_are_two_instances() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let instance = |dir: &Path| StateDir::open(dir).unwrap().instance("shop");
        assert_ne!(instance(one.path()), instance(two.path()));
        assert_eq!(instance(one.path()), instance(one.path()));
    }

    #[test]
    fn an_environment_that_would_leave_its_folder_is_refused() {
        let project = tempfile::tempdir().unwrap();
        let state = StateDir::open(project.path()).unwrap();
        for name in ["", "..", "a/b", "a\0"] {
            assert!(state.environment(name).is_err(), "{name}");
        }
        assert!(state.environment("development").unwrap().path().is_dir());
    }

    #[test]
    fn one_change_at_a_time() {
        let project = tempfile::tempdir().unwrap();
        let env = StateDir::open(project.path())
            .unwrap()
            .environment("e")
            .unwrap();
        let held = env.lock_for_change().unwrap();
        assert!(matches!(env.lock_for_change(), Err(LocalError::Busy(_))));
        drop(held);
        env.lock_for_change().unwrap();
    }
}
