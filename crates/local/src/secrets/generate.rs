//! Random values.

use plimsoll_stdx::random;
use serde::{Deserialize, Serialize};

use super::Secret;

/// What a generated secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// Random bytes, written in the URL-safe base 64 without padding: a third more characters.
    Base64,
    /// Letters and digits that cannot be mistaken for one another, for values that people type.
    Alphanumeric,
}

/// 56 characters without `0 O 1 l I i`.
const READABLE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnopqrstuvwxyz23456789";

/// Longest secret: a value has to fit an environment variable and a line of a form.
const LENGTH_MAX: u32 = 4096;

/// A random value. `length` is bounded to 1..=4096.
pub(crate) fn generate(length: u32, alphabet: Alphabet) -> Secret {
    let length = length.clamp(1, LENGTH_MAX) as usize;
    match alphabet {
        Alphabet::Base64 => {
            let mut bytes = vec![0; length];
            random::fill(&mut bytes);
            Secret::new(base64(&bytes))
        }
        Alphabet::Alphanumeric => Secret::new(readable(length)),
    }
}

/// Draws bytes until enough of them fall into whole multiples of the alphabet: a plain remainder would prefer its
/// first letters.
fn readable(length: usize) -> String {
    let size = READABLE.len();
    let fair = 256 - 256 % size;
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        random::fill(&mut bytes);
        let fit = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < fair);
        for byte in fit.take(length - text.len()) {
            text.push(char::from(READABLE[byte % size]));
        }
    }
    text
}

/// RFC 4648 section 5, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| chunk.get(index).map_or(0, |byte| usize::from(*byte));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[group >> (18 - 6 * digit) & 63]));
        }
    }
    text
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| value.try_into().ok()))
        .collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| {
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_values_have_the_length_and_letters_asked_for_and_differ() {
        let one = generate(20, Alphabet::Alphanumeric);
        let two = generate(20, Alphabet::Alphanumeric);
        assert_eq!(one.expose().len(), 20);
        assert!(one.expose().bytes().all(|byte| READABLE.contains(&byte)));
        assert_ne!(one, two);
        assert_eq!(generate(48, Alphabet::Base64).expose().len(), 64);
    }

    #[test]
    fn base_64_is_that_of_the_standard() {
        let texts = [&b""[..], b"f", b"fo", b"foo", b"foob", &[255, 255, 254]].map(base64);
        assert_eq!(texts, ["", "Zg", "Zm8", "Zm9v", "Zm9vYg", "___-"]);
    }

    #[test]
    fn hexadecimal_text_survives_a_round_trip_and_other_text_is_refused() {
        assert_eq!(unhex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }
}
