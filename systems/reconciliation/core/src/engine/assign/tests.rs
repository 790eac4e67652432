use proptest::prelude::*;

use super::*;

fn edge((left, right, score): (u32, u32, u32)) -> Edge {
    Edge {
        left,
        right,
        score,
        left_id: u64::from(left) * 7 + 3,
        right_id: u64::from(right) * 5 + 1,
    }
}

/// Edges without doubles, up to `side` rows on each side.
fn edges(side: u32) -> impl Strategy<Value = Vec<Edge>> {
    let triple = (
        0..side,
        0..side,
        prop_oneof![1_u32..5, 400_000_000..1_000_000_000_u32],
    );
    prop::collection::vec(triple, 1..16).prop_map(|mut triples| {
        triples.sort_unstable();
        triples.dedup_by_key(|(left, right, _)| (*left, *right));
        triples.into_iter().map(edge).collect()
    })
}

fn total(edges: &[Edge]) -> u64 {
    edges.iter().map(|edge| u64::from(edge.score)).sum()
}

/// The best total of all assignments, by trying every one.
fn best_by_force(edges: &[Edge], lefts: u64, rights: u64) -> u64 {
    let Some((first, rest)) = edges.split_first() else {
        return 0;
    };
    let without = best_by_force(rest, lefts, rights);
    let (l, r) = (1 << first.left, 1 << first.right);
    if lefts & l != 0 || rights & r != 0 {
        return without;
    }
    without.max(u64::from(first.score) + best_by_force(rest, lefts | l, rights | r))
}

fn is_assignment(edges: &[Edge]) -> bool {
    let mut lefts: Vec<u32> = edges.iter().map(|edge| edge.left).collect();
    let mut rights: Vec<u32> = edges.iter().map(|edge| edge.right).collect();
    for rows in [&mut lefts, &mut rights] {
        rows.sort_unstable();
        rows.dedup();
    }
    (lefts.len(), rights.len()) == (edges.len(), edges.len())
}

fn sorted(mut edges: Vec<Edge>) -> Vec<(u32, u32)> {
    edges.sort_unstable_by_key(|edge| (edge.left, edge.right));
    edges.iter().map(|edge| (edge.left, edge.right)).collect()
}

fn mirrored(edges: &[Edge]) -> Vec<Edge> {
    let mirror = |edge: &Edge| Edge {
        left: edge.right,
        right: edge.left,
        score: edge.score,
        left_id: edge.right_id,
        right_id: edge.left_id,
    };
    edges.iter().map(mirror).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_assignment_is_as_good_as_the_best_of_all(edges in edges(6)) {
        let assigned = assign(&edges);
        prop_assert!(is_assignment(&assigned));
        prop_assert_eq!(total(&assigned), best_by_force(&edges, 0, 0));
    }

    #[test]
    fn the_assignment_does_not_depend_on_the_order_of_edges(edges in edges(8), turn in 0_usize..16) {
        let mut turned = edges.clone();
        turned.rotate_left(turn % edges.len());
        turned.reverse();
        prop_assert_eq!(sorted(assign(&edges)), sorted(assign(&turned)));
        prop_assert_eq!(sorted(greedy(&edges)), sorted(greedy(&turned)));
    }

    #[test]
    fn the_assignment_of_mirrored_sides_is_the_mirrored_assignment(edges in edges(8)) {
        for solve in [assign, greedy] {
            let there = sorted(mirrored(&solve(&edges)));
            let back = sorted(solve(&mirrored(&edges)));
            prop_assert_eq!(there, back);
        }
    }

    #[test]
    fn greedy_gives_an_assignment_that_nothing_can_be_added_to(edges in edges(8)) {
        let assigned = greedy(&edges);
        prop_assert!(is_assignment(&assigned));
        for edge in &edges {
            let blocked = assigned.iter().any(|other| other.left == edge.left || other.right == edge.right);
            prop_assert!(blocked);
        }
    }

    #[test]
    fn greedy_is_optimal_where_each_row_has_its_best_partner_to_itself(count in 1_u32..12) {
        let edges: Vec<Edge> = (0..count)
            .flat_map(|left| (0..count).map(move |right| (left, right)))
            .map(|(left, right)| edge((left, right, if left == right { 900_000_000 } else { 400_000_000 })))
            .collect();
        prop_assert_eq!(total(&greedy(&edges)), total(&assign(&edges)));
    }
}

#[test]
fn equal_candidates_are_paired_in_the_order_of_their_ids() {
    for count in [2, 5, 64, 70] {
        let all = (0..count).flat_map(|left| (0..count).map(move |right| edge((left, right, 7))));
        let mut edges: Vec<Edge> = all.collect();
        edges.reverse();
        let wanted: Vec<(u32, u32)> = (0..count).map(|row| (row, row)).collect();
        if count <= 64 {
            assert_eq!(sorted(assign(&edges)), wanted, "{count}");
        } else {
            assert!(is_assignment(&assign(&edges)));
        }
    }
}
