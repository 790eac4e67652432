//! Shares of a CPU.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, scaled, serde_as_text, split_unit};

/// Thousandths of one CPU: `350m`, `2`, `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CpuMillis(pub u64);

impl FromStr for CpuMillis {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_unit(text);
        let factor = match unit {
            "m" => 1,
            "" => 1000,
            _ => return Err(wrong(text, number, unit)),
        };
        scaled(number, factor)
            .map(Self)
            .ok_or_else(|| wrong(text, number, unit))
    }
}

fn wrong(text: &str, number: &str, unit: &str) -> UnitError {
    let error = UnitError::new(format!(
        "`{text}` is not an amount of CPU: write thousandths of a CPU as `350m`, whole CPUs as `2`"
    ));
    match unit {
        "M" | "millicores" | "milli" | "millis" | "mCPU" | "mcpu"
            if scaled(number, 1).is_some() =>
        {
            error.suggesting(format!("{number}m"))
        }
        "cpu" | "cpus" | "CPU" | "core" | "cores" if scaled(number, 1000).is_some() => {
            error.suggesting(number)
        }
        "%" => match scaled(number, 10) {
            Some(millis) => error.suggesting(format!("{millis}m")),
            None => error,
        },
        _ => error,
    }
}

impl fmt::Display for CpuMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 != 0 && self.0.is_multiple_of(1000) {
            write!(f, "{}", self.0 / 1000)
        } else {
            write!(f, "{}m", self.0)
        }
    }
}

serde_as_text!(CpuMillis);
