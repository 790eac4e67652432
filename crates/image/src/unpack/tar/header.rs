//! One 512-byte header block.

use super::BLOCK;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A second name of a file.
    HardLink,
    /// A character or block device, or a FIFO.
    Special,
}

/// A type flag, extensions included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    Entry(Kind),
    GnuSparse,
    GnuLongName,
    GnuLongLink,
    Pax,
    PaxGlobal,
}

pub(super) struct Header<'a>(pub(super) &'a [u8; BLOCK]);

impl Header<'_> {
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Whether the checksum fits, as the unsigned sum that the standard asks for or the signed one of old tools.
    pub(super) fn is_checksum_right(&self) -> bool {
        let Some(stated) = number(&self.0[148..156]) else {
            return false;
        };
        let blanked = |index: usize, byte: u8| {
            if (148..156).contains(&index) {
                b' '
            } else {
                byte
            }
        };
        let bytes = || {
            self.0
                .iter()
                .enumerate()
                .map(|(index, byte)| blanked(index, *byte))
        };
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        stated == unsigned || stated == signed
    }

    pub(super) fn flag(&self) -> Result<Flag, char> {
        Ok(match self.0[156] {
            0 | b'0' | b'7' => Flag::Entry(Kind::File),
            b'1' => Flag::Entry(Kind::HardLink),
            b'2' => Flag::Entry(Kind::Symlink),
            b'3' | b'4' | b'6' => Flag::Entry(Kind::Special),
            b'5' => Flag::Entry(Kind::Directory),
            b'S' => Flag::GnuSparse,
            b'L' => Flag::GnuLongName,
            b'K' => Flag::GnuLongLink,
            b'x' => Flag::Pax,
            b'g' => Flag::PaxGlobal,
            other => return Err(char::from(other)),
        })
    }

    /// The path, with the prefix that only ustar has (GNU keeps times there).
    pub(super) fn path(&self) -> Vec<u8> {
        let prefix = until_nul(&self.0[345..500]);
        if &self.0[257..263] != b"ustar\0" || prefix.is_empty() {
            return self.name().to_vec();
        }
        [prefix, b"/", self.name()].concat()
    }

    pub(super) fn link(&self) -> Vec<u8> {
        until_nul(&self.0[157..257]).to_vec()
    }

    pub(super) fn mode(&self) -> Option<u32> {
        u32::try_from(number(&self.0[100..108])?).ok()
    }

    pub(super) fn size(&self) -> Option<u64> {
        u64::try_from(number(&self.0[124..136])?).ok()
    }

    /// Seconds since 1970; what cannot be read is 0, because a time is no reason to refuse an image.
    pub(super) fn mtime(&self) -> i64 {
        number(&self.0[136..148]).unwrap_or(0)
    }

    fn name(&self) -> &[u8] {
        until_nul(&self.0[..100])
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number in octal digits, or in GNU's base 256 where the first bit is set.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        return base_256(field);
    }
    let text = std::str::from_utf8(until_nul(field))
        .ok()?
        .trim_matches(' ');
    if text.is_empty() {
        return Some(0);
    }
    if !text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    i64::from_str_radix(text, 8).ok()
}

/// Two's complement, most significant byte first; the first bit marks the encoding and copies the sign.
fn base_256(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    let is_negative = first & 0x40 != 0;
    let mut value = if is_negative {
        i64::from(*first) - 256
    } else {
        i64::from(first & 0x7f)
    };
    for byte in rest {
        value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_padded_or_base_256() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe",
                Some(-2),
            ),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"0000648\0", None),
            (b"-1", None),
            (b"", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }
}
