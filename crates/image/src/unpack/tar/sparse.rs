//! Sparse files: which parts of the file the archive stores.

use std::io::Read;

use super::header::number;
use super::pax::decimal;
use super::{BLOCK, TarError};

/// Segments of one file, at the most: 64 MiB of stored 1 KiB parts, and 1 MiB of memory here.
const MAX_SEGMENTS: usize = 1 << 16;
/// Digits of a 64-bit number, and the newline.
const MAX_LINE: usize = 21;

/// A part of a sparse file that is stored; what lies between is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// The segments that an old GNU header lists, the first four in it and 21 in each block that follows.
/// Returns the file's size and the segments; says what is wrong otherwise.
pub(super) fn read_gnu(
    header: &[u8; BLOCK],
    mut next_block: impl FnMut() -> Result<[u8; BLOCK], TarError>,
    malformed: impl Fn(&'static str) -> TarError,
) -> Result<(u64, Vec<Segment>), TarError> {
    const BAD: &str = "a sparse header that is no list of numbers";
    let size = field(&header[483..495]).ok_or_else(|| malformed(BAD))?;
    let mut segments = Vec::new();
    push_all(&header[386..482], &mut segments).ok_or_else(|| malformed(BAD))?;
    let mut is_extended = header[482] != 0;
    while is_extended {
        let block = next_block()?;
        push_all(&block[..504], &mut segments).ok_or_else(|| malformed(BAD))?;
        if segments.len() > MAX_SEGMENTS {
            return Err(malformed("a sparse file in too many parts"));
        }
        is_extended = block[504] != 0;
    }
    Ok((size, segments))
}

fn push_all(list: &[u8], segments: &mut Vec<Segment>) -> Option<()> {
    for pair in list.chunks_exact(24) {
        // The first unused place ends the list; a segment of no bytes at the end states the size and is kept.
        if pair[0] == 0 {
            break;
        }
        segments.push(Segment {
            offset: field(&pair[..12])?,
            length: field(&pair[12..])?,
        });
    }
    Some(())
}

fn field(bytes: &[u8]) -> Option<u64> {
    u64::try_from(number(bytes)?).ok()
}

/// The map of version 1.0 at the start of a body: decimal lines, filled up to a block. Returns the bytes it took.
pub(super) fn read_pax_1(
    body: &mut impl Read,
    malformed: impl Fn(&'static str) -> TarError,
) -> Result<(u64, Vec<Segment>), TarError> {
    const BAD: &str = "a sparse map that is no list of numbers";
    let mut taken: u64 = 0;
    let mut line = || {
        let mut digits = Vec::with_capacity(MAX_LINE);
        loop {
            let mut byte = [0];
            body.read_exact(&mut byte)?;
            taken += 1;
            match byte {
                [b'\n'] => return decimal(&digits).ok_or_else(|| malformed(BAD)),
                _ if digits.len() == MAX_LINE => return Err(malformed(BAD)),
                [digit] => digits.push(digit),
            }
        }
    };
    let count = usize::try_from(line()?).unwrap_or(usize::MAX);
    if count > MAX_SEGMENTS {
        return Err(malformed("a sparse file in too many parts"));
    }
    let mut segments = Vec::with_capacity(count);
    for _ in 0..count {
        segments.push(Segment {
            offset: line()?,
            length: line()?,
        });
    }
    let padding = taken.next_multiple_of(BLOCK as u64) - taken;
    std::io::copy(&mut body.take(padding), &mut std::io::sink())?;
    Ok((taken + padding, segments))
}

/// The bytes that `segments` store, where they lie in order and inside a file of `size` bytes; else nothing.
pub(super) fn stored(segments: &[Segment], size: u64) -> Option<u64> {
    let mut end = 0;
    let mut total: u64 = 0;
    for segment in segments {
        if segment.offset < end {
            return None;
        }
        end = segment.offset.checked_add(segment.length)?;
        total = total.checked_add(segment.length)?;
    }
    (end <= size).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_lie_in_order_and_inside_the_file() {
        let segments = |pairs: &[(u64, u64)]| -> Vec<Segment> {
            pairs
                .iter()
                .map(|(offset, length)| Segment {
                    offset: *offset,
                    length: *length,
                })
                .collect()
        };
        assert_eq!(stored(&segments(&[(0, 5), (10, 5), (20, 0)]), 20), Some(10));
        assert_eq!(stored(&segments(&[]), 0), Some(0));
        for bad in [
            &[(0, 5), (4, 1)][..],
            &[(10, 11)],
            &[(u64::MAX, 1)],
            &[(5, 1), (0, 1)],
        ] {
            assert_eq!(stored(&segments(bad), 20), None, "{bad:?}");
        }
    }
}
