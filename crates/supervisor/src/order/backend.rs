//! Who puts a contained program into its namespaces.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What makes the namespaces of a contained program, shows it its tree and takes its rights away.
///
/// Whoever does it, the shim stands above the program, and what holds is read back from the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The shim itself.
    #[default]
    Own,
    /// A runtime as the Open Container Initiative specifies it, with [`super::Isolation::Contained`] and as root only.
    Oci {
        /// Its program: an absolute path.
        runtime: PathBuf,
    },
}

impl Backend {
    /// Whether it is [`Self::Own`]; so written, it is left out of documents, which then are what they were before there
    /// was another.
    pub fn is_own(&self) -> bool {
        *self == Self::Own
    }

    /// How people call the runtime: `runc`. `None` for [`Self::Own`].
    pub fn runtime(&self) -> Option<String> {
        match self {
            Self::Own => None,
            Self::Oci { runtime } => {
                let name = runtime.file_name().unwrap_or(runtime.as_os_str());
                Some(name.to_string_lossy().into_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Kind, Order};

    #[test]
    fn orders_without_a_runtime_are_the_documents_that_they_were() {
        let mut order = Order::new("web-1", Kind::Replica, vec!["/bin/true".into()]);
        let before = serde_json::to_string(&order).unwrap();
        assert!(!before.contains("backend"), "{before}");
        order.backend = Backend::Oci {
            runtime: "/usr/sbin/runc".into(),
        };
        let after = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&after).unwrap(), order);
        assert_eq!(order.backend.runtime().unwrap(), "runc");
        assert_eq!(Backend::Own.runtime(), None);
    }
}
