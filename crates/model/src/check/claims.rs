//! Promises that are taken back without leave, and statements that end before they begin.

use super::{Context, Rule, path};
use crate::app::{Attested, Claim, Measured, Standing};
use crate::draft::Draft;
use crate::suggest;

pub(super) const RULE: Rule = Rule {
    code: "P302",
    title: "a promise taken back without leave",
    explain: "A withdrawn claim is still judged and shown first, and it counts in no grade. So that nothing merely \
              inconvenient is withdrawn, only what arithmetic or a passed date refutes may be: a closed list of \
              contradictions.",
    check,
};

/// Contradictions whose claims cannot hold as written.
const MAY_BE_WITHDRAWN: [&str; 14] = [
    "X-05", "X-09", "X-10", "X-13", "X-16", "X-17", "X-19", "X-20", "X-28", "X-33", "X-35", "X-41",
    "A1-001", "C4-092",
];

fn check(context: &mut Context<'_>) {
    for (id, claim) in &context.app.claims {
        match claim {
            Claim::Measured(claim) => measured(context, id, claim),
            Claim::Attested(claim) => attested(context, id, claim),
        }
    }
}

fn measured(context: &mut Context<'_>, id: &str, claim: &Measured) {
    let (standing, because) = (
        path(&["claims", id, "standing"]),
        path(&["claims", id, "because"]),
    );
    let all = suggest::listing(MAY_BE_WITHDRAWN);
    match (claim.standing, claim.because.as_deref()) {
        (Standing::Made, Some(_)) => {
            let draft = Draft::error(
                RULE.code,
                &because,
                "a reason to withdraw, and the claim stands",
            );
            context.say(draft.help("add `standing = \"withdrawn\"`, or remove `because`"));
        }
        (Standing::Withdrawn, None) => {
            let draft = Draft::error(
                RULE.code,
                &standing,
                format!("`{id}` is withdrawn without a reason"),
            );
            context.say(draft.help(format!("add `because`, one of {all}")));
        }
        (Standing::Withdrawn, Some(reason)) if !MAY_BE_WITHDRAWN.contains(&reason) => {
            let draft = Draft::error(
                RULE.code,
                &because,
                format!("`{reason}` is no reason to withdraw a claim"),
            );
            context.say(match suggest::closest(reason, MAY_BE_WITHDRAWN) {
                Some(near) => draft.help(format!(
                    "did you mean `{near}`? A claim that merely fails stays, and is refuted"
                )),
                None => draft.help(format!(
                    "a claim that merely fails stays, and is refuted; reasons are {all}"
                )),
            });
        }
        _ => {}
    }
}

fn attested(context: &mut Context<'_>, id: &str, claim: &Attested) {
    if claim.until <= claim.on {
        let at = path(&["claims", id, "until"]);
        let draft = Draft::error(
            RULE.code,
            &at,
            format!("counts until {}, not after {}", claim.until, claim.on),
        );
        context.say(
            draft
                .also(&path(&["claims", id, "on"]), "stated on this day")
                .help("give the last day on which it counts"),
        );
    }
    if super::people::is_placeholder(&claim.attested) {
        let at = path(&["claims", id, "attested"]);
        context.say(
            Draft::error(RULE.code, &at, "a placeholder states nothing")
                .help("say what the person states"),
        );
    }
}
