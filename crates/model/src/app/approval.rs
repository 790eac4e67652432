//! Sign-offs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Date;

/// A role that has to agree before a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Whether a deploy waits for it.
    pub required: bool,
    /// The role, for people.
    pub role: String,
    /// Who signed. Absent is unsigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The day of the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Date>,
    /// The last day on which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The key that signatures are checked with, as `minisign` or `ssh-ed25519` text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When deploys may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

impl Approval {
    /// Whether somebody has put a name and a day under it.
    pub fn is_signed(&self) -> bool {
        self.by.is_some() && self.on.is_some()
    }

    /// What stands against a deploy that begins at `now`.
    pub fn objection(&self, now: Moment) -> Option<Objection> {
        let (Some(_), Some(on)) = (&self.by, self.on) else {
            return Some(Objection::Unsigned);
        };
        if now.date < on {
            return Some(Objection::Early(on));
        }
        if let Some(until) = self.until
            && now.date > until
        {
            return Some(Objection::Over(until));
        }
        let is_closed = |window: &Window| !window.is_open(now);
        self.window
            .as_ref()
            .is_some_and(is_closed)
            .then_some(Objection::Closed)
    }
}

/// Why a sign-off does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// No name or no day.
    Unsigned,
    /// Its day is still to come.
    Early(Date),
    /// Its last day is over.
    Over(Date),
    /// Deploys may not start at this time of the week.
    Closed,
}

/// A minute of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    date: Date,
    /// 0 is Monday.
    weekday: u8,
    /// Since midnight.
    minute: u16,
}

/// A deployment window, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days of the week: `mon` to `sun`.
    pub days: Vec<String>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, exclusive.
    pub to: String,
}

/// As they are written in the file, from the first day of the week.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_A_DAY: u64 = 24 * 60;

impl Moment {
    /// The minute of so many milliseconds since the Unix epoch, which was a Thursday.
    pub fn of_unix_ms(unix_ms: u64) -> Self {
        let minutes = unix_ms / 60_000;
        let days = minutes / MINUTES_OF_A_DAY;
        let narrow = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        Self {
            date: Date::of_epoch_day(days),
            weekday: u8::try_from((days + 3) % 7).unwrap_or(0),
            minute: narrow(minutes % MINUTES_OF_A_DAY),
        }
    }

    /// Its day.
    pub fn date(self) -> Date {
        self.date
    }
}

impl Window {
    /// Whether a deploy may start at `now`. `HH:MM` sorts as the minutes do.
    fn is_open(&self, now: Moment) -> bool {
        let day = DAYS.get(usize::from(now.weekday)).copied();
        let clock = format!("{:02}:{:02}", now.minute / 60, now.minute % 60);
        self.days.iter().any(|name| Some(name.as_str()) == day)
            && self.from <= clock
            && clock < self.to
    }
}

impl fmt::Display for Window {
    /// `mon, tue 09:00 to 17:00 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.days.join(", ");
        write!(f, "{days} {} to {} UTC", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21, a Saturday, at 11:05 in UTC.
    const NOW: u64 = 1_795_259_100_000;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn signed() -> Approval {
        Approval {
            required: true,
            role: "CTO".into(),
            by: Some("Ada".into()),
            on: Some(date("2026-11-20")),
            until: None,
            key: None,
            window: None,
        }
    }

    fn window(days: &[&str], from: &str, to: &str) -> Approval {
        Approval {
            window: Some(Window {
                days: days.iter().map(|day| (*day).to_owned()).collect(),
                from: from.into(),
                to: to.into(),
            }),
            ..signed()
        }
    }

    #[test]
    fn a_moment_is_the_day_of_the_calendar_and_of_the_week() {
        let now = Moment::of_unix_ms(NOW);
        assert_eq!(now.date(), date("2026-11-21"));
        assert_eq!((DAYS[usize::from(now.weekday)], now.minute), ("sat", 665));
        let epoch = Moment::of_unix_ms(0);
        assert_eq!(
            (epoch.date(), DAYS[usize::from(epoch.weekday)]),
            (date("1970-01-01"), "thu")
        );
        let leap = Moment::of_unix_ms(1_709_164_800_000);
        assert_eq!(leap.date(), date("2024-02-29"));
    }

    #[test]
    fn a_sign_off_counts_with_a_name_and_a_day_until_its_last_day_and_in_its_window() {
        let now = Moment::of_unix_ms(NOW);
        let until = |day| Approval {
            until: Some(date(day)),
            ..signed()
        };
        let on = |day| Approval {
            on: Some(date(day)),
            ..signed()
        };
        let unsigned = Approval {
            on: None,
            ..signed()
        };
        for (approval, objection) in [
            (signed(), None),
            (unsigned, Some(Objection::Unsigned)),
            (on("2026-11-21"), None),
            (on("2026-11-22"), Some(Objection::Early(date("2026-11-22")))),
            (until("2026-11-21"), None),
            (
                until("2026-11-20"),
                Some(Objection::Over(date("2026-11-20"))),
            ),
            (window(&["sat"], "11:05", "11:06"), None),
            (window(&["sat"], "11:06", "12:00"), Some(Objection::Closed)),
            (window(&["sat"], "09:00", "11:05"), Some(Objection::Closed)),
            (
                window(&["mon", "sun"], "00:00", "23:59"),
                Some(Objection::Closed),
            ),
        ] {
            assert_eq!(approval.objection(now), objection, "{approval:?}");
        }
    }
}
