//! Amounts: decimal text to integer minor units and back. No value is ever a float.

use thiserror::Error;

use crate::currency::Ccy;
use crate::word::{few_digits, few_digits_with_decimals};

/// How a file writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmountFormat {
    /// The byte between whole units and decimals: `.` or `,`.
    pub decimal: u8,
    /// The byte between groups of digits, if the file uses one.
    pub thousands: Option<u8>,
}

impl AmountFormat {
    /// `1234.56`
    pub const PLAIN: Self = Self {
        decimal: b'.',
        thousands: None,
    };
}

/// Why a text is no amount of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Nothing but blanks.
    #[error("the amount is empty")]
    Empty,
    /// A character that has no place in a number, or one in the wrong place.
    #[error("the amount is not a number in the file's format")]
    Malformed,
    /// More decimals than the currency has: dropping them would lose money, and `1.500` may be fifteen hundred.
    #[error("the amount has more decimals than its currency")]
    TooManyDecimals,
    /// Does not fit 63 bits of minor units.
    #[error("the amount is too large")]
    Overflow,
}

/// Reads an amount into minor units of a currency with `exponent` decimals.
///
/// Accepts a sign in front or behind, and parentheses for a negative amount. Fewer decimals than the currency has are
/// filled up; more are an error. The result is never `i64::MIN`, so it can always be negated.
#[inline]
pub fn parse_minor(text: &[u8], exponent: u8, format: AmountFormat) -> Result<i64, AmountError> {
    if let Some(minor) = parse_common(text, exponent, format.decimal) {
        return Ok(minor);
    }
    parse_any(text, exponent, format)
}

/// [`parse_minor`] for whatever is written in another way than most.
fn parse_any(text: &[u8], exponent: u8, format: AmountFormat) -> Result<i64, AmountError> {
    let (negative, digits) = split_sign(text.trim_ascii())?;
    let magnitude = match format.thousands {
        None => parse_plain(digits, exponent, format.decimal)?,
        Some(separator) => parse_grouped(digits, exponent, format.decimal, separator)?,
    };
    let minor = i64::try_from(magnitude).map_err(|_| AmountError::Overflow)?;
    Ok(if negative { -minor } else { minor })
}

/// Writes minor units as a plain decimal with exactly the currency's decimals: `-12.30`, `500`, `0.001`.
pub fn format_minor(minor: i64, ccy: Ccy) -> String {
    let exponent = usize::from(ccy.exponent());
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", minor.unsigned_abs(), width = exponent + 1);
    let (whole, decimals) = digits.split_at(digits.len() - exponent);
    let point = if exponent == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{decimals}")
}

/// How most amounts are written: at most eight bytes (`99999.99`), all decimals, and no more than a minus in front.
/// Without a loop, since the number of digits of the next amount is nothing that a processor can foresee.
#[inline]
fn parse_common(text: &[u8], exponent: u8, decimal: u8) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, text),
    };
    let minor = match exponent {
        0 => few_digits(digits)?,
        _ => few_digits_with_decimals(digits, exponent, decimal)?,
    };
    let minor = i64::from(minor);
    Some(if negative { -minor } else { minor })
}

#[inline]
fn split_sign(text: &[u8]) -> Result<(bool, &[u8]), AmountError> {
    match text {
        [] => Err(AmountError::Empty),
        [b'(', inner @ .., b')'] => Ok((true, inner)),
        [b'-', rest @ ..] | [rest @ .., b'-'] => Ok((true, rest)),
        [b'+', rest @ ..] | [rest @ .., b'+'] => Ok((false, rest)),
        _ => Ok((false, text)),
    }
}

#[inline]
fn parse_plain(digits: &[u8], exponent: u8, decimal: u8) -> Result<u64, AmountError> {
    // Fifteen digits and the four zeros of the largest exponent stay below 10^19, which fits: no checks needed.
    if digits.len() > 15 {
        return parse_checked(digits, exponent, decimal);
    }
    let mut value = 0_u64;
    let mut at = 0;
    while at < digits.len() && digits[at].is_ascii_digit() {
        value = value * 10 + u64::from(digits[at] - b'0');
        at += 1;
    }
    let mut missing = exponent;
    if at < digits.len() {
        let decimals = &digits[at + 1..];
        if digits[at] != decimal || decimals.is_empty() {
            return Err(AmountError::Malformed);
        }
        for &byte in decimals {
            if !byte.is_ascii_digit() {
                return Err(AmountError::Malformed);
            }
            if missing == 0 {
                return Err(AmountError::TooManyDecimals);
            }
            value = value * 10 + u64::from(byte - b'0');
            missing -= 1;
        }
    } else if at == 0 {
        return Err(AmountError::Malformed);
    }
    Ok(value * 10_u64.pow(u32::from(missing)))
}

/// The same for long numbers, where each step may overflow.
#[cold]
fn parse_checked(digits: &[u8], exponent: u8, decimal: u8) -> Result<u64, AmountError> {
    let mut parts = digits.splitn(2, |byte| *byte == decimal);
    let whole = parts.next().unwrap_or_default();
    let decimals = parts.next();
    let fraction = decimals.unwrap_or_default();
    let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !all_digits || decimals.is_some_and(<[u8]>::is_empty) || digits.is_empty() {
        return Err(AmountError::Malformed);
    }
    let Some(missing) = usize::from(exponent).checked_sub(fraction.len()) else {
        return Err(AmountError::TooManyDecimals);
    };
    let zeros = std::iter::repeat_n(&b'0', missing);
    whole
        .iter()
        .chain(fraction)
        .chain(zeros)
        .try_fold(0_u64, |value, byte| {
            value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))
        })
        .ok_or(AmountError::Overflow)
}

/// Strips the separators of the whole part if they stand where groups end (`1,234,567`, and `12,34,567` as in India).
fn parse_grouped(
    digits: &[u8],
    exponent: u8,
    decimal: u8,
    separator: u8,
) -> Result<u64, AmountError> {
    let whole_len = digits
        .iter()
        .position(|byte| *byte == decimal)
        .unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(whole_len);
    let mut groups = whole.split(|byte| *byte == separator).rev().peekable();
    let mut from_the_right = 0;
    while let Some(group) = groups.next() {
        let is_first = groups.peek().is_none();
        let fits = match (is_first, from_the_right) {
            (true, 0) => true,
            (true, _) => (1..=3).contains(&group.len()),
            (false, 0) => group.len() == 3,
            (false, _) => (2..=3).contains(&group.len()),
        };
        if !fits {
            return Err(AmountError::Malformed);
        }
        from_the_right += 1;
    }
    let mut plain: Vec<u8> = whole
        .iter()
        .copied()
        .filter(|byte| *byte != separator)
        .collect();
    plain.extend_from_slice(rest);
    parse_plain(&plain, exponent, decimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str, exponent: u8) -> Result<i64, AmountError> {
        parse_minor(text.as_bytes(), exponent, AmountFormat::PLAIN)
    }

    #[test]
    fn decimals_are_filled_up_to_the_exponent() {
        for (text, exponent, minor) in [
            ("12.34", 2, 1234),
            ("12.3", 2, 1230),
            ("12", 2, 1200),
            (".5", 2, 50),
            ("12", 0, 12),
            ("0.001", 3, 1),
            ("-0.01", 2, -1),
            ("0.01-", 2, -1),
            ("+7", 2, 700),
            ("7+", 2, 700),
            ("(1.00)", 2, -100),
            (" 1.00 ", 2, 100),
            ("92233720368547758.07", 2, i64::MAX),
            ("-92233720368547758.07", 2, -i64::MAX),
            ("0000000000000000000000000000001", 2, 100),
        ] {
            assert_eq!(plain(text, exponent), Ok(minor), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        use AmountError::{Empty, Malformed, Overflow, TooManyDecimals};
        for (text, exponent, error) in [
            ("", 2, Empty),
            ("  ", 2, Empty),
            ("-", 2, Malformed),
            ("()", 2, Malformed),
            ("5.", 2, Malformed),
            (".", 2, Malformed),
            ("1.2.3", 2, Malformed),
            ("--1", 2, Malformed),
            ("1e5", 2, Malformed),
            ("NaN", 2, Malformed),
            ("1,234.00", 2, Malformed),
            ("1 000", 2, Malformed),
            ("1\u{0}", 2, Malformed),
            ("1.234", 2, TooManyDecimals),
            ("1.500", 2, TooManyDecimals),
            ("1.0", 0, TooManyDecimals),
            ("92233720368547758.08", 2, Overflow),
            ("99999999999999999999999999", 2, Overflow),
            ("12345678901234567890.x", 2, Malformed),
            ("12345678901234567.", 2, Malformed),
            ("12345678901234567.123", 2, TooManyDecimals),
        ] {
            assert_eq!(plain(text, exponent), Err(error), "{text}");
        }
    }

    #[test]
    fn groups_of_digits_must_stand_where_groups_end() {
        let comma = AmountFormat {
            decimal: b'.',
            thousands: Some(b','),
        };
        let dot = AmountFormat {
            decimal: b',',
            thousands: Some(b'.'),
        };
        let read = |text: &str, format| parse_minor(text.as_bytes(), 2, format);
        assert_eq!(read("1,234,567.89", comma), Ok(123_456_789));
        assert_eq!(read("12,34,567.89", comma), Ok(123_456_789));
        assert_eq!(read("1234567.89", comma), Ok(123_456_789));
        assert_eq!(read("1.234,5", dot), Ok(123_450));
        for bad in [
            "1,23.00",
            ",123.00",
            "1,,234.00",
            "1234,567.00",
            "1,234,5",
            "1.2,345",
        ] {
            assert_eq!(read(bad, comma), Err(AmountError::Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_is_the_identity_for_every_exponent(minor in -i64::MAX..=i64::MAX) {
            for code in ["JPY", "USD", "KWD", "CLF"] {
                let ccy = Ccy::from_code(code.as_bytes()).unwrap();
                let text = format_minor(minor, ccy);
                prop_assert_eq!(plain(&text, ccy.exponent()), Ok(minor), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+().,0-9a ]{0,40}", exponent in 0_u8..5) {
            let grouped = AmountFormat { decimal: b',', thousands: Some(b'.') };
            let _ = plain(&text, exponent);
            let _ = parse_minor(text.as_bytes(), exponent, grouped);
        }
    }
}
