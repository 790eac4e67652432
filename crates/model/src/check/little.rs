//! Users, rate and latency that cannot hold together.

use super::{Context, Rule, path};
use crate::app::{Claim, Measured, Standing};
use crate::draft::Draft;
use crate::units::{Comparison, Dimension, Quantity};

pub(super) const RULE: Rule = Rule {
    code: "P208",
    title: "users, rate and latency that cannot hold together",
    explain: "Little's law: requests in flight are rate times mean latency. With so many users, each with one request \
              at a time, at most that many are in flight. Claims of one scenario that ask for more refute each other \
              by arithmetic. Withdraw one of them, or measure them apart.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for name in app.loads.keys() {
        let find = |measure: &str| {
            app.claims.iter().find_map(|(id, claim)| match claim {
                Claim::Measured(claim) if is(claim, measure, name) => Some((id, claim)),
                _ => None,
            })
        };
        let (Some(users), Some(rate), Some(mean)) =
            (find("load.users"), find("load.rate"), find("load.mean"))
        else {
            continue;
        };
        if let Some(draft) = refuted(users, rate, mean) {
            context.say(draft);
        }
    }
}

fn is(claim: &Measured, measure: &str, load: &str) -> bool {
    claim.measure == measure
        && claim.under.as_deref() == Some(load)
        && claim.standing == Standing::Made
}

type Named<'a> = (&'a String, &'a Measured);

fn refuted(users: Named<'_>, rate: Named<'_>, mean: Named<'_>) -> Option<Draft> {
    let Ok(Quantity::Number(count)) = users.1.bound.value(Dimension::Number) else {
        return None;
    };
    let Ok(Quantity::Rate(per)) = rate.1.bound.value(Dimension::Rate) else {
        return None;
    };
    let Ok(Quantity::Time(time)) = mean.1.bound.value(Dimension::Time) else {
        return None;
    };
    // Only a mean that is stated as a fact, or as a least value, asks for so many in flight.
    if !matches!(
        mean.1.bound.comparison,
        Comparison::Equal | Comparison::AtLeast | Comparison::More
    ) {
        return None;
    }
    let in_flight = u128::from(per.count) * u128::from(time.0) / u128::from(per.per.0.max(1));
    let users_at_most = u128::try_from(count.0 / 1_000_000).ok()?;
    if in_flight <= users_at_most {
        return None;
    }
    let at = |id: &str| path(&["claims", id, "bound"]);
    let longest = users_at_most * u128::from(per.per.0) / u128::from(per.count.max(1));
    Some(
        Draft::error(
            RULE.code,
            &at(mean.0),
            format!("{per} with a mean of {time} are {in_flight} requests in flight, and there are {users_at_most} users"),
        )
        .label(format!("at most {longest}ms, by Little's law"))
        .also(&at(rate.0), "so many in a span")
        .also(&at(users.0), "so many at once")
        .help(format!("withdraw one (`standing = \"withdrawn\", because = \"X-41\"`), or bound the mean: `<= {longest}ms`")),
    )
}
