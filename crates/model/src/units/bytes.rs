//! Sizes.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, scaled, serde_as_text, split_unit};

/// A size in bytes: `256Mi` and `256MiB` are binary, `60MB` is decimal, `417500B` is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// Largest first, so that printing finds the shortest exact text.
const BINARY: [(&str, u64); 4] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];
const DECIMAL: [(&str, u64); 4] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
];

impl Bytes {
    /// Whole mebibytes.
    pub const fn mebi(count: u64) -> Self {
        Self(count << 20)
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_unit(text);
        factor(unit)
            .and_then(|factor| scaled(number, factor))
            .map(Self)
            .ok_or_else(|| wrong(text, number, unit))
    }
}

fn factor(unit: &str) -> Option<u64> {
    if unit == "B" {
        return Some(1);
    }
    if unit == "KB" {
        return Some(1000);
    }
    let binary = BINARY
        .iter()
        .find(|(name, _)| *name == unit.strip_suffix('B').unwrap_or(unit));
    let decimal = DECIMAL.iter().find(|(name, _)| *name == unit);
    binary.or(decimal).map(|(_, factor)| *factor)
}

fn wrong(text: &str, number: &str, unit: &str) -> UnitError {
    let error = UnitError::new(format!(
        "`{text}` is not a size: write `256Mi` or `10Gi` (powers of 1024), `60MB` (powers of 1000) or `417500B`"
    ));
    let likely = match unit.to_ascii_lowercase().as_str() {
        "m" | "mi" | "mib" | "meg" => "Mi",
        "g" | "gi" | "gib" => "Gi",
        "k" | "ki" | "kib" => "Ki",
        "t" | "ti" | "tib" => "Ti",
        "mb" => "MB",
        "gb" => "GB",
        "b" | "bytes" | "byte" | "" => "B",
        _ => return error,
    };
    match scaled(number, factor(likely).unwrap_or(1)) {
        Some(_) => error.suggesting(format!("{number}{likely}")),
        None => error,
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = BINARY
            .iter()
            .chain(&DECIMAL)
            .find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        match exact {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

serde_as_text!(Bytes);
