//! One block: its candidates, its components, and which of the candidates become matches.

use super::assign::{Edge, assign};
use super::compare::{Checks, FULL_SCORE};
use super::join::{Entry, Run};
use super::keys::{KeyScratch, SideKeys};
use super::{MAX_BLOCK_EDGES, MAX_PASS_EDGES, State};
use crate::rules::{OnAmbiguity, Pass};

/// Turns blocks into claims.
#[derive(Debug)]
pub(super) struct Solver<'a> {
    pass: &'a Pass,
    checks: &'a Checks,
    left: &'a SideKeys<'a>,
    right: &'a SideKeys<'a>,
    scratch: KeyScratch,
    /// Pairs that this pass may still look at.
    budget: usize,
}

/// The block has more candidates than the pass may look at.
struct OverBudget;

impl<'a> Solver<'a> {
    pub(super) fn new(
        pass: &'a Pass,
        checks: &'a Checks,
        (left, right): (&'a SideKeys<'a>, &'a SideKeys<'a>),
    ) -> Self {
        let scratch = KeyScratch::default();
        Self {
            pass,
            checks,
            left,
            right,
            scratch,
            budget: MAX_PASS_EDGES,
        }
    }

    /// Takes the rows of one hash.
    #[inline]
    pub(super) fn take<const WORDS: usize>(&mut self, run: Run<'_, WORDS>, state: &mut State<'_>) {
        if let (Some(left), Some(right)) = (run.lefts.only(), run.rights.only()) {
            self.take_pair(left, right, state);
        } else {
            self.take_many(run, state);
        }
    }

    /// The common case: one row on each side, so no rival.
    #[inline]
    fn take_pair<const WORDS: usize>(
        &mut self,
        left: &Entry<WORDS>,
        right: &Entry<WORDS>,
        state: &mut State<'_>,
    ) {
        let (l, r) = (left.row as usize, right.row as usize);
        let same_key = left.key == right.key
            && (!left.key.is_too_long() || self.left.equal(l, self.right, r, &mut self.scratch));
        if same_key
            && self.checks.numbers_hold(&left.numbers(), &right.numbers())
            && self
                .checks
                .exact_holds((self.left.store, l), (self.right.store, r))
        {
            state.claim((left.row, right.row), self.pass.outcome, false);
        }
    }

    /// Splits a run into its true keys: a hash may stand for several.
    #[cold]
    #[inline(never)]
    fn take_many<const WORDS: usize>(&mut self, run: Run<'_, WORDS>, state: &mut State<'_>) {
        let mut lefts = run.lefts.rows();
        let mut rights = run.rights.rows();
        while let Some(&first) = lefts.first() {
            let (left, right, scratch) = (self.left, self.right, &mut self.scratch);
            let first = first as usize;
            let (block_lefts, other_lefts) = lefts
                .into_iter()
                .partition(|row| left.equal(first, left, *row as usize, scratch));
            let (block_rights, other_rights) = rights
                .into_iter()
                .partition(|row| left.equal(first, right, *row as usize, scratch));
            (lefts, rights) = (other_lefts, other_rights);
            self.take_block(block_lefts, block_rights, state);
        }
    }

    fn take_block(&mut self, lefts: Vec<u32>, rights: Vec<u32>, state: &mut State<'_>) {
        if rights.is_empty() {
            return;
        }
        let rows = (lefts.len() + rights.len()) as u64;
        let block = Block::new(lefts, rights, self);
        match block.edges(self) {
            Err(OverBudget) => state.stats().over_budget_rows += rows,
            Ok(edges) => {
                for component in components(&block, edges) {
                    self.settle(&block, &component, state);
                }
            }
        }
    }

    fn settle(&self, block: &Block, component: &[Edge], state: &mut State<'_>) {
        let rivals = Rivals::of(component);
        let margin = match self.pass.on_ambiguity {
            OnAmbiguity::Suggest | OnAmbiguity::Skip => FULL_SCORE,
            OnAmbiguity::BestWithMargin { margin_pct } => FULL_SCORE / 100 * u32::from(margin_pct),
        };
        for edge in assign(component) {
            let ambiguous = rivals.has_rival(&edge, margin);
            if ambiguous && self.pass.on_ambiguity == OnAmbiguity::Skip {
                state.stats().skipped_ambiguous += 1;
                continue;
            }
            let rows = (
                block.lefts[edge.left as usize],
                block.rights[edge.right as usize],
            );
            state.claim(rows, self.pass.outcome, ambiguous);
        }
    }
}

/// Rows of one key, each side sorted by amount, date and row id.
struct Block {
    lefts: Vec<u32>,
    rights: Vec<u32>,
}

impl Block {
    fn new(mut lefts: Vec<u32>, mut rights: Vec<u32>, solver: &Solver<'_>) -> Self {
        let (left, right) = (solver.left.store, solver.right.store);
        lefts.sort_unstable_by_key(|row| {
            let row = *row as usize;
            (
                left.amount_minor(row),
                left.booking_date(row),
                left.row_id(row),
            )
        });
        rights.sort_unstable_by_key(|row| {
            let row = *row as usize;
            (
                right.amount_minor(row),
                right.booking_date(row),
                right.row_id(row),
            )
        });
        Self { lefts, rights }
    }

    /// All candidates of the block, found by a window over the sorted right rows.
    fn edges(&self, solver: &mut Solver<'_>) -> Result<Vec<Edge>, OverBudget> {
        let (left, right) = (solver.left.store, solver.right.store);
        let (before, after) = solver.checks.day_reach();
        let mut budget = MAX_BLOCK_EDGES.min(solver.budget);
        let mut edges = Vec::new();
        for (place, &l) in (0_u32..).zip(&self.lefts) {
            let l = l as usize;
            let amount = left.amount_minor(l);
            let reach = solver.checks.amount_reach(amount);
            let day = left.booking_date(l).days();
            // With amounts exact, equal amounts are sorted by date, and the window can be one of dates too.
            let (least_day, most_day) = if reach == 0 {
                (day - before, day + after)
            } else {
                (i32::MIN, i32::MAX)
            };
            let least = (amount.saturating_sub_unsigned(reach), least_day);
            let most = (amount.saturating_add_unsigned(reach), most_day);
            let key = |row: u32| {
                (
                    right.amount_minor(row as usize),
                    right.booking_date(row as usize).days(),
                )
            };
            let from = self.rights.partition_point(|row| key(*row) < least);
            for (other, &r) in (to_u32(from)..).zip(&self.rights[from..]) {
                if key(r) > most {
                    break;
                }
                budget = budget.checked_sub(1).ok_or(OverBudget)?;
                solver.budget -= 1;
                let r = r as usize;
                if let Some(score) = solver.checks.score((left, l), (right, r)) {
                    edges.push(Edge {
                        left: place,
                        right: other,
                        score,
                        left_id: left.row_id(l),
                        right_id: right.row_id(r),
                    });
                }
            }
        }
        Ok(edges)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a place among rows, which are fewer than 2^32"
)]
fn to_u32(place: usize) -> u32 {
    place as u32
}

/// Edges grouped so that no two groups share a row.
fn components(block: &Block, edges: Vec<Edge>) -> Vec<Vec<Edge>> {
    let lefts = block.lefts.len();
    let mut sets = DisjointSets::new(lefts + block.rights.len());
    for edge in &edges {
        sets.join(edge.left as usize, lefts + edge.right as usize);
    }
    let mut groups: Vec<Vec<Edge>> = Vec::new();
    let mut group_of = vec![usize::MAX; lefts + block.rights.len()];
    for edge in edges {
        let root = sets.root(edge.left as usize);
        if group_of[root] == usize::MAX {
            group_of[root] = groups.len();
            groups.push(Vec::new());
        }
        groups[group_of[root]].push(edge);
    }
    groups
}

/// Union-find with path halving.
struct DisjointSets {
    parents: Vec<usize>,
}

impl DisjointSets {
    fn new(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parents[node] != node {
            self.parents[node] = self.parents[self.parents[node]];
            node = self.parents[node];
        }
        node
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

/// The best two scores at each row of a component: enough to know whether a match has a rival.
struct Rivals {
    lefts: hashbrown::HashMap<u32, TopTwo, foldhash::fast::FixedState>,
    rights: hashbrown::HashMap<u32, TopTwo, foldhash::fast::FixedState>,
}

#[derive(Debug, Clone, Copy, Default)]
struct TopTwo {
    best: Option<u32>,
    second: Option<u32>,
}

impl TopTwo {
    fn add(&mut self, score: u32) {
        if Some(score) > self.best {
            self.second = self.best;
            self.best = Some(score);
        } else {
            self.second = self.second.max(Some(score));
        }
    }

    /// The best score here apart from one edge of this score.
    fn best_other(&self, score: u32) -> Option<u32> {
        if self.best == Some(score) {
            self.second
        } else {
            self.best
        }
    }
}

impl Rivals {
    fn of(component: &[Edge]) -> Self {
        let mut rivals = Self {
            lefts: hashbrown::HashMap::with_hasher(foldhash::fast::FixedState::default()),
            rights: hashbrown::HashMap::with_hasher(foldhash::fast::FixedState::default()),
        };
        for edge in component {
            rivals.lefts.entry(edge.left).or_default().add(edge.score);
            rivals.rights.entry(edge.right).or_default().add(edge.score);
        }
        rivals
    }

    fn has_rival(&self, edge: &Edge, margin: u32) -> bool {
        let least = edge.score.saturating_sub(margin);
        let tops = [self.lefts.get(&edge.left), self.rights.get(&edge.right)];
        tops.into_iter()
            .flatten()
            .filter_map(|top| top.best_other(edge.score))
            .any(|score| score >= least)
    }
}
