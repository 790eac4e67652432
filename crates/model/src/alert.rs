//! The small language of alerts: `http.p95 of route.api > 1s for 5m`.
//!
//! ```text
//! condition = term { "and" term } [ "for" TIME ]
//! term      = MEASURE [ "of" SUBJECT ] [ ("<" | "<=" | "==" | ">=" | ">") VALUE ]
//! ```
//! Measures are those of the closed registry ([`crate::measure`]); a term without a comparison asks whether a measure
//! of truth holds.

use std::fmt;
use std::str::FromStr;

use crate::units::{Bound, DurationMs, UnitError, serde_as_text};

/// When an alert fires.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// All of them have to hold; never empty.
    pub terms: Vec<Term>,
    /// For how long, before it fires.
    pub hold: DurationMs,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// A name of the registry.
    pub measure: String,
    /// Whose; absent is the app's.
    pub of: Option<String>,
    /// The comparison; absent: the measure holds.
    pub bound: Option<Bound>,
}

/// Ten comparisons are more than anybody can reason about at night.
const MOST_TERMS: usize = 10;

impl FromStr for Condition {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (words, hold) = match words.iter().position(|word| *word == "for") {
            None => (words.as_slice(), DurationMs(0)),
            Some(at) => match &words[at + 1..] {
                [time] => (&words[..at], time.parse()?),
                _ => {
                    return Err(UnitError::new(
                        "after `for` comes one span of time, and nothing else: `for 5m`",
                    ));
                }
            },
        };
        let terms: Vec<Term> = words
            .split(|word| *word == "and")
            .map(term)
            .collect::<Result<_, _>>()?;
        if terms.len() > MOST_TERMS {
            return Err(UnitError::new(format!(
                "a condition has at most {MOST_TERMS} comparisons"
            )));
        }
        Ok(Self { terms, hold })
    }
}

fn term(words: &[&str]) -> Result<Term, UnitError> {
    let Some((measure, mut rest)) = words.split_first() else {
        return Err(UnitError::new(
            "a comparison is missing: write a measure, whose it is and a bound, as in `http.p95 of route.api > 1s`",
        ));
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !measure.chars().all(is_name) || !measure.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(UnitError::new(format!(
            "`{measure}` is not the name of a measure: this is no PromQL, write `http.p95 of route.api > 1s for 5m`"
        )));
    }
    let mut of = None;
    if let ["of", subject, after @ ..] = rest {
        of = Some((*subject).to_owned());
        rest = after;
    } else if rest.first() == Some(&"of") {
        return Err(UnitError::new(
            "after `of` comes a route, service or resource: `of route.api`",
        ));
    }
    let bound = match rest {
        [] => None,
        [first, ..] if !first.starts_with(['<', '>', '=']) => {
            return Err(UnitError::new(format!(
                "`{first}` is no comparison: write one of <, <=, ==, >=, > and a value"
            )));
        }
        parts if parts.len() <= 2 => Some(parts.join(" ").parse()?),
        [.., last] => {
            return Err(UnitError::new(format!(
                "`{last}` is one word too many: join comparisons by `and`"
            )));
        }
    };
    Ok(Term {
        measure: (*measure).to_owned(),
        of,
        bound,
    })
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            f.write_str(&term.measure)?;
            if let Some(of) = &term.of {
                write!(f, " of {of}")?;
            }
            if let Some(bound) = &term.bound {
                write!(f, " {bound}")?;
            }
        }
        if self.hold.0 > 0 {
            write!(f, " for {}", self.hold)?;
        }
        Ok(())
    }
}

serde_as_text!(Condition);
