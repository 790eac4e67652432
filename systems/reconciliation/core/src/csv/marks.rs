//! The places in a window of all bytes that can end a field or a record.

/// Bytes that are looked at in one step: one bit for each fills a word.
const BLOCK: usize = 64;

/// Collects the places of all delimiters, quotes and control bytes (line ends, NUL and their like).
pub(super) fn mark(window: &[u8], delimiter: u8, marks: &mut Vec<u32>) {
    marks.clear();
    let (blocks, rest) = window.as_chunks::<BLOCK>();
    let mut base = 0;
    for block in blocks {
        push_all(base, find(block, delimiter), marks);
        base += 64;
    }
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let is_of_rest = (1_u64 << rest.len()) - 1;
    push_all(base, find(&last, delimiter) & is_of_rest, marks);
}

/// One bit for each byte of the block, the first byte lowest: whether it is to be marked.
///
/// The comparisons are a plain loop, which the compiler does sixteen bytes at a time on every processor; a
/// multiplication then collects the lowest bits of eight bytes in one byte, as `movemask` would.
#[inline]
fn find(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    /// Moves bit `8 * n` to bit `56 + n`.
    const COLLECT: u64 = 0x0102_0408_1020_4080;
    let mut hits = [0_u8; BLOCK];
    for (hit, &byte) in hits.iter_mut().zip(block) {
        *hit = u8::from(byte == delimiter) | u8::from(byte == b'"') | u8::from(byte < 0x20);
    }
    let (words, _) = hits.as_chunks::<8>();
    let mut bits = 0;
    for (place, word) in (0_u32..).zip(words) {
        let byte = u64::from_le_bytes(*word).wrapping_mul(COLLECT) >> 56;
        bits |= byte << (place * 8);
    }
    bits
}

#[inline]
fn push_all(base: u32, mut bits: u64, marks: &mut Vec<u32>) {
    while bits != 0 {
        marks.push(base + bits.trailing_zeros());
        bits &= bits - 1;
    }
}
