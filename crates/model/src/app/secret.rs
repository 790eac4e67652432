//! Secret values, by name only.

use serde::{Deserialize, Serialize};

use crate::units::DurationMs;

/// Where a secret's value comes from. The value itself is never in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Made at random: `48 bytes` (base64) or `20 chars` (letters and digits).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,
    /// Asked of a person once, with this prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// How often it has to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate: Option<DurationMs>,
    /// Whether `up` prints it once, in development only.
    pub show_once: bool,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// A random value: its length, in bytes or in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generate {
    /// So many random bytes, written as base64.
    Bytes(u32),
    /// So many letters and digits.
    Chars(u32),
}

impl Generate {
    /// Bits of entropy: a character out of 62 holds 5.95.
    pub const fn entropy_bits(self) -> u32 {
        match self {
            Self::Bytes(count) => count.saturating_mul(8),
            Self::Chars(count) => count.saturating_mul(595) / 100,
        }
    }
}

impl std::str::FromStr for Generate {
    type Err = crate::units::UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            crate::units::UnitError::new(format!(
                "`{text}` is not a random value: write `48 bytes` or `20 chars`"
            ))
        };
        let (number, unit) = crate::units::split_unit(text);
        // 4,096 is far above any key, and bounds what is generated.
        let count = number
            .parse()
            .ok()
            .filter(|count| (1..=4096).contains(count));
        let count = count.ok_or_else(wrong)?;
        match unit {
            "bytes" | "byte" => Ok(Self::Bytes(count)),
            "chars" | "char" | "characters" => Ok(Self::Chars(count)),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Generate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(count) => write!(f, "{count} bytes"),
            Self::Chars(count) => write!(f, "{count} chars"),
        }
    }
}

crate::units::serde_as_text!(Generate);
