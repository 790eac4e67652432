//! How old replicas give way to new ones, as arithmetic.

use serde::{Deserialize, Serialize};

/// All new requests, in the unit of shares.
pub const WHOLE: u32 = 1000;

/// How old replicas give way to new ones. Of one change, not of one service: all services of an app go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Strategy {
    /// All old replicas stop, then the new ones start. There is a gap without any: for programs that cannot bear a
    /// second copy of themselves.
    Recreate,
    /// New ones start, and old ones stop as new ones are ready.
    Rolling {
        /// Replicas that there may be beyond the count.
        surge: u32,
        /// Replicas of the count that may be missing.
        unavailable: u32,
    },
    /// New ones get a share of the requests that grows step by step, and are judged at each step. All old replicas
    /// stay until the new ones have everything, so that the way back is one move.
    Canary {
        /// The steps, their shares rising.
        steps: Vec<CanaryStep>,
    },
    /// New ones start beside all old ones, get all requests at once, and are judged; the old ones are kept for the way
    /// back.
    BlueGreen {
        /// How long the old ones are kept ready, in milliseconds; 0 ends them as part of the change.
        keep_warm_ms: u64,
        /// How long the new ones are judged while the change may still be undone, in milliseconds; 0 does not judge.
        judge_ms: u64,
    },
}

/// One step of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStep {
    /// Share of new requests in permille, 1 to [`WHOLE`].
    pub share: u32,
    /// For how long at least, in milliseconds.
    pub hold_ms: u64,
}

/// One move of a change from old to new replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Have this many new replicas, ready.
    New(u32),
    /// Keep this many old replicas.
    Old(u32),
}

impl Strategy {
    /// Whether a change can move at all: with neither surge nor unavailable replicas, or without steps that rise, it
    /// never would.
    pub fn can_move(&self) -> bool {
        match self {
            Self::Recreate | Self::BlueGreen { .. } => true,
            Self::Rolling { surge, unavailable } => *surge > 0 || *unavailable > 0,
            Self::Canary { steps } => {
                let rises = steps
                    .windows(2)
                    .all(|pair| matches!(pair, [one, next] if one.share < next.share));
                let within = |step: &CanaryStep| (1..=WHOLE).contains(&step.share);
                rises && !steps.is_empty() && steps.iter().all(within)
            }
        }
    }

    /// How often it judges.
    pub fn judgements(&self) -> usize {
        match self {
            Self::Recreate | Self::Rolling { .. } => 0,
            Self::Canary { steps } => steps.len(),
            Self::BlueGreen { judge_ms, .. } => usize::from(*judge_ms > 0),
        }
    }

    /// Whether replicas of both releases share the requests by weight meanwhile.
    pub(crate) fn shifts(&self) -> bool {
        match self {
            Self::Recreate | Self::Rolling { .. } => false,
            Self::Canary { .. } | Self::BlueGreen { .. } => true,
        }
    }

    /// The moves from `old` old and `new` new replicas to none and `want`, where no requests are shared by weight.
    ///
    /// A rolling change never has fewer than `min(old + new, want) - unavailable` replicas ready, and never more than
    /// `max(old + new, want) + surge` in all. Where nothing old runs, all new ones start at once.
    pub(crate) fn moves(&self, old: u32, new: u32, want: u32) -> Vec<Move> {
        match self {
            Self::Recreate => recreate(old, new, want),
            Self::Rolling { surge, unavailable } => {
                let total = old + new;
                let ceiling = total.max(want) + surge;
                let floor = total.min(want).saturating_sub(*unavailable);
                rolling((old, new), want, (floor, ceiling))
            }
            // New ones first: what they take over is shifted, not scaled.
            Self::Canary { .. } | Self::BlueGreen { .. } => {
                rolling((old, new), want, (0, u32::MAX))
            }
        }
    }
}

/// The share of the fresh cohort beside a canary that has `share`: as much as that, so that both warm up alike, and
/// never more than what is left to the stable one.
pub fn fresh_share(share: u32) -> u32 {
    share.min(WHOLE.saturating_sub(share) / 2)
}

/// Replicas that `share` of the requests needs where all of them need `count`.
pub(crate) fn needed(count: u32, share: u32) -> u32 {
    let exact = (u64::from(count) * u64::from(share)).div_ceil(u64::from(WHOLE));
    u32::try_from(exact).unwrap_or(u32::MAX)
}

fn recreate(old: u32, new: u32, want: u32) -> Vec<Move> {
    let mut moves = Vec::new();
    if old > 0 {
        moves.push(Move::Old(0));
    }
    if new != want {
        moves.push(Move::New(want));
    }
    moves
}

fn rolling(start: (u32, u32), want: u32, (floor, ceiling): (u32, u32)) -> Vec<Move> {
    let (mut old, mut new) = start;
    let mut moves = Vec::new();
    // Each round moves at least one replica, for `can_move` was asked before.
    while new < want || old > 0 {
        let room = ceiling.saturating_sub(old + new);
        let add = room.min(want.saturating_sub(new));
        if add > 0 {
            new += add;
            moves.push(Move::New(new));
        }
        let spare = (old + new).saturating_sub(floor);
        let drop = spare.min(old);
        if drop > 0 {
            old -= drop;
            moves.push(Move::Old(old));
        }
        if add == 0 && drop == 0 {
            break;
        }
    }
    if new > want {
        moves.push(Move::New(want));
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(shares: &[u32]) -> Strategy {
        let step = |share: &u32| CanaryStep {
            share: *share,
            hold_ms: 1000,
        };
        Strategy::Canary {
            steps: shares.iter().map(step).collect(),
        }
    }

    #[test]
    fn a_canary_moves_when_its_shares_rise_within_the_whole() {
        for shares in [&[50][..], &[50, 500], &[1, 999, 1000]] {
            assert!(canary(shares).can_move(), "{shares:?}");
        }
        for shares in [&[][..], &[0], &[1001], &[500, 500], &[500, 50]] {
            assert!(!canary(shares).can_move(), "{shares:?}");
        }
    }

    #[test]
    fn the_fresh_cohort_has_the_share_of_the_canary_while_there_is_room() {
        let shares = [50, 200, 400, 500, 800, 999, 1000].map(fresh_share);
        assert_eq!(shares, [50, 200, 300, 250, 100, 0, 0]);
    }

    #[test]
    fn a_share_needs_its_part_of_the_replicas_rounded_up() {
        let needs = [(4, 0), (4, 1), (4, 250), (4, 251), (4, 1000), (0, 500)];
        assert_eq!(
            needs.map(|(count, share)| needed(count, share)),
            [0, 1, 1, 2, 4, 0]
        );
    }
}
