//! Days of the calendar.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, serde_as_text};

/// A day: `2026-11-21`. Ordered as days are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31, and there in its month.
    pub day: u8,
}

impl Date {
    /// The day so many days after 1970-01-01; the last one that four digits can say for any beyond it.
    pub(crate) fn of_epoch_day(days: u64) -> Self {
        let (mut year, mut left) = (1970, days);
        while year < 9999 && left >= year_of(year) {
            left -= year_of(year);
            year += 1;
        }
        let mut month = 1;
        while month < 12 && left >= u64::from(self::days(year, month)) {
            left -= u64::from(self::days(year, month));
            month += 1;
        }
        let last = u64::from(self::days(year, month)) - 1;
        let narrow = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
        Self {
            year,
            month: narrow(u64::from(month)),
            day: narrow(left.min(last) + 1),
        }
    }
}

/// Days of a year.
fn year_of(year: u16) -> u64 {
    (1..=12).map(|month| u64::from(days(year, month))).sum()
}

impl FromStr for Date {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(format!("`{text}` is not a day: write `2026-11-21`"));
        let mut parts = text.split('-');
        let mut next = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse::<u16>().ok())?
        };
        let (year, month, day) = (next(4), next(2), next(2));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else {
            return Err(wrong());
        };
        if parts.next().is_some()
            || !(1..=12).contains(&month)
            || day == 0
            || day > days(year, month)
        {
            return Err(wrong());
        }
        let narrow = |value: u16| u8::try_from(value).map_err(|_| wrong());
        Ok(Self {
            year,
            month: narrow(month)?,
            day: narrow(day)?,
        })
    }
}

fn days(year: u16, month: u16) -> u16 {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

serde_as_text!(Date);
