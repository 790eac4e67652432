//! Spans of time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{UnitError, scaled, serde_as_text, split_unit};

/// Milliseconds: `250ms`, `30s`, `15min` (or `15m`), `4h`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DurationMs(pub u64);

/// Largest first; the names that are printed.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl DurationMs {
    /// Whole seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(count * 1000)
    }

    /// As the standard library's type.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for DurationMs {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_unit(text);
        factor(unit)
            .and_then(|factor| scaled(number, factor))
            .map(Self)
            .ok_or_else(|| wrong(text, number, unit))
    }
}

/// Milliseconds in one unit; `m` is read as minutes, as Prometheus and systemd do.
pub(crate) fn factor(unit: &str) -> Option<u64> {
    let unit = if unit == "m" { "min" } else { unit };
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}

fn wrong(text: &str, number: &str, unit: &str) -> UnitError {
    let error = UnitError::new(format!(
        "`{text}` is not a span of time: write `250ms`, `30s`, `15min`, `4h` or `90d`"
    ));
    let likely = match unit.to_ascii_lowercase().as_str() {
        "" | "sec" | "secs" | "second" | "seconds" | "s" => "s",
        "mins" | "minute" | "minutes" => "min",
        "hr" | "hrs" | "hour" | "hours" | "h" => "h",
        "day" | "days" | "d" => "d",
        "msec" | "millis" | "milliseconds" | "ms" => "ms",
        _ => return error,
    };
    match scaled(number, factor(likely).unwrap_or(1)) {
        Some(_) => error.suggesting(format!("{number}{likely}")),
        None => error,
    }
}

impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let exact = UNITS
            .iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor));
        let (unit, factor) = exact.unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

serde_as_text!(DurationMs);
