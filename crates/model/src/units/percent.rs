//! Shares.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, scaled, serde_as_text, split_unit};

/// A share in thousandths of a percent: `70%`, `0.1%`, `99.95%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Percent(pub u32);

impl Percent {
    /// Whole percents.
    pub const fn whole(percent: u32) -> Self {
        Self(percent * 1000)
    }

    /// The nearest whole percent below.
    pub const fn floor(self) -> u32 {
        self.0 / 1000
    }
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_unit(text);
        let parsed = scaled(number, 1000).and_then(|value| u32::try_from(value).ok());
        match (unit, parsed) {
            ("%", Some(value)) => Ok(Self(value)),
            _ => Err(wrong(text, number, unit)),
        }
    }
}

fn wrong(text: &str, number: &str, unit: &str) -> UnitError {
    let error = UnitError::new(format!("`{text}` is not a share: write `70%` or `0.1%`"));
    match unit {
        "" | "percent" | "pct" if number.starts_with("0.") => match scaled(number, 100) {
            Some(percent) => error.suggesting(format!("{percent}%")),
            None => error,
        },
        "" | "percent" | "pct" if scaled(number, 1000).is_some() => {
            error.suggesting(format!("{number}%"))
        }
        _ => error,
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let fraction = format!("{rest:03}");
        write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
    }
}

serde_as_text!(Percent);
