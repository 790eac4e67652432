//! How old replicas give way to new ones, as arithmetic.

use serde::{Deserialize, Serialize};

/// How old replicas give way to new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether a change can move at all: with neither surge nor unavailable replicas it never would.
    pub fn can_move(self) -> bool {
        match self {
            Self::Recreate => true,
            Self::Rolling { surge, unavailable } => surge > 0 || unavailable > 0,
        }
    }

    /// The moves from `old` old and `new` new replicas to none and `want`.
    ///
    /// A rolling change never has fewer than `min(old + new, want) - unavailable` replicas ready, and never more than
    /// `max(old + new, want) + surge` in all. Where nothing old runs, all new ones start at once.
    pub(crate) fn moves(self, old: u32, new: u32, want: u32) -> Vec<Move> {
        match self {
            Self::Recreate => recreate(old, new, want),
            Self::Rolling { surge, unavailable } => {
                let total = old + new;
                let ceiling = total.max(want) + surge;
                let floor = total.min(want).saturating_sub(unavailable);
                rolling((old, new), want, (floor, ceiling))
            }
        }
    }
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
