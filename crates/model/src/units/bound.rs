//! Bounds: a comparison and a quantity, as in `< 500ms` or `>= 99.9%`.

use std::fmt;
use std::str::FromStr;

use super::{Bytes, CpuMillis, Decimal, DurationMs, Percent, Rate, UnitError, serde_as_text};

/// How a measured value has to lie to the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Comparison {
    /// As it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
        }
    }

    /// Whether `ordering`, of the measured value to the bound, satisfies it.
    pub const fn is_met(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::More => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
            Self::Equal => ordering.is_eq(),
        }
    }
}

/// What a measure counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A size.
    Bytes,
    /// A span of time.
    Time,
    /// A share.
    Share,
    /// A count per time.
    Rate,
    /// A share of a CPU.
    Cpu,
    /// A plain number.
    Number,
    /// Money, in US dollars.
    Money,
    /// True or false.
    Truth,
    /// A name, compared by equality only.
    Text,
}

impl Dimension {
    /// What a value of it looks like, for messages and the reference.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Bytes => "60MB",
            Self::Time => "500ms",
            Self::Share => "0.1%",
            Self::Rate => "500/s",
            Self::Cpu => "350m",
            Self::Number => "3",
            Self::Money => "500USD",
            Self::Truth => "true",
            Self::Text => "traefik",
        }
    }

    /// Its name in messages and in the reference.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "size",
            Self::Time => "time",
            Self::Share => "share",
            Self::Rate => "rate",
            Self::Cpu => "cpu",
            Self::Number => "number",
            Self::Money => "money",
            Self::Truth => "yes or no",
            Self::Text => "text",
        }
    }

    /// Reads one value of this dimension.
    pub fn read(self, text: &str) -> Result<Quantity, UnitError> {
        match self {
            Self::Bytes => text.parse().map(Quantity::Bytes),
            Self::Time => text.parse().map(Quantity::Time),
            Self::Share => text.parse().map(Quantity::Share),
            Self::Rate => text.parse().map(Quantity::Rate),
            Self::Cpu => text.parse().map(Quantity::Cpu),
            Self::Number => text.parse().map(Quantity::Number),
            Self::Money => text
                .strip_suffix("USD")
                .ok_or_else(|| {
                    UnitError::new(format!(
                        "`{text}` is not an amount of money: write `500USD`"
                    ))
                })
                .and_then(str::parse)
                .map(Quantity::Money),
            Self::Truth => match text {
                "true" => Ok(Quantity::Truth(true)),
                "false" => Ok(Quantity::Truth(false)),
                _ => Err(UnitError::new(format!(
                    "`{text}` is neither `true` nor `false`"
                ))),
            },
            Self::Text => Ok(Quantity::Text(text.to_owned())),
        }
    }
}

/// A value of some dimension.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// A size.
    Bytes(Bytes),
    /// A span of time.
    Time(DurationMs),
    /// A share.
    Share(Percent),
    /// A count per time.
    Rate(Rate),
    /// A share of a CPU.
    Cpu(CpuMillis),
    /// A plain number.
    Number(Decimal),
    /// Money, in US dollars.
    Money(Decimal),
    /// True or false.
    Truth(bool),
    /// A name.
    Text(String),
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(value) => value.fmt(f),
            Self::Time(value) => value.fmt(f),
            Self::Share(value) => value.fmt(f),
            Self::Rate(value) => value.fmt(f),
            Self::Cpu(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Money(value) => write!(f, "{value}USD"),
            Self::Truth(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// A comparison with a value whose dimension the measure knows: `<= 60MB`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bound {
    /// The comparison.
    pub comparison: Comparison,
    /// The value's text, without blanks around it; [`Bound::value`] reads it.
    pub text: String,
}

impl Bound {
    /// The value, read as the measure's dimension.
    pub fn value(&self, dimension: Dimension) -> Result<Quantity, UnitError> {
        let ordered = !matches!(dimension, Dimension::Truth | Dimension::Text);
        if !ordered && self.comparison != Comparison::Equal {
            return Err(UnitError::new(format!(
                "a {} has no order, only `==` can bound it",
                dimension.name()
            ))
            .suggesting(format!("== {}", self.text)));
        }
        dimension.read(&self.text)
    }
}

impl FromStr for Bound {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let signs = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        let found = signs.iter().find_map(|(sign, comparison)| {
            trimmed
                .strip_prefix(sign)
                .map(|rest| (*comparison, rest.trim()))
        });
        match found {
            Some((comparison, value))
                if !value.is_empty() && !value.starts_with(['<', '>', '=']) =>
            {
                Ok(Self {
                    comparison,
                    text: value.to_owned(),
                })
            }
            _ => Err(wrong(text, trimmed)),
        }
    }
}

fn wrong(text: &str, trimmed: &str) -> UnitError {
    let error = UnitError::new(format!(
        "`{text}` is not a bound: write a comparison (<, <=, ==, >=, >) and a value, as in `< 500ms`"
    ));
    let plain = trimmed.trim_start_matches(['=', '≤', '≥', ' ']);
    match trimmed.chars().next() {
        Some('≤') => error.suggesting(format!("<= {plain}")),
        Some('≥') => error.suggesting(format!(">= {plain}")),
        Some('=') if !plain.is_empty() => error.suggesting(format!("== {plain}")),
        Some(c) if c.is_ascii_digit() => error.suggesting(format!("<= {plain}")),
        _ => error,
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison.sign(), self.text)
    }
}

serde_as_text!(Bound);
