//! How long to wait before the next try: exponential, capped, jittered, and a pure function of its inputs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A bounded exponential backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Upper bound of the wait after the first failure, in milliseconds.
    pub base_ms: u64,
    /// Upper bound of every wait, in milliseconds.
    pub cap_ms: u64,
}

impl Backoff {
    /// The wait after failure number `failures` (1 is the first; 0 waits nothing).
    ///
    /// The bound doubles with each failure up to the cap. The first wait lies anywhere in `0..=bound`, so that the
    /// first restart is quick; later ones in `bound/2..=bound`, so that neighbours spread out and none rushes.
    /// `random` decides where.
    pub fn delay(&self, failures: u32, random: u64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let bound = self.base_ms.saturating_mul(factor).min(self.cap_ms);
        let floor = if failures == 1 { 0 } else { bound / 2 };
        let span = (bound - floor).saturating_add(1);
        Duration::from_millis(floor + random % span)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_never_exceeds_the_cap_nor_the_doubled_base(
            base_ms in 0_u64..10_000, cap_ms in 0_u64..100_000, failures in 0_u32..200, random: u64,
        ) {
            let backoff = Backoff { base_ms, cap_ms };
            let wait = u64::try_from(backoff.delay(failures, random).as_millis()).unwrap();
            prop_assert!(wait <= cap_ms);
            if failures > 0 && failures < 40 {
                prop_assert!(wait <= base_ms << (failures - 1));
            }
            if failures > 1 {
                prop_assert!(u128::from(wait) >= backoff.delay(failures, 0).as_millis());
            }
        }
    }

    #[test]
    fn the_extremes_are_where_they_should_be() {
        let backoff = Backoff {
            base_ms: 100,
            cap_ms: 30_000,
        };
        assert_eq!(backoff.delay(0, u64::MAX), Duration::ZERO);
        assert_eq!(backoff.delay(1, 0), Duration::ZERO);
        assert_eq!(backoff.delay(1, 100), Duration::from_millis(100));
        assert_eq!(backoff.delay(2, 0), Duration::from_millis(100));
        assert_eq!(backoff.delay(60, 0), Duration::from_secs(15));
        let widest = Backoff {
            base_ms: u64::MAX,
            cap_ms: u64::MAX,
        };
        assert!(widest.delay(1, 7) <= Duration::from_millis(u64::MAX));
    }
}
