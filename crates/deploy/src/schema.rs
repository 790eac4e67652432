//! Whether a release still runs on the schema that there is.
//!
//! An expanding migration leaves the schema usable for the program before it; a contracting one does not. So the newest
//! contracting migration is the oldest one that a program has to know: what `compatible_from` names.

use std::cmp::Ordering;

use crate::SchemaRange;

/// A schema that has moved beyond a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the schema is at {} and needs a program that knows {} or newer; this release knows {known}",
    there.head,
    there.compatible_from
)]
pub struct SchemaGap {
    /// The newest migration that the release ships.
    pub known: String,
    /// What there is.
    pub there: SchemaRange,
}

/// Whether a release whose own span is `release` runs on the schema that `there` describes.
pub fn ensure_runs(release: &SchemaRange, there: &SchemaRange) -> Result<(), SchemaGap> {
    if order(&release.head, &there.compatible_from) == Ordering::Less {
        return Err(SchemaGap {
            known: release.head.clone(),
            there: there.clone(),
        });
    }
    Ok(())
}

/// The span of the schema that there is, of those that releases have left behind: the one with the newest migration,
/// because going back to an older release takes no migration back.
pub fn newest<'a>(spans: impl IntoIterator<Item = &'a SchemaRange>) -> Option<&'a SchemaRange> {
    spans
        .into_iter()
        .max_by(|one, other| order(&one.head, &other.head))
}

/// Migrations by their names: by the number that they begin with, and by their text where that is the same or where
/// there is none. `9` comes before `0010`, and a date before a later one.
fn order(one: &str, other: &str) -> Ordering {
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse::<u128>().ok()
    };
    number(one).cmp(&number(other)).then_with(|| {
        one.trim_start_matches('0')
            .cmp(other.trim_start_matches('0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(compatible_from: &str, head: &str) -> SchemaRange {
        SchemaRange {
            compatible_from: compatible_from.into(),
            head: head.into(),
        }
    }

    #[test]
    fn a_release_runs_on_what_only_grew_since_and_not_on_what_lost_something() {
        let release = range("0001", "0005");
        for (there, runs) in [
            (range("0001", "0005"), true),
            (range("0003", "0009"), true),
            (range("0005", "0009"), true),
            (range("0006", "0009"), false),
        ] {
            assert_eq!(ensure_runs(&release, &there).is_ok(), runs, "{there:?}");
        }
        let gap = ensure_runs(&release, &range("0006", "0009")).unwrap_err();
        let said = gap.to_string();
        assert!(
            said.contains("0009") && said.contains("0006") && said.contains("0005"),
            "{said}"
        );
    }

    #[test]
    fn the_schema_that_there_is_is_the_one_that_went_furthest() {
        let spans = [range("1", "9"), range("2", "0010"), range("1", "3")];
        assert_eq!(newest(&spans), Some(&spans[1]));
        assert_eq!(newest([]), None);
    }

    #[test]
    fn migrations_are_ordered_by_number_then_by_text_and_dates_as_numbers() {
        for (one, other) in [
            ("9", "10"),
            ("0002", "10_users"),
            ("0001_a", "0001_b"),
            ("20260101", "20260102"),
            ("", "1"),
            ("a", "b"),
        ] {
            assert_eq!(order(one, other), Ordering::Less, "{one} {other}");
            assert_eq!(order(other, one), Ordering::Greater, "{one} {other}");
        }
        assert_eq!(order("0007", "7"), Ordering::Equal);
    }
}
