//! Pages in a browser.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Decimal, DurationMs, Percent};

/// The budget of one page. The name is its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The route that serves it.
    pub route: String,
    /// First contentful paint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fcp: Option<DurationMs>,
    /// Largest contentful paint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lcp: Option<DurationMs>,
    /// Cumulative layout shift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cls: Option<Decimal>,
    /// Interaction to next paint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inp: Option<DurationMs>,
    /// The load event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<DurationMs>,
    /// Compressed script of the first route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Bytes>,
    /// Machine and network that it is measured on.
    pub profile: PageProfile,
    /// Loads that are measured.
    pub runs: u32,
    /// The percentile of the runs that counts.
    pub percentile: Percent,
}

/// A slowed machine and network: `4x cpu, 1.6Mbit, 150ms`; empty slows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageProfile {
    /// The CPU is so many times slower.
    pub cpu: Option<u32>,
    /// Bits per second, both ways.
    pub bits_per_second: Option<u64>,
    /// Round trip.
    pub round_trip: Option<DurationMs>,
}

impl std::str::FromStr for PageProfile {
    type Err = crate::units::UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            crate::units::UnitError::new(format!(
                "`{text}` is not a profile: write `4x cpu, 1.6Mbit, 150ms`, or leave parts out"
            ))
        };
        let mut profile = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if let Some(times) = part.strip_suffix("x cpu") {
                let times = times.parse().ok().filter(|times| (1..=100).contains(times));
                profile.cpu = Some(times.ok_or_else(wrong)?);
            } else if let Some(mega) = part.strip_suffix("Mbit") {
                profile.bits_per_second = crate::units::scaled(mega, 1_000_000);
                profile
                    .bits_per_second
                    .filter(|bits| *bits > 0)
                    .ok_or_else(wrong)?;
            } else {
                profile.round_trip = Some(part.parse().map_err(|_| wrong())?);
            }
        }
        Ok(profile)
    }
}

impl std::fmt::Display for PageProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = |bits: u64| {
            // A rate in millionths of a megabit prints exactly as a decimal.
            let mega = Decimal(i64::try_from(bits).unwrap_or(i64::MAX));
            format!("{mega}Mbit")
        };
        let parts = [
            self.cpu.map(|times| format!("{times}x cpu")),
            self.bits_per_second.map(bits),
            self.round_trip.map(|time| time.to_string()),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

crate::units::serde_as_text!(PageProfile);
