//! Plain numbers.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, scaled, serde_as_text};

/// A number of at most six decimals, in millionths: `0.1`, `1000`, `-2.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(pub i64);

/// How many of the stored unit make one.
const ONE: u64 = 1_000_000;

impl Decimal {
    /// A whole number; saturates where it does not fit.
    pub fn whole(number: i64) -> Self {
        Self(number.saturating_mul(1_000_000))
    }
}

impl FromStr for Decimal {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let plain = text.trim().replace('_', "");
        let (sign, digits) = match plain.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, plain.as_str()),
        };
        scaled(digits, ONE)
            .and_then(|value| i64::try_from(value).ok())
            .map(|value| Self(sign * value))
            .ok_or_else(|| {
                UnitError::new(format!("`{text}` is not a number of at most six decimals"))
            })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.unsigned_abs() / ONE, self.0.unsigned_abs() % ONE);
        let sign = if self.0 < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

serde_as_text!(Decimal);
