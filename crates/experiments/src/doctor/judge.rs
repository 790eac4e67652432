//! What two observations of one attack say about the control that it tests. Pure.

use serde::{Deserialize, Serialize};

use crate::attack::{Answer, Outcome};

/// What an attack says about its control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// The attack works outside and is refused inside.
    Held,
    /// The attack works inside, where it must not; or what must work inside does not.
    Broken,
    /// The attack shows nothing on this machine.
    Inapplicable,
}

/// What was observed of one attack.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// As a plain process of the doctor's own user: the negative control.
    pub uncontained: &'a Answer,
    /// As a replica.
    pub contained: &'a Answer,
    /// As a replica that asks for no more than it may have, where the attack has such a form.
    pub within: Option<&'a Answer>,
    /// Whether the replica beside it went on unharmed.
    pub neighbour_unharmed: bool,
    /// Whether the class in force promises the control at all; if not, why.
    pub promised: Result<(), &'a str>,
}

impl Judgement {
    /// The judgement, and its reason where the observations alone do not give it.
    ///
    /// Inside counts first: a success there is never excused by a failure outside.
    pub fn of(observed: &Observed<'_>) -> (Self, Option<String>) {
        if observed.contained.outcome == Outcome::Succeeded {
            return match observed.promised {
                Ok(()) => (Self::Broken, None),
                Err(reason) => (Self::Inapplicable, Some(format!("not promised: {reason}"))),
            };
        }
        if !observed.neighbour_unharmed {
            let reason = "the replica beside it did not survive";
            return (Self::Broken, Some(reason.to_owned()));
        }
        if let Some(within) = observed.within
            && within.outcome != Outcome::Succeeded
        {
            let reason = format!("what is allowed fails too: {}", within.detail);
            return (Self::Broken, Some(reason));
        }
        match observed.uncontained.outcome {
            Outcome::Succeeded => (Self::Held, None),
            Outcome::Refused | Outcome::Unsupported => {
                let reason = format!(
                    "this machine refuses it already: {}",
                    observed.uncontained.detail
                );
                (Self::Inapplicable, Some(reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcome: Outcome) -> Answer {
        Answer {
            attack: "it".into(),
            outcome,
            detail: "EPERM at it".into(),
        }
    }

    fn judged(outside: Outcome, inside: Outcome, change: impl Fn(&mut Observed<'_>)) -> Judgement {
        let (outside, inside) = (answer(outside), answer(inside));
        let mut observed = Observed {
            uncontained: &outside,
            contained: &inside,
            within: None,
            neighbour_unharmed: true,
            promised: Ok(()),
        };
        change(&mut observed);
        Judgement::of(&observed).0
    }

    #[test]
    fn a_control_holds_only_where_the_attack_was_seen_to_work() {
        use Judgement::{Broken, Held, Inapplicable};
        use Outcome::{Refused, Succeeded, Unsupported};
        for (outside, inside, judgement) in [
            (Succeeded, Refused, Held),
            (Succeeded, Unsupported, Held),
            (Succeeded, Succeeded, Broken),
            (Refused, Refused, Inapplicable),
            (Refused, Unsupported, Inapplicable),
            (Unsupported, Refused, Inapplicable),
            (Unsupported, Unsupported, Inapplicable),
            // Whatever the reason outside, inside it worked.
            (Refused, Succeeded, Broken),
            (Unsupported, Succeeded, Broken),
        ] {
            assert_eq!(
                judged(outside, inside, |_| ()),
                judgement,
                "{outside:?} {inside:?}"
            );
        }
    }

    #[test]
    fn a_success_inside_is_excused_only_where_the_class_never_promised_the_control() {
        use Outcome::{Refused, Succeeded};
        let unpromised = |observed: &mut Observed<'_>| observed.promised = Err("no cgroup");
        assert_eq!(
            judged(Succeeded, Succeeded, unpromised),
            Judgement::Inapplicable
        );
        assert_eq!(judged(Succeeded, Refused, unpromised), Judgement::Held);
    }

    #[test]
    fn a_limit_that_lets_nothing_through_or_harms_the_neighbour_is_broken() {
        use Outcome::{Refused, Succeeded};
        let (lives, dies) = (answer(Succeeded), answer(Refused));
        for (within, unharmed, judgement) in [
            (&lives, true, Judgement::Held),
            (&dies, true, Judgement::Broken),
            (&lives, false, Judgement::Broken),
        ] {
            let (outside, inside) = (answer(Succeeded), answer(Refused));
            let observed = Observed {
                uncontained: &outside,
                contained: &inside,
                within: Some(within),
                neighbour_unharmed: unharmed,
                promised: Ok(()),
            };
            assert_eq!(Judgement::of(&observed).0, judgement);
        }
    }

    #[test]
    fn what_is_inapplicable_says_what_the_machine_answered() {
        let refused = answer(Outcome::Refused);
        let observed = Observed {
            uncontained: &refused,
            contained: &refused,
            within: None,
            neighbour_unharmed: true,
            promised: Ok(()),
        };
        let (_, reason) = Judgement::of(&observed);
        assert!(reason.unwrap().contains("EPERM at it"));
    }
}
