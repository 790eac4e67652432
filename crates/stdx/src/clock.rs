//! Time as a value that is passed in: the wall for people, the monotonic clock for decisions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Both clocks.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// What the wall says: for people and for records, never for decisions, because it can jump.
    fn wall(&self) -> SystemTime;
    /// Time since this machine booted, sleep included: never jumps, and means the same in every process.
    fn monotonic(&self) -> Duration;
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealClock;

impl Clock for RealClock {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
    }
}

/// A clock that stands still until it is moved. Clones share the time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    elapsed: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock at the Unix epoch, just booted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = self.elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        *elapsed += by;
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since the Unix epoch, 0 for a wall before it.
pub fn unix_ms(time: SystemTime) -> u64 {
    let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// `2026-11-21T11:05:38.123Z` for milliseconds since the Unix epoch.
pub fn rfc3339(unix_ms: u64) -> String {
    const MS_PER_DAY: u64 = 86_400_000;
    let (year, month, day) = civil(unix_ms / MS_PER_DAY);
    let ms = unix_ms % MS_PER_DAY;
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, fraction) = (ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the leap day is
/// the last of its year and month lengths follow one line.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let era = shifted / 146_097; // days in 400 years
    let day_of_era = shifted % 146_097;
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
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_written_as_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_826_154_007), "2000-02-29T12:09:14.007Z");
        assert_eq!(rfc3339(1_795_259_138_123), "2026-11-21T11:05:38.123Z");
        assert_eq!(rfc3339(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_manual_clock_moves_only_when_told_and_for_all_its_clones() {
        let clock = ManualClock::new();
        let clone = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(clone.monotonic(), Duration::from_secs(2));
        assert_eq!(unix_ms(clone.wall()), 2000);
    }

    #[test]
    fn the_real_monotonic_clock_does_not_go_back() {
        let earlier = RealClock.monotonic();
        assert!(RealClock.monotonic() >= earlier);
    }
}
