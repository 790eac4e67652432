//! Counts per time.

use std::fmt;
use std::str::FromStr;

use super::{DurationMs, UnitError, duration, serde_as_text};

/// So many in a span of time: `1000/s`, `10/min`, `100/15min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In which span; never zero.
    pub per: DurationMs,
}

impl Rate {
    /// Thousandths per second, rounded down.
    pub const fn per_second_millis(self) -> u64 {
        // A rate is at most u64::MAX per millisecond on paper; saturate rather than wrap.
        self.count.saturating_mul(1_000_000) / self.per.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (count, per) = text.split_once('/').ok_or_else(|| wrong(text))?;
        let count = count.trim().parse().map_err(|_| wrong(text))?;
        let per = per.trim();
        let per = match duration::factor(per) {
            Some(one) => DurationMs(one),
            None => per.parse().map_err(|_| wrong(text))?,
        };
        if per.0 == 0 {
            return Err(wrong(text));
        }
        Ok(Self { count, per })
    }
}

fn wrong(text: &str) -> UnitError {
    let error = UnitError::new(format!(
        "`{text}` is not a rate: write a count and a span, as in `1000/s`, `10/min` or `100/15min`"
    ));
    let lower = text.to_ascii_lowercase();
    let digits: String = lower.chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return error;
    }
    let unit = match lower[digits.len()..].trim() {
        "" | "rps" | "req/s" | "r/s" | "qps" | " per second" | "per second" | "/sec"
        | "/second" => "s",
        "rpm" | "req/min" | "r/m" | "per minute" | "/minute" | "/mins" => "min",
        "/hour" | "per hour" | "/hr" => "h",
        "/day" | "per day" => "d",
        _ => return error,
    };
    error.suggesting(format!("{digits}/{unit}"))
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = self.per.to_string();
        let digits = per.bytes().take_while(u8::is_ascii_digit).count();
        let per = if &per[..digits] == "1" {
            &per[1..]
        } else {
            per.as_str()
        };
        write!(f, "{}/{per}", self.count)
    }
}

serde_as_text!(Rate);
