//! Quantities: text with a unit in the file, an integer in one unit here. No float, so that equal means equal.
//!
//! Each type parses from and prints to its text in `plimsoll.toml`; printing and parsing again gives the same value.

mod address;
mod bound;
mod bytes;
mod cpu;
mod cron;
mod date;
mod decimal;
mod duration;
mod image_ref;
mod percent;
mod rate;

pub(crate) use address::is_host;
pub use address::{HostPort, Origin, PortRef};
pub use bound::{Bound, Comparison, Dimension, Quantity};
pub use bytes::Bytes;
pub use cpu::CpuMillis;
pub use cron::{Cron, Minute};
pub use date::Date;
pub use decimal::Decimal;
pub use duration::DurationMs;
pub use image_ref::ImageRef;
pub use percent::Percent;
pub use rate::Rate;

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// What is wrong, as a phrase.
    pub message: String,
    /// What to write instead, when one answer is likely.
    pub suggestion: Option<String>,
}

impl UnitError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            suggestion: None,
        }
    }

    pub(crate) fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

/// Gives a type that parses and prints the same as text the serde form of a string.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

/// Splits `12.5 MB` into its number and its unit; blanks between them are allowed.
pub(crate) fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// `number` times `factor`, when that is a whole number that fits; `number` may have a fraction.
pub(crate) fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // 12 digits of fraction are more than any unit here divides into.
    if number.ends_with('.') || fraction.len() > 12 || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let places = u32::try_from(fraction.len()).ok()?;
    let denominator = 10_u128.pow(places);
    let mantissa: u128 = format!("{whole}{fraction}").parse().ok()?;
    let product = mantissa.checked_mul(u128::from(factor))?;
    if product % denominator != 0 {
        return None;
    }
    u64::try_from(product / denominator).ok()
}
