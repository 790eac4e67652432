//! Calendar days as numbers, and the patterns in which files write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::word::digit_pairs;

/// Days since 1970-01-01 in the Gregorian calendar. Written as `YYYY-MM-DD` everywhere outside the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i32);

/// The years that a bank file can mean. Anything else is a broken date (`0024`, `20245`).
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2999;

impl Day {
    /// The day that is `days` after 1970-01-01. Days outside of 1900 to 2999 are clamped to that range, so that
    /// differences of two days never overflow.
    pub fn from_days(days: i32) -> Self {
        const FIRST: i32 = days_from_civil(*YEARS.start(), 1, 1);
        const LAST: i32 = days_from_civil(*YEARS.end(), 12, 31);
        Self(days.clamp(FIRST, LAST))
    }

    /// The day with these numbers, if the calendar has it and it lies in the years 1900 to 2999.
    #[inline]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let exists =
            YEARS.contains(&year) && (1..=12).contains(&month) && is_in_month(year, month, day);
        exists.then(|| Self(days_from_civil(year, month, day)))
    }

    /// Days since 1970-01-01.
    #[inline]
    pub fn days(self) -> i32 {
        self.0
    }

    /// Year, month and day of the month.
    pub fn to_ymd(self) -> (i32, u32, u32) {
        civil_from_days(self.0)
    }

    /// How many working days (Monday to Friday) lie before this day, counted from a fixed Monday. The difference of two
    /// such counts is the distance in working days; a weekend day counts as the Monday that follows.
    pub fn working_days(self) -> i32 {
        // 1970-01-01 was a Thursday: shift by three so that weeks start on Monday.
        let shifted = self.0 + 3;
        shifted.div_euclid(7) * 5 + shifted.rem_euclid(7).min(5)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no day in the expected pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a date in the expected pattern")]
pub struct DateError;

impl FromStr for Day {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        parse_iso(text.as_bytes()).ok_or(DateError)
    }
}

impl TryFrom<String> for Day {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// A pattern of `YYYY`, `YY`, `MM`, `MMM` (English month name), `DD`, `M`, `D` and literal characters, such as
/// `DD.MM.YYYY`, `YYYYMMDD` or `D-MMM-YY`. `YY` means 1970 to 2069.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatePattern {
    parts: Vec<Part>,
    is_iso: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year4,
    Year2,
    /// Two digits, or one or two if the flag is set.
    Month(Width),
    MonthName,
    Day(Width),
    Literal(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Two,
    OneOrTwo,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("date pattern {0:?} needs a year, a month and a day exactly once each (as in DD.MM.YYYY)")]
pub struct DatePatternError(String);

impl FromStr for DatePattern {
    type Err = DatePatternError;

    fn from_str(pattern: &str) -> Result<Self, DatePatternError> {
        let mut rest = pattern.as_bytes();
        let mut parts = Vec::new();
        while let Some(&first) = rest.first() {
            let run = rest.iter().take_while(|byte| **byte == first).count();
            let (part, taken) = match (first, run) {
                (b'Y', 4..) => (Part::Year4, 4),
                (b'Y', 2..) => (Part::Year2, 2),
                (b'M', 3..) => (Part::MonthName, 3),
                (b'M', 2) => (Part::Month(Width::Two), 2),
                (b'M', _) => (Part::Month(Width::OneOrTwo), 1),
                (b'D', 2..) => (Part::Day(Width::Two), 2),
                (b'D', _) => (Part::Day(Width::OneOrTwo), 1),
                (literal, _) => (Part::Literal(literal), 1),
            };
            parts.push(part);
            rest = &rest[taken..];
        }
        let count = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count();
        let years = count(|part| matches!(part, Part::Year4 | Part::Year2));
        let months = count(|part| matches!(part, Part::Month(_) | Part::MonthName));
        let days = count(|part| matches!(part, Part::Day(_)));
        if (years, months, days) != (1, 1, 1) {
            return Err(DatePatternError(pattern.to_owned()));
        }
        Ok(Self {
            parts,
            is_iso: pattern == "YYYY-MM-DD",
        })
    }
}

impl DatePattern {
    /// The day that `text` names, if all of it fits the pattern and the calendar has that day.
    #[inline]
    pub fn parse(&self, text: &[u8]) -> Option<Day> {
        if self.is_iso {
            parse_iso(text)
        } else {
            self.parse_parts(text)
        }
    }

    fn parse_parts(&self, text: &[u8]) -> Option<Day> {
        let mut rest = text;
        let (mut year, mut month, mut day) = (0, 0, 0);
        for part in &self.parts {
            match part {
                Part::Year4 => year = take_digits(&mut rest, 4, 4)?,
                Part::Year2 => {
                    let short = take_digits(&mut rest, 2, 2)?;
                    year = if short < 70 {
                        2000 + short
                    } else {
                        1900 + short
                    };
                }
                Part::Month(width) => month = take_digits(&mut rest, width.least(), 2)?,
                Part::MonthName => month = take_month_name(&mut rest)?,
                Part::Day(width) => day = take_digits(&mut rest, width.least(), 2)?,
                Part::Literal(byte) => {
                    let (first, tail) = rest.split_first()?;
                    if first != byte {
                        return None;
                    }
                    rest = tail;
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        Day::from_ymd(i32::try_from(year).ok()?, month, day)
    }
}

impl Width {
    fn least(self) -> usize {
        match self {
            Self::Two => 2,
            Self::OneOrTwo => 1,
        }
    }
}

#[inline]
fn parse_iso(text: &[u8]) -> Option<Day> {
    // `YYYY-MM-` and `YY-MM-DD`.
    let (head, tail) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
    if text.len() != 10 || head[4] != b'-' || head[7] != b'-' {
        return None;
    }
    let (head, tail) = (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    let (year, month, day) = (head & 0xFFFF_FFFF, head >> 40 & 0xFFFF, tail >> 48);
    let [century, year, month, day] = digit_pairs(year | month << 32 | day << 48)?;
    Day::from_ymd((century * 100 + year).cast_signed(), month, day)
}

/// Takes as many digits as there are, up to `most`.
fn take_digits(rest: &mut &[u8], least: usize, most: usize) -> Option<u32> {
    let run = rest
        .iter()
        .take(most)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if run < least {
        return None;
    }
    let (digits, tail) = rest.split_at(run);
    *rest = tail;
    Some(
        digits
            .iter()
            .fold(0, |value, byte| value * 10 + u32::from(byte - b'0')),
    )
}

fn take_month_name(rest: &mut &[u8]) -> Option<u32> {
    const NAMES: [&[u8]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let name = rest.get(..3)?;
    let place = NAMES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))?;
    *rest = &rest[3..];
    u32::try_from(place + 1).ok()
}

/// Days of the months of a common year, by their number; there is no month 0. In one place in memory: a constant would
/// be copied for each look at it.
static MONTH_DAYS: [u32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Whether the calendar has this day in a month from 1 to 12.
#[inline]
fn is_in_month(year: i32, month: u32, day: u32) -> bool {
    let is_leap = || year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    (1..=MONTH_DAYS[month as usize]).contains(&day) || (month == 2 && day == 29 && is_leap())
}

/// Days since 1970-01-01 of a date of the Gregorian calendar after the year 0. Years are counted from March, so that
/// the leap day is the last of its year and the length of the months before it follows one formula.
#[inline]
const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let march_year = (if month <= 2 { year - 1 } else { year }).cast_unsigned();
    let month_from_march = if month <= 2 { month + 9 } else { month - 3 };
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    (march_year * 365 + leap_days + day_of_year).cast_signed() - 719_468
}

fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    (year, month.cast_unsigned(), day.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days_have_their_known_numbers() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-03-01", 11_017),
            ("2026-11-21", 20_778),
        ] {
            assert_eq!(text.parse::<Day>().unwrap().days(), days, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_range_prints_and_parses_to_itself_and_follows_the_day_before() {
        let first = Day::from_ymd(1900, 1, 1).unwrap().days();
        let last = Day::from_ymd(2999, 12, 31).unwrap().days();
        for days in first..=last {
            let day = Day::from_days(days);
            let (y, m, d) = day.to_ymd();
            assert_eq!(Day::from_ymd(y, m, d), Some(day));
        }
    }

    #[test]
    fn days_that_the_calendar_lacks_are_refused() {
        for text in [
            "2025-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-04-31",
            "0026-01-01",
            "2026-1-1",
            "2026/01/01",
            "2026-01-01 ",
            "",
            "2O26-01-01",
            "１２３４",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert!("2024-02-29".parse::<Day>().is_ok());
    }

    #[test]
    fn patterns_read_what_banks_write() {
        let wanted = Day::from_ymd(2026, 3, 7).unwrap();
        for (pattern, text) in [
            ("YYYY-MM-DD", "2026-03-07"),
            ("DD.MM.YYYY", "07.03.2026"),
            ("MM/DD/YYYY", "03/07/2026"),
            ("M/D/YYYY", "3/7/2026"),
            ("YYYYMMDD", "20260307"),
            ("YYMMDD", "260307"),
            ("D-MMM-YY", "7-mar-26"),
            ("DD MMM YYYY", "07 MAR 2026"),
        ] {
            let parsed = pattern
                .parse::<DatePattern>()
                .unwrap()
                .parse(text.as_bytes());
            assert_eq!(parsed, Some(wanted), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_without_each_part_once_is_refused() {
        for pattern in [
            "",
            "YYYY-MM",
            "DD.MM",
            "YYYY-MM-DD-DD",
            "hello",
            "YYYY-MM-MMM-DD",
        ] {
            assert!(pattern.parse::<DatePattern>().is_err(), "{pattern}");
        }
    }

    #[test]
    fn working_days_skip_the_weekend() {
        let day = |text: &str| text.parse::<Day>().unwrap().working_days();
        assert_eq!(
            day("2026-11-20") - day("2026-11-19"),
            1,
            "Thursday to Friday"
        );
        assert_eq!(day("2026-11-23") - day("2026-11-20"), 1, "Friday to Monday");
        assert_eq!(
            day("2026-11-22"),
            day("2026-11-23"),
            "Sunday counts as Monday"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_a_pattern_panic(pattern in "[YMD./ -]{0,12}", text in ".{0,12}") {
            if let Ok(pattern) = pattern.parse::<DatePattern>() {
                let _ = pattern.parse(text.as_bytes());
            }
        }
    }
}
