//! Promises of which at most one can hold.

use std::cmp::Ordering;

use super::{Context, Rule, path};
use crate::app::{Claim, Measured, Standing};
use crate::draft::Draft;
use crate::measure;
use crate::units::{Bound, Comparison, Dimension, Quantity};

pub(super) const RULE: Rule = Rule {
    code: "P303",
    title: "promises of which at most one can hold",
    explain: "Two claims bound the same measure of the same thing, and no value satisfies both. One of them will be \
              refuted, whatever is measured.",
    check,
};

fn check(context: &mut Context<'_>) {
    let claims: Vec<(&String, &Measured)> = context
        .app
        .claims
        .iter()
        .filter_map(|(id, claim)| match claim {
            Claim::Measured(claim) if claim.standing == Standing::Made => Some((id, claim)),
            _ => None,
        })
        .collect();
    for (index, (id, claim)) in claims.iter().enumerate() {
        let Some(measure) = measure::find(&claim.measure) else {
            continue;
        };
        let rival = claims[..index].iter().find(|(_, other)| {
            same(claim, other) && exclude(&claim.bound, &other.bound, measure.dimension)
        });
        if let Some((other, rival)) = rival {
            let at = path(&["claims", id, "bound"]);
            let message = format!(
                "`{id}` and `{other}` cannot both hold: `{}` and `{}`",
                claim.bound, rival.bound
            );
            let also = path(&["claims", other, "bound"]);
            context.say(
                Draft::warning(RULE.code, &at, message)
                    .also(&also, "the other")
                    .help("correct one of them, or expect it to be refuted"),
            );
        }
    }
}

fn same(a: &Measured, b: &Measured) -> bool {
    (&a.of, &a.measure, &a.with, &a.under) == (&b.of, &b.measure, &b.with, &b.under)
        && (&a.environment, &a.baseline) == (&b.environment, &b.baseline)
}

/// Whether no value satisfies both.
fn exclude(a: &Bound, b: &Bound, dimension: Dimension) -> bool {
    let (Ok(left), Ok(right)) = (a.value(dimension), b.value(dimension)) else {
        return false;
    };
    let Some(order) = compare(&left, &right) else {
        return a.comparison == Comparison::Equal
            && b.comparison == Comparison::Equal
            && left != right;
    };
    let below =
        |c: Comparison| matches!(c, Comparison::Less | Comparison::AtMost | Comparison::Equal);
    let above = |c: Comparison| {
        matches!(
            c,
            Comparison::More | Comparison::AtLeast | Comparison::Equal
        )
    };
    let strict = matches!(a.comparison, Comparison::Less | Comparison::More)
        || matches!(b.comparison, Comparison::Less | Comparison::More);
    match order {
        Ordering::Less => below(a.comparison) && above(b.comparison),
        Ordering::Greater => above(a.comparison) && below(b.comparison),
        Ordering::Equal => {
            let opposite = (below(a.comparison) && above(b.comparison))
                || (above(a.comparison) && below(b.comparison));
            strict && opposite
        }
    }
}

fn compare(left: &Quantity, right: &Quantity) -> Option<Ordering> {
    match (left, right) {
        (Quantity::Bytes(a), Quantity::Bytes(b)) => Some(a.cmp(b)),
        (Quantity::Time(a), Quantity::Time(b)) => Some(a.cmp(b)),
        (Quantity::Share(a), Quantity::Share(b)) => Some(a.cmp(b)),
        (Quantity::Cpu(a), Quantity::Cpu(b)) => Some(a.cmp(b)),
        (Quantity::Number(a), Quantity::Number(b)) | (Quantity::Money(a), Quantity::Money(b)) => {
            Some(a.cmp(b))
        }
        (Quantity::Rate(a), Quantity::Rate(b)) => {
            let cross = |x: &crate::units::Rate, y: &crate::units::Rate| {
                u128::from(x.count) * u128::from(y.per.0)
            };
            Some(cross(a, b).cmp(&cross(b, a)))
        }
        _ => None,
    }
}
