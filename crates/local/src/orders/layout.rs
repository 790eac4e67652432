//! Where a process finds things, which depends on the tree that it sees.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_image::program;
use plimsoll_stdx::fs::{at, create_dir_private};
use plimsoll_supervisor::order::{Backend, Bind, Door, ImageRoot, Isolation, Root, User};
use plimsoll_supervisor::runner::Capabilities;
use plimsoll_supervisor::runtimes::RuntimeError;

use super::{empty, uids};
use crate::resources::ensure_dir;
use crate::{EnvDir, LocalError};

/// Which tree processes see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tree {
    Host,
    Own,
}

/// Where things are, for processes of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    tree: Tree,
    /// Whether processes can be contained.
    contained: bool,
    /// Whether processes can be other users.
    as_root: bool,
    env: EnvDir,
    /// A short private directory, for socket paths that every process sees: a socket's path has at most 107 bytes.
    short: PathBuf,
    /// Who contains replicas and jobs.
    backend: Backend,
}

impl Layout {
    /// The best that this machine gives. Creates the short directory where it is needed.
    pub(crate) fn new(
        env: &EnvDir,
        (runtime_dir, runtime): (&Path, Option<&Path>),
        machine: &Capabilities,
    ) -> Result<Self, LocalError> {
        if let (Some(_), Err(reason)) = (runtime, &machine.contained) {
            return Err(RuntimeError::Impossible(reason.clone()).into());
        }
        let tree = if machine.tools.is_ok() {
            Tree::Own
        } else {
            Tree::Host
        };
        let name = Digest::of(env.path().as_os_str().as_bytes());
        let layout = Self {
            tree,
            contained: machine.contained.is_ok(),
            as_root: machine.root,
            env: env.clone(),
            short: runtime_dir.join(&name.hex()[..8]),
            backend: runtime.map_or(Backend::Own, |runtime| Backend::Oci {
                runtime: runtime.to_owned(),
            }),
        };
        if tree == Tree::Host {
            create_dir_private(&layout.short)?;
        }
        if layout.contained {
            ensure_dir(&layout.doors(), 0o755)?;
            empty::ensure(&layout.empty())?;
        }
        Ok(layout)
    }

    /// The tree of a process that uses programs of this machine.
    pub(crate) fn tools(&self) -> Root {
        match self.tree {
            Tree::Own => Root::Tools,
            Tree::Host => Root::Host,
        }
    }

    /// Whether processes are contained.
    pub(crate) fn contains(&self) -> bool {
        self.contained
    }

    /// The namespaces of a process that talks to nobody but by the sockets that it is given.
    pub(crate) fn closed(&self) -> Isolation {
        if self.contained {
            Isolation::Contained
        } else {
            Isolation::Shared
        }
    }

    /// Who contains a process of a service that has these namespaces.
    pub(crate) fn backend(&self, isolation: Isolation) -> Backend {
        match isolation {
            Isolation::Shared => Backend::Own,
            Isolation::Contained => self.backend.clone(),
        }
    }

    /// The tree of a contained process whose program lies in an artefact: what its image would hold, if it needs
    /// nothing else; this machine's programs, if it does.
    pub(crate) fn program_root(&self, artefact: &Digest, command: &[String]) -> Root {
        let folder = self.env.artefact(artefact);
        let name = command.first().and_then(|name| name.strip_prefix("/app/"));
        if self.contained && name.is_some_and(|name| program::is_static(&folder.join(name))) {
            Root::Image(ImageRoot {
                rootfs: self.empty(),
                digest: artefact.clone(),
            })
        } else {
            self.tools()
        }
    }

    /// The tree of an image, if processes can be contained: nothing else may have one.
    pub(crate) fn image_root(&self, image: &Digest) -> Option<ImageRoot> {
        self.contained.then(|| ImageRoot {
            rootfs: self.env.rootfs().join(image.hex()),
            digest: image.clone(),
        })
    }

    /// Where the gateway opens connections to contained processes.
    pub(crate) fn door(&self) -> Option<Door> {
        self.contained.then(|| Door {
            dir: self.doors(),
            uid: uids::gateway().uid,
            relays: Some(uids::relay().uid),
        })
    }

    /// The folder of the doors, where there are any.
    pub(crate) fn seen_doors(&self) -> Option<PathBuf> {
        self.contained.then(|| self.doors())
    }

    /// The folder of the doors.
    pub(crate) fn doors(&self) -> PathBuf {
        self.env.path().join("doors")
    }

    /// The tree of an image with nothing in it.
    fn empty(&self) -> PathBuf {
        self.env.rootfs().join("empty")
    }

    /// Whom a process runs as.
    pub(crate) fn user(&self, user: User) -> Option<User> {
        self.as_root.then_some(user)
    }

    /// Makes `user` the owner of `path`, where we can.
    pub(crate) fn give(&self, path: &Path, user: &User) -> Result<(), LocalError> {
        if self.as_root {
            chown(path, Some(user.uid), Some(user.gid)).map_err(at("change the owner of", path))?;
        }
        Ok(())
    }

    /// A command whose program lies below `/app`, as the process sees it.
    pub(crate) fn command(&self, command: &[String], artefact: &Digest) -> Vec<String> {
        let mut command = command.to_vec();
        if let (Tree::Host, Some(program)) = (self.tree, command.first_mut())
            && let Some(rest) = program.strip_prefix("/app/")
        {
            *program = self
                .env
                .artefact(artefact)
                .join(rest)
                .to_string_lossy()
                .into_owned();
        }
        command
    }

    /// Where the process starts.
    pub(crate) fn workdir(&self, artefact: &Digest) -> String {
        match self.tree {
            Tree::Own => "/app".to_owned(),
            Tree::Host => self.env.artefact(artefact).to_string_lossy().into_owned(),
        }
    }

    /// The artefact, as something that the process sees.
    pub(crate) fn app_bind(&self, artefact: &Digest) -> Bind {
        Bind {
            source: self.env.artefact(artefact),
            target: PathBuf::from("/app"),
            writable: false,
        }
    }

    /// Where the process finds the sockets of a resource.
    pub(crate) fn need_dir(&self, resource: &str) -> PathBuf {
        match self.tree {
            Tree::Own => Path::new("/run/needs").join(resource),
            Tree::Host => self.short.join(resource),
        }
    }

    /// The sockets of a resource, as something that the process sees.
    pub(crate) fn need_bind(&self, resource: &str) -> Bind {
        Bind {
            source: self.sockets(resource),
            target: self.need_dir(resource),
            writable: true,
        }
    }

    /// Where a folder of ours is seen by a process that gets it at `inside`.
    pub(crate) fn seen(&self, source: &Path, inside: &str) -> PathBuf {
        match self.tree {
            Tree::Own => PathBuf::from(inside),
            Tree::Host => source.to_owned(),
        }
    }

    /// Where secret files of the process `id` are.
    pub(crate) fn secrets_dir(&self, id: &str) -> String {
        match self.tree {
            Tree::Own => "/run/secrets".to_owned(),
            Tree::Host => self
                .short
                .join(format!("secrets-{id}"))
                .to_string_lossy()
                .into_owned(),
        }
    }

    /// Where the sockets of a resource lie, as we see them.
    pub(crate) fn sockets(&self, resource: &str) -> PathBuf {
        self.env.resource(resource).join("run")
    }

    /// Gives the sockets of a resource their short path, where processes see the host's tree.
    pub(crate) fn link_sockets(&self, resource: &str) -> Result<(), LocalError> {
        if self.tree == Tree::Own {
            return Ok(());
        }
        let link = self.short.join(resource);
        let sockets = self.sockets(resource);
        if std::fs::read_link(&link).is_ok_and(|there| there == sockets) {
            return Ok(());
        }
        let _ = std::fs::remove_file(&link);
        Ok(symlink(&sockets, &link).map_err(at("link", &link))?)
    }

    /// Removes the short directory; nothing of the environment runs any more.
    pub(crate) fn clear(&self) {
        // What stays behind is empty of secrets: shims remove theirs.
        let _ = std::fs::remove_dir_all(&self.short);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateDir;

    #[test]
    fn a_runtime_that_was_chosen_contains_what_is_contained_or_nothing_starts() {
        let project = tempfile::tempdir().unwrap();
        let env = StateDir::open(project.path())
            .unwrap()
            .environment("e")
            .unwrap();
        let machine = |contained| Capabilities {
            root: false,
            tools: Ok(()),
            landlock: 0,
            contained,
        };
        let runtime = Path::new("/usr/sbin/runc");
        let layout =
            |runtime, machine: Capabilities| Layout::new(&env, (project.path(), runtime), &machine);
        let chosen = layout(Some(runtime), machine(Ok(()))).unwrap();
        let backend = chosen.backend(Isolation::Contained);
        assert_eq!(backend.runtime().as_deref(), Some("runc"));
        assert!(chosen.backend(Isolation::Shared).is_own());
        assert!(layout(None, machine(Err("no".into()))).is_ok());
        let refused = layout(Some(runtime), machine(Err("no namespaces".into())));
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("no namespaces"), "{said}");
    }
}
