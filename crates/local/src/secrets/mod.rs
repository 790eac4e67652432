//! Secrets: generated or asked for once, encrypted at rest, versioned.
//!
//! What is encrypted lies in the state directory, the key outside it: a copy of the project alone opens nothing.

mod cipher;
mod generate;
mod key;
mod store;

use std::fmt;

pub use generate::Alphabet;
pub use key::Key;
pub use store::{SecretError, SecretInfo, SecretStore};

/// A value that must not be shown. Its `Debug` is `***` and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that hands it over.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Where a secret comes from when it is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlan {
    /// Made here.
    Generate {
        /// Random bytes, or characters of the alphabet.
        length: u32,
        /// What it is made of.
        alphabet: Alphabet,
    },
    /// Somebody has to say it.
    Ask {
        /// What to ask for.
        question: String,
        /// Whether the app runs without it.
        optional: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let plan = (Secret::new("hunter2"), 1);
        assert_eq!(format!("{plan:?}"), "(***, 1)");
    }
}
