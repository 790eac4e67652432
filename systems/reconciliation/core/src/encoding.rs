//! Bytes of a file to UTF-8.

use serde::{Deserialize, Serialize};

/// The character sets in which bank files come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows code page 1252 (and with it ISO 8859-1 text).
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// Appends `bytes` as UTF-8 to `out`. `false`, and nothing appended, if they are no text in this encoding.
#[inline]
pub(crate) fn decode_into(bytes: &[u8], encoding: Encoding, out: &mut Vec<u8>) -> bool {
    if bytes.is_ascii() {
        out.extend_from_slice(bytes);
        return true;
    }
    match encoding {
        Encoding::Utf8 => {
            let is_text = std::str::from_utf8(bytes).is_ok();
            if is_text {
                out.extend_from_slice(bytes);
            }
            is_text
        }
        Encoding::Windows1252 => decode_1252(bytes, out),
    }
}

fn decode_1252(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for &byte in bytes {
        let Some(character) = character_of_1252(byte) else {
            out.truncate(start);
            return false;
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    true
}

/// Code page 1252 differs from Unicode's first 256 characters in 0x80 to 0x9F only; five of those are unused.
fn character_of_1252(byte: u8) -> Option<char> {
    const HIGH: [char; 32] = [
        '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0',
        '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => Some(HIGH[usize::from(byte - 0x80)]).filter(|found| *found != '\0'),
        _ => Some(char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], encoding: Encoding) -> Option<String> {
        let mut out = b">".to_vec();
        let decoded = decode_into(bytes, encoding, &mut out);
        let text = String::from_utf8(out).unwrap();
        if !decoded {
            assert_eq!(text, ">", "a refused text leaves nothing behind");
        }
        decoded.then(|| text[1..].to_owned())
    }

    #[test]
    fn bytes_of_1252_become_their_characters() {
        let decoded = decode(b"M\xfcller \x80 5 \x96 caf\xe9", Encoding::Windows1252);
        assert_eq!(decoded.as_deref(), Some("Müller € 5 – café"));
    }

    #[test]
    fn unused_bytes_and_broken_utf8_are_no_text() {
        assert_eq!(decode(b"a\x81b", Encoding::Windows1252), None);
        assert_eq!(decode(b"M\xfcller", Encoding::Utf8), None);
        assert_eq!(decode(b"\xed\xa0\x80", Encoding::Utf8), None);
    }

    #[test]
    fn utf8_passes_through() {
        assert_eq!(
            decode("Müller".as_bytes(), Encoding::Utf8).as_deref(),
            Some("Müller")
        );
    }
}
