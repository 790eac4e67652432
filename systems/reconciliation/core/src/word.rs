//! Short texts as numbers, so that one instruction looks at eight bytes.

/// A byte in each place of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
const ZEROS: u64 = EACH * b'0' as u64;

/// Up to eight bytes as a number, the first byte lowest, in at most two overlapping loads: a call of `memcpy` takes
/// longer than that. Of a longer text, 0.
#[inline]
pub(crate) fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        return match bytes.len() {
            4..=8 => u64::from(head) | u64::from(tail) << ((bytes.len() - 4) * 8),
            _ => 0,
        };
    }
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        _ => 0,
    }
}

/// Whether each byte of a word is an ASCII digit.
#[inline]
fn are_digits(word: u64) -> bool {
    // A digit has the upper half of '0', and adding 6 to it does not change that.
    let upper_halves = EACH * 0xF0;
    (word & upper_halves) == ZEROS && (word.wrapping_add(EACH * 6) & upper_halves) == ZEROS
}

/// Eight ASCII digits, the first of them in the lowest byte, as four numbers of two digits; `None` if one is no digit.
#[inline]
pub(crate) fn digit_pairs(word: u64) -> Option<[u32; 4]> {
    let pairs = pairs(word)?;
    Some([0, 16, 32, 48].map(|shift| u32::from((pairs >> shift).to_le_bytes()[0])))
}

/// The number that eight ASCII digits write, the first of them in the lowest byte; `None` if one is no digit.
#[inline]
fn eight_digits(word: u64) -> Option<u32> {
    // Pairs become fours, and fours become eight: each step in one multiplication for all.
    let fours = (pairs(word)?.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_FFFF_0000_FFFF;
    u32::try_from(fours.wrapping_mul(10_000 << 32 | 1) >> 32).ok()
}

/// One number of two digits in each sixteen bits; `None` if a byte is no digit.
#[inline]
fn pairs(word: u64) -> Option<u64> {
    let digits = word ^ ZEROS;
    are_digits(word).then_some((digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00FF_00FF_00FF_00FF)
}

/// The same for up to eight bytes, as if zeros stood before them; `None` for a longer text.
#[inline]
pub(crate) fn few_digits(text: &[u8]) -> Option<u32> {
    eight_digits(right_aligned(text)?)
}

/// The number that a text of at most eight bytes writes with `decimals` (1 to 6) digits after its decimal mark, in
/// units of the last of them. `None` if it is written in any other way.
#[inline]
pub(crate) fn few_digits_with_decimals(text: &[u8], decimals: u8, mark: u8) -> Option<u32> {
    if text.len() < usize::from(decimals) + 2 {
        return None;
    }
    let word = right_aligned(text)?;
    let mark_at = 56_u32.checked_sub(u32::from(decimals) * 8)?;
    if word >> mark_at & 0xFF != u64::from(mark) {
        return None;
    }
    // The whole part moves over the mark, and a zero fills the place that it leaves.
    let whole = word & ((1 << mark_at) - 1);
    let fraction = word & (u64::MAX << 8 << mark_at);
    eight_digits(whole << 8 | u64::from(b'0') | fraction)
}

/// A text in the upper bytes of a word, with the digit zero in those before it.
#[inline]
fn right_aligned(text: &[u8]) -> Option<u64> {
    let free = 8_usize.checked_sub(text.len())?;
    if free == 8 {
        return None;
    }
    let zeros = ZEROS & ((1 << (free * 8)) - 1);
    Some(short_word(text) << (free * 8) | zeros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_length_gives_its_bytes_and_a_longer_text_none() {
        let text = b"abcdefghi";
        for len in 0..=8 {
            let mut padded = [0; 8];
            padded[..len].copy_from_slice(&text[..len]);
            assert_eq!(short_word(&text[..len]), u64::from_le_bytes(padded));
        }
        assert_eq!(short_word(text), 0);
    }

    #[test]
    fn every_byte_that_is_no_digit_is_found_in_every_place() {
        for place in 0..8 {
            for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                let mut text = *b"90909090";
                text[place] = byte;
                assert_eq!(few_digits(&text), None, "{byte} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn digits_are_read_as_the_standard_library_reads_them(text in "[0-9]{0,9}") {
            let wanted = text.parse().ok().filter(|_| text.len() <= 8);
            prop_assert_eq!(few_digits(text.as_bytes()), wanted);
        }

        #[test]
        fn decimals_are_read_where_the_mark_stands_in_its_place(
            text in "[0-9.,]{0,9}",
            decimals in 0_u8..9,
        ) {
            let whole = text.len().wrapping_sub(usize::from(decimals) + 1);
            let wanted = (text.len() <= 8 && decimals > 0)
                .then(|| text.split_once('.'))
                .flatten()
                .filter(|(before, _)| !before.is_empty() && before.len() == whole)
                .and_then(|(before, after)| format!("{before}{after}").parse::<u32>().ok());
            if decimals > 0 {
                prop_assert_eq!(few_digits_with_decimals(text.as_bytes(), decimals, b'.'), wanted);
            }
        }
    }
}
