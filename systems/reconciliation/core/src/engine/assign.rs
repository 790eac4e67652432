//! Which candidates of a component become matches: each row at most once.
//!
//! Small components are solved to the optimum, large ones greedily. Both depend on scores and row ids alone, and
//! treat both
//! sides alike, so neither the order of rows nor the order of sides changes the result.

use std::cmp::Reverse;

/// Two rows that fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// Place of the left row in its block.
    pub(super) left: u32,
    /// Place of the right row in its block.
    pub(super) right: u32,
    /// In billionths.
    pub(super) score: u32,
    pub(super) left_id: u64,
    pub(super) right_id: u64,
}

/// Rows on one side up to which the optimum is computed: 64 cubed steps take well under a millisecond.
const MAX_OPTIMAL: usize = 64;

/// Picks the matches of a component.
pub(super) fn assign(component: &[Edge]) -> Vec<Edge> {
    if let [only] = component {
        return vec![*only];
    }
    let lefts = ranks(component.iter().map(|edge| (edge.left_id, edge.left)));
    let rights = ranks(component.iter().map(|edge| (edge.right_id, edge.right)));
    if lefts.len() <= MAX_OPTIMAL && rights.len() <= MAX_OPTIMAL {
        optimal(component, &lefts, &rights)
    } else {
        greedy(component)
    }
}

/// The rows of one side, ordered by id; the place in the list is the rank.
fn ranks(rows: impl Iterator<Item = (u64, u32)>) -> Vec<(u64, u32)> {
    let mut sorted: Vec<(u64, u32)> = rows.collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

fn rank(ranks: &[(u64, u32)], row: (u64, u32)) -> usize {
    ranks.partition_point(|other| *other < row)
}

/// Best score first. Among equals the smaller pair of ids, taken without regard to side: two different edges of
/// the same
/// unordered pair of ids share no row, so their order does not matter.
fn greedy(component: &[Edge]) -> Vec<Edge> {
    let mut sorted = component.to_vec();
    sorted.sort_unstable_by_key(|edge| {
        let ids = (
            edge.left_id.min(edge.right_id),
            edge.left_id.max(edge.right_id),
        );
        (Reverse(edge.score), ids)
    });
    let mut lefts = hashbrown::HashSet::with_hasher(foldhash::fast::FixedState::default());
    let mut rights = hashbrown::HashSet::with_hasher(foldhash::fast::FixedState::default());
    sorted.retain(|edge| {
        let is_free = !lefts.contains(&edge.left) && !rights.contains(&edge.right);
        if is_free {
            lefts.insert(edge.left);
            rights.insert(edge.right);
        }
        is_free
    });
    sorted
}

/// The worth of an edge: the score decides; among assignments of equal score the one that pairs rows of like rank
/// (first
/// with first); and what is still equal is told apart by a mix of the ids, so that the optimum is one and the same
/// however
/// the rows are ordered. Fields: score 30 bits from bit 56, rank distance squared 12 bits from bit 38, mix 32
/// bits; with
/// 64 edges each sum stays inside its field.
fn worth(edge: &Edge, left_rank: usize, right_rank: usize) -> i128 {
    let distance = left_rank.abs_diff(right_rank) as u64;
    let penalty = (distance * distance) << 38 | u64::from(mix(edge.left_id, edge.right_id));
    (i128::from(edge.score) << 56) - i128::from(penalty)
}

/// A number that depends on both ids without regard to their order and is no sum of one part for each.
fn mix(one: u64, other: u64) -> u32 {
    let (low, high) = (one.min(other), one.max(other));
    let mut state = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ high.rotate_left(32);
    for _ in 0..2 {
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    }
    (state >> 32) as u32
}

/// The assignment of greatest worth, by the Hungarian method on a matrix in which a missing edge is worth nothing.
fn optimal(component: &[Edge], lefts: &[(u64, u32)], rights: &[(u64, u32)]) -> Vec<Edge> {
    // The method wants no more rows than columns.
    let is_turned = lefts.len() > rights.len();
    let (rows, columns) = if is_turned {
        (rights.len(), lefts.len())
    } else {
        (lefts.len(), rights.len())
    };
    let mut costs = vec![0_i128; rows * columns];
    let mut edge_at: Vec<Option<&Edge>> = vec![None; rows * columns];
    for edge in component {
        let l = rank(lefts, (edge.left_id, edge.left));
        let r = rank(rights, (edge.right_id, edge.right));
        let cell = if is_turned {
            r * columns + l
        } else {
            l * columns + r
        };
        costs[cell] = -worth(edge, l, r);
        edge_at[cell] = Some(edge);
    }
    hungarian(&costs, rows, columns)
        .into_iter()
        .enumerate()
        .filter_map(|(row, column)| edge_at[row * columns + column].copied())
        .collect()
}

/// For each row of the matrix its column in an assignment of least cost. Shortest augmenting paths with
/// potentials; rows
/// and columns are counted from 1 inside, 0 is the start of every path.
fn hungarian(costs: &[i128], rows: usize, columns: usize) -> Vec<usize> {
    const FAR: i128 = i128::MAX / 4;
    let mut row_potential = vec![0_i128; rows + 1];
    let mut column_potential = vec![0_i128; columns + 1];
    let mut row_of = vec![0_usize; columns + 1];
    let mut previous = vec![0_usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut slack = vec![FAR; columns + 1];
        let mut is_used = vec![false; columns + 1];
        while row_of[column] != 0 {
            is_used[column] = true;
            let from = row_of[column];
            let (mut step, mut next) = (FAR, 0);
            for j in 1..=columns {
                if is_used[j] {
                    continue;
                }
                let reduced =
                    costs[(from - 1) * columns + j - 1] - row_potential[from] - column_potential[j];
                if reduced < slack[j] {
                    slack[j] = reduced;
                    previous[j] = column;
                }
                if slack[j] < step {
                    (step, next) = (slack[j], j);
                }
            }
            for j in 0..=columns {
                if is_used[j] {
                    row_potential[row_of[j]] += step;
                    column_potential[j] -= step;
                } else {
                    slack[j] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[previous[column]];
            column = previous[column];
        }
    }
    let mut assigned = vec![0; rows];
    for column in 1..=columns {
        if row_of[column] != 0 {
            assigned[row_of[column] - 1] = column - 1;
        }
    }
    assigned
}

#[cfg(test)]
mod tests;
