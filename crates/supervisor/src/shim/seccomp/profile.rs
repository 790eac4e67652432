//! The same list as OCI runtimes are told it: calls that are allowed, by name, each with what its arguments must be.
//!
//! What no rule fits fails as if this kernel did not have it. That is for what the runtime's library has no name for
//! yet, so that programs then take the older way; of what is forbidden our own filter, which comes on top, says so.
//! Where a rule has several conditions all must hold, and they are about different arguments: about conditions on the
//! same one the runtimes do not agree.

use serde::Serialize;

use super::{FAMILIES, NAMESPACES, PERSONALITIES, TYPING, kind, list};

/// The lower half of an argument, which is all that the kernel looks at where we ask.
const LOWER: u32 = u32::MAX;

/// What `linux.seccomp` of a runtime's configuration holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    default_action: &'static str,
    default_errno_ret: u32,
    architectures: [&'static str; 1],
    syscalls: Vec<Rule>,
}

/// These calls are allowed when the conditions hold.
#[derive(Debug, Serialize)]
pub(super) struct Rule {
    pub(super) names: Vec<&'static str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) args: Vec<Condition>,
}

impl Rule {
    fn new(names: Vec<&'static str>, args: Vec<Condition>) -> Self {
        Self {
            names,
            action: "SCMP_ACT_ALLOW",
            args,
        }
    }
}

/// That the bits of `value` (the mask) are in this argument as they are in `value_two`.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    pub(super) index: u32,
    pub(super) value: u32,
    pub(super) value_two: u32,
    op: &'static str,
}

impl Condition {
    fn new(index: u32, mask: u32, bits: u32) -> Self {
        Self {
            index,
            value: mask,
            value_two: bits,
            op: "SCMP_CMP_MASKED_EQ",
        }
    }

    fn is(index: u32, value: u32) -> Self {
        Self::new(index, LOWER, value)
    }
}

/// The profile for this machine.
pub(crate) fn profile() -> Profile {
    Profile {
        default_action: "SCMP_ACT_ERRNO",
        default_errno_ret: libc::ENOSYS.unsigned_abs(),
        architectures: [if cfg!(target_arch = "x86_64") {
            "SCMP_ARCH_X86_64"
        } else {
            "SCMP_ARCH_AARCH64"
        }],
        syscalls: rules(),
    }
}

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![
        Rule::new(list::names().collect(), Vec::new()),
        allow("clone", vec![Condition::new(0, NAMESPACES, 0)]),
        allow("socketpair", vec![Condition::is(0, kind(libc::AF_UNIX))]),
        allow(
            "socket",
            vec![
                Condition::is(0, kind(libc::AF_NETLINK)),
                Condition::is(2, kind(libc::NETLINK_ROUTE)),
            ],
        ),
    ];
    let families = FAMILIES.map(|family| allow("socket", vec![Condition::is(0, kind(family))]));
    rules.extend(families);
    let domains = PERSONALITIES.map(|domain| allow("personality", vec![Condition::is(0, domain)]));
    rules.extend(domains);
    let requests = all_but(&TYPING).into_iter();
    rules.extend(requests.map(|(mask, bits)| allow("ioctl", vec![Condition::new(1, mask, bits)])));
    rules
}

fn allow(name: &'static str, args: Vec<Condition>) -> Rule {
    Rule::new(vec![name], args)
}

/// Masks, each with its bits, of which one fits every number but `values`: a number that is none of them leaves their
/// common way at one bit, counted from the top. A rule that forbids some values of an argument and another that allows
/// the call would contradict each other, and what then holds is the library's secret.
fn all_but(values: &[u32]) -> Vec<(u32, u32)> {
    let mut fitting = Vec::new();
    let mut open = vec![(0, 0)];
    for bit in (0..u32::BITS).rev().map(|place| 1 << place) {
        let halves = open
            .into_iter()
            .flat_map(|(mask, bits)| [(mask | bit, bits), (mask | bit, bits | bit)]);
        let (with, without): (Vec<_>, Vec<_>) = halves
            .partition(|&(mask, bits): &(u32, u32)| values.iter().any(|one| one & mask == bits));
        fitting.extend(without);
        open = with;
    }
    fitting
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(patterns: &[(u32, u32)], number: u32) -> bool {
        patterns.iter().any(|(mask, bits)| number & mask == *bits)
    }

    #[test]
    fn what_is_told_is_what_the_specification_names() {
        let text = serde_json::to_value(profile()).unwrap();
        assert_eq!(text["defaultAction"], "SCMP_ACT_ERRNO");
        assert_eq!(text["defaultErrnoRet"], 38);
        let rules = text["syscalls"].as_array().unwrap();
        let of = |name: &str| {
            let names = |rule: &&serde_json::Value| {
                let names = rule["names"].as_array().unwrap();
                names.iter().any(|one| one == name)
            };
            rules.iter().filter(names).cloned().collect::<Vec<_>>()
        };
        assert_eq!(
            of("clone")[0]["args"],
            serde_json::json!([
                {"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
            ])
        );
        assert!(of("clone3").is_empty());
        assert_eq!(of("read")[0]["action"], "SCMP_ACT_ALLOW");
        assert!(of("mount").is_empty() && of("SYS_read").is_empty());
    }

    proptest! {
        #[test]
        fn every_number_fits_but_those_that_are_left_out(
            values in prop::collection::vec(any::<u32>(), 0..4),
            number: u32,
            near in 0_u32..32,
        ) {
            let patterns = all_but(&values);
            prop_assert_eq!(fits(&patterns, number), !values.contains(&number));
            for value in &values {
                prop_assert!(!fits(&patterns, *value));
                let neighbour = value ^ (1 << near);
                prop_assert_eq!(fits(&patterns, neighbour), !values.contains(&neighbour));
            }
        }
    }
}
