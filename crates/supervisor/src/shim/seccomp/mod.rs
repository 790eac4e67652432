//! Which system calls a contained program may make: an allow-list, our own.
//!
//! Whatever is not on it fails with EPERM, which programs expect of a forbidden thing. `clone3` fails with ENOSYS,
//! since its flags lie where a filter cannot look; C libraries then use `clone`, whose flags it sees. Numbers beyond
//! our list fail with ENOSYS too: a C library that is newer than we are then takes the older way.

mod list;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Every flag of `clone` that makes a namespace.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32 as u64;
/// The first number that no kernel had when the list was made (6.18), and how many after it are told apart from what
/// is forbidden: ten years of new calls at the present rate.
const NEXT: i64 = 470;
const AFTER: i64 = 60;
/// Execution domains that change nothing of the protection: Linux, with and without an old name, and the question.
const PERSONALITIES: &[u64] = &[0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// Puts this process, and everything that it starts, under the filter for good. No new privileges must have been given
/// up before.
pub(crate) fn apply() -> Result<(), String> {
    // Both are in force; the stricter answer counts, and of two errors that of the newer.
    for program in [allowed()?, absent()?] {
        seccompiler::apply_filter(&program)
            .map_err(|error| format!("cannot filter system calls: {error}"))?;
    }
    Ok(())
}

/// The calls that are as if this kernel did not have them.
fn absent() -> Result<BpfProgram, String> {
    let rules = (NEXT..NEXT + AFTER)
        .chain([libc::SYS_clone3])
        .map(|number| (number, Vec::new()))
        .collect();
    let enosys = SeccompAction::Errno(u32::try_from(libc::ENOSYS).unwrap_or(0));
    compile(rules, SeccompAction::Allow, enosys)
}

fn allowed() -> Result<BpfProgram, String> {
    let mut rules: Rules = list::plain().map(|number| (number, Vec::new())).collect();
    // Decided by the other filter, whose error must be the one that is seen.
    rules.extend((NEXT..NEXT + AFTER).map(|number| (number, Vec::new())));
    rules.insert(libc::SYS_clone3, Vec::new());
    rules.insert(
        libc::SYS_clone,
        vec![rule(&[(0, SeccompCmpOp::MaskedEq(NAMESPACES), 0)])?],
    );
    // Typing into the terminal of somebody else, and pasting into a console.
    rules.insert(
        libc::SYS_ioctl,
        vec![rule(&[
            (1, SeccompCmpOp::Ne, libc::TIOCSTI),
            (1, SeccompCmpOp::Ne, libc::TIOCLINUX),
        ])?],
    );
    rules.insert(libc::SYS_socket, families()?);
    rules.insert(
        libc::SYS_socketpair,
        vec![rule(&[(0, SeccompCmpOp::Eq, family(libc::AF_UNIX))])?],
    );
    let personality = |&domain: &u64| rule(&[(0, SeccompCmpOp::Eq, domain)]);
    rules.insert(
        libc::SYS_personality,
        PERSONALITIES
            .iter()
            .map(personality)
            .collect::<Result<_, _>>()?,
    );
    let eperm = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(0));
    compile(rules, eperm, SeccompAction::Allow)
}

/// Unix, IPv4, IPv6, and of netlink the part by which C libraries list interfaces.
fn families() -> Result<Vec<SeccompRule>, String> {
    let mut rules = Vec::new();
    for kind in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6] {
        rules.push(rule(&[(0, SeccompCmpOp::Eq, family(kind))])?);
    }
    rules.push(rule(&[
        (0, SeccompCmpOp::Eq, family(libc::AF_NETLINK)),
        (2, SeccompCmpOp::Eq, family(libc::NETLINK_ROUTE)),
    ])?);
    Ok(rules)
}

fn family(number: i32) -> u64 {
    u64::from(number.unsigned_abs())
}

/// Every condition on the arguments must hold. The kernel looks at their lower 32 bits only, and so does this.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, String> {
    let conditions = conditions.iter().map(|(argument, operator, value)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
    });
    let conditions = conditions.collect::<Result<_, _>>().map_err(broken)?;
    SeccompRule::new(conditions).map_err(broken)
}

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, String> {
    let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(broken)?;
    let filter = SeccompFilter::new(rules, otherwise, matching, machine).map_err(broken)?;
    BpfProgram::try_from(filter).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> String {
    format!("cannot make the filter of system calls: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_filters_are_made_and_fit_the_kernels_bound() {
        for program in [allowed().unwrap(), absent().unwrap()] {
            assert!(
                !program.is_empty() && program.len() <= 4096,
                "{}",
                program.len()
            );
        }
    }

    #[test]
    fn what_leads_out_is_not_on_the_list() {
        let list: Vec<i64> = list::plain().collect();
        for forbidden in [
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_move_mount,
            libc::SYS_open_tree,
            libc::SYS_fsopen,
            libc::SYS_mount_setattr,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_getfd,
            libc::SYS_kcmp,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_kexec_load,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
            libc::SYS_reboot,
            libc::SYS_syslog,
            libc::SYS_open_by_handle_at,
            libc::SYS_swapon,
            libc::SYS_settimeofday,
            libc::SYS_clock_settime,
            libc::SYS_quotactl,
            libc::SYS_fanotify_init,
            libc::SYS_acct,
        ] {
            assert!(!list.contains(&forbidden), "{forbidden}");
        }
    }
}
