//! Random numbers that are the same on every machine and in every version: SplitMix64, twenty lines, no dependency
//! whose
//! next release could change the data.

#[derive(Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound` (0 if that is 0), by the upper half of a product: the bias is below 2^-32 for the
    /// bounds in
    /// use.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the result is below a `usize`"
    )]
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number from `least` to `most`, ends included.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u128::from(most.abs_diff(least)) + 1;
        let offset = (u128::from(self.next()) * span) >> 64;
        least.wrapping_add_unsigned(offset as u64)
    }

    /// True in `parts` of 1,000 cases.
    pub(super) fn in_thousand(&mut self, parts: u16) -> bool {
        self.below(1000) < usize::from(parts)
    }

    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}
