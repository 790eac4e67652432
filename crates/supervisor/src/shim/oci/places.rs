//! What is shown where, of all that the shim puts together for a runtime.

use std::path::{Path, PathBuf};

use super::super::TOKEN_FILE;
use crate::order::{Order, Root};

/// Where the shim's binary is seen, which is process 1.
pub(super) const INIT: &str = "/run/plimsoll/init";
/// Names on the stage.
pub(super) const IMAGE: &str = "image";
pub(super) const BINARY: &str = "init";
pub(super) const TOKEN: &str = "token";
pub(super) const HOSTS: &str = "hosts";
pub(super) const SECRETS: &str = "secrets";

/// A file or folder of the stage that the program sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Below the stage.
    pub(super) name: String,
    /// Where the program sees it.
    pub(super) target: PathBuf,
    pub(super) writable: bool,
    /// Whether programs in it can be executed.
    pub(super) executable: bool,
}

impl Place {
    fn new(name: &str, target: &Path) -> Self {
        Self {
            name: name.to_owned(),
            target: target.to_owned(),
            writable: false,
            executable: false,
        }
    }
}

/// The name on the stage of the bind with this number.
pub(super) fn bound(number: usize) -> String {
    format!("binds/{number}")
}

/// Everything that `order` shows of the stage beside the tree itself.
pub(super) fn places(order: &Order) -> Vec<Place> {
    let mut places = vec![
        Place {
            executable: true,
            ..Place::new(BINARY, Path::new(INIT))
        },
        Place::new(TOKEN, Path::new(TOKEN_FILE)),
        Place::new(SECRETS, Path::new(&order.secrets_dir)),
    ];
    // This machine's tools come with an `/etc` that has it already.
    if matches!(order.root, Root::Image(_)) {
        places.push(Place::new(HOSTS, Path::new("/etc/hosts")));
    }
    places.extend(order.binds.iter().enumerate().map(|(number, bind)| Place {
        writable: bind.writable,
        executable: true,
        ..Place::new(&bound(number), &bind.target)
    }));
    places
}
