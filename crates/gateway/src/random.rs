//! Numbers for ids and for choices: fast, seeded by the system, one generator per core. Nothing here is a secret.

use std::cell::Cell;

/// A splitmix64 generator: 2^64 values before it repeats, a few cycles per number.
#[derive(Debug)]
pub(crate) struct Random(Cell<u64>);

impl Random {
    /// A generator with a seed of the operating system.
    pub(crate) fn seeded() -> Self {
        Self(Cell::new(plimsoll_stdx::random::number()))
    }

    /// A generator that gives the same numbers each time.
    #[cfg(test)]
    pub(crate) fn of(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next number.
    pub(crate) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where the bound is 0. The bias is under bound / 2^64.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// 32 lower-case hexadecimal digits.
    pub(crate) fn hex_id(&self) -> [u8; 32] {
        let mut id = [0; 32];
        write_hex(self.next(), &mut id[..16]);
        write_hex(self.next(), &mut id[16..]);
        id
    }

    /// 16 lower-case hexadecimal digits.
    pub(crate) fn hex_half(&self) -> [u8; 16] {
        let mut id = [0; 16];
        write_hex(self.next(), &mut id);
        id
    }
}

fn write_hex(mut number: u64, into: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for digit in into {
        *digit = DIGITS[usize::try_from(number & 15).unwrap_or(0)];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_cover_it() {
        let random = Random::seeded();
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[usize::try_from(random.below(7)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn ids_are_hexadecimal_and_differ() {
        let random = Random::seeded();
        let (one, two) = (random.hex_id(), random.hex_id());
        assert_ne!(one, two);
        assert!(one.iter().all(u8::is_ascii_hexdigit));
    }
}
