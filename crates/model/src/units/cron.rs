//! Times that come back.

use std::fmt;
use std::str::FromStr;

use super::{DurationMs, UnitError, serde_as_text};

/// A cron entry of five fields in UTC: `0 2 * * *`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cron {
    text: String,
    /// Allowed values of each field, as bits: minute, hour, day of month, month, day of week (Sunday is 0).
    fields: [u64; 5],
    /// Whether day of month and day of week were both given: then either one is enough, as in every cron.
    either_day: bool,
}

/// A minute of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minute {
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 1 to 31.
    pub day: u32,
    /// 1 to 12.
    pub month: u32,
    /// 0 is Sunday.
    pub weekday: u32,
}

const FIELDS: [(&str, u32, u32); 5] = [
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Cron {
    /// The entry as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it fires in this minute.
    pub fn is_due(&self, at: Minute) -> bool {
        let Minute {
            minute,
            hour,
            day,
            month,
            weekday,
        } = at;
        let has = |field: usize, value: u32| value < 64 && self.fields[field] & (1 << value) != 0;
        let (by_date, by_weekday) = (has(2, day), has(4, weekday % 7));
        let right_day = if self.either_day {
            by_date || by_weekday
        } else {
            by_date && by_weekday
        };
        has(0, minute) && has(1, hour) && has(3, month) && right_day
    }

    /// The longest time between two firings on days on which it fires; whole days where days are left out.
    pub fn longest_gap(&self) -> DurationMs {
        let day = 86_400_000;
        let minutes: Vec<u64> = (0..1440_u64)
            .filter(|m| {
                self.fields[1] & (1 << (m / 60)) != 0 && self.fields[0] & (1 << (m % 60)) != 0
            })
            .collect();
        let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else {
            return DurationMs(366 * day);
        };
        let within = minutes
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or(0);
        let overnight = (self.longest_run_of_days_without() + 1) * 1440 - last + first;
        DurationMs(within.max(overnight) * 60_000)
    }

    /// Days in a row without a firing, over an ordinary year.
    fn longest_run_of_days_without(&self) -> u64 {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (mut weekday, mut run, mut longest) = (0, 0, 0);
        // Two years, so that a run over the new year is seen.
        for (month, length) in (1_u32..).zip(lengths).chain((1_u32..).zip(lengths)) {
            for day in 1..=length {
                let has = |field: usize, value: u32| self.fields[field] & (1 << value) != 0;
                let right = if self.either_day {
                    has(2, day) || has(4, weekday)
                } else {
                    has(2, day) && has(4, weekday)
                };
                run = if has(3, month) && right { 0 } else { run + 1 };
                longest = longest.max(run);
                weekday = (weekday + 1) % 7;
            }
        }
        longest
    }
}

impl FromStr for Cron {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some(plain) = named(text) {
            return Err(
                UnitError::new(format!("`{text}` is not a cron entry of five fields"))
                    .suggesting(plain),
            );
        }
        let Ok(words) = <[&str; 5]>::try_from(words.as_slice()) else {
            return Err(UnitError::new(format!(
                "`{text}` has {} fields, a cron entry has five: minute, hour, day of month, month, day of week",
                words.len()
            )));
        };
        let mut fields = [0; 5];
        for (index, word) in words.iter().enumerate() {
            fields[index] = field(word, index)?;
        }
        // Sunday may be 0 or 7.
        if fields[4] & (1 << 7) != 0 {
            fields[4] = (fields[4] | 1) & !(1 << 7);
        }
        let either_day = !words[2].starts_with('*') && !words[4].starts_with('*');
        Ok(Self {
            text: words.join(" "),
            fields,
            either_day,
        })
    }
}

fn named(text: &str) -> Option<&'static str> {
    match text.trim() {
        "@hourly" | "hourly" => Some("0 * * * *"),
        "@daily" | "@midnight" | "daily" | "nightly" => Some("0 0 * * *"),
        "@weekly" | "weekly" => Some("0 0 * * 0"),
        "@monthly" | "monthly" => Some("0 0 1 * *"),
        _ => None,
    }
}

fn field(word: &str, index: usize) -> Result<u64, UnitError> {
    let (name, low, high) = FIELDS[index];
    let wrong = || {
        UnitError::new(format!(
            "`{word}` is not a {name} of a cron entry: {low} to {high}, `*`, `a-b`, `*/n` or a list"
        ))
    };
    let mut bits = 0;
    for part in word.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().map_err(|_| wrong())?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (
                number(from, index).ok_or_else(wrong)?,
                number(to, index).ok_or_else(wrong)?,
            ),
            None => {
                let only = number(range, index).ok_or_else(wrong)?;
                (only, if part.contains('/') { high } else { only })
            }
        };
        if step == 0 || step > high || from < low || to > high || from > to {
            return Err(wrong());
        }
        let mut value = from;
        while value <= to {
            bits |= 1 << value;
            value += step;
        }
    }
    Ok(bits)
}

fn number(word: &str, index: usize) -> Option<u32> {
    let lower = word.to_ascii_lowercase();
    let by_name = |names: &[&str], first: u32| {
        names
            .iter()
            .position(|name| *name == lower)
            .and_then(|at| u32::try_from(at).ok())
            .map(|at| at + first)
    };
    match index {
        3 => by_name(&MONTHS, 1),
        4 => by_name(&DAYS, 0),
        _ => None,
    }
    .or_else(|| lower.parse().ok())
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

serde_as_text!(Cron);
