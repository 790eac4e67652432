//! One record as one line: `PLMJ1 <seq> <len> <crc32c> <json>`. The checksum covers the sequence number as well,
//! so that a line cannot be moved.

/// The magic word: Plimsoll journal, version 1.
const MAGIC: &str = "PLMJ1";

/// The bytes of a record, line end included. `json` must hold no line end, as compact JSON never does.
pub(crate) fn encode(seq: u64, json: &str) -> String {
    format!(
        "{MAGIC} {seq} {} {:08x} {json}\n",
        json.len(),
        checksum(seq, json)
    )
}

/// The sequence number and the payload of one line without its line end; `None` when it is not whole.
pub(crate) fn decode(line: &[u8]) -> Option<(u64, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.splitn(5, ' ');
    if fields.next()? != MAGIC {
        return None;
    }
    let seq = fields.next()?.parse().ok()?;
    let len: usize = fields.next()?.parse().ok()?;
    let sum = u32::from_str_radix(fields.next()?, 16).ok()?;
    let json = fields.next()?;
    (json.len() == len && checksum(seq, json) == sum).then_some((seq, json))
}

fn checksum(seq: u64, json: &str) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&seq.to_le_bytes()), json.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_comes_back_and_no_single_changed_byte_does(
            seq: u64, text in "[^\n]{0,40}", position: prop::sample::Index, flip in 1_u8..=255,
        ) {
            let line = encode(seq, &text);
            let whole = line.trim_end_matches('\n').as_bytes();
            prop_assert_eq!(decode(whole), Some((seq, text.as_str())));
            let mut damaged = whole.to_vec();
            let at = position.index(damaged.len());
            damaged[at] ^= flip;
            // A digit may change its case, a number gain a sign: the content must then be the same.
            prop_assert!(decode(&damaged).is_none_or(|read| read == (seq, text.as_str())));
        }
    }
}
