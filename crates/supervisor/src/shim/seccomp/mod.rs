//! Which system calls a contained program may make: an allow-list, our own.
//!
//! Whatever is not on it fails with EPERM, which programs expect of a forbidden thing. `clone3` fails with ENOSYS,
//! since its flags lie where a filter cannot look; C libraries then use `clone`, whose flags it sees. Numbers beyond
//! our list fail with ENOSYS too: a C library that is newer than we are then takes the older way.

mod list;
pub(crate) mod profile;
mod program;
#[cfg(test)]
mod tests;

use seccompiler::BpfProgram;

use program::{Question, allow, argument, fail, of_this_machine, when, when_one_of};

/// Every flag of `clone` that makes a namespace.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();
/// The first number that no kernel had when the list was made (6.18), and how many after it are told apart from what
/// is forbidden: ten years of new calls at the present rate.
const NEXT: usize = 470;
const AFTER: usize = 60;
/// Execution domains that change nothing of the protection: Linux, with and without an old name, and the question.
const PERSONALITIES: [u32; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// Typing into the terminal of somebody else, and pasting into a console.
const TYPING: [u32; 2] = [lower(libc::TIOCSTI), lower(libc::TIOCLINUX)];
/// Unix, IPv4 and IPv6. Of netlink there is the part by which C libraries list interfaces.
const FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Forbidden,
    /// As if this kernel did not have it.
    Absent,
    Allowed,
    /// Its arguments decide.
    Clone,
    Ioctl,
    Socket,
    SocketPair,
    Personality,
}

/// Puts this process, and everything that it starts, under the filter for good. No new privileges must have been given
/// up before.
pub(crate) fn apply() -> Result<(), String> {
    seccompiler::apply_filter(&filter()?)
        .map_err(|error| format!("cannot filter system calls: {error}"))
}

fn filter() -> Result<BpfProgram, String> {
    let verdicts = verdicts();
    // The first of each run of numbers that have the same verdict. What comes after the last is forbidden.
    let mut runs = vec![(0, verdicts[0])];
    let pairs = verdicts.windows(2).zip(1..);
    runs.extend(
        pairs
            .filter(|(pair, _)| pair[0] != pair[1])
            .map(|(pair, number)| (number, pair[1])),
    );
    Ok(of_this_machine(decide(&runs)?))
}

/// Of every number up to the first that is forbidden with all that follow it.
fn verdicts() -> [Verdict; NEXT + AFTER + 1] {
    let mut verdicts = [Verdict::Forbidden; NEXT + AFTER + 1];
    verdicts[NEXT..NEXT + AFTER].fill(Verdict::Absent);
    let special = [
        (libc::SYS_clone3, Verdict::Absent),
        (libc::SYS_clone, Verdict::Clone),
        (libc::SYS_ioctl, Verdict::Ioctl),
        (libc::SYS_socket, Verdict::Socket),
        (libc::SYS_socketpair, Verdict::SocketPair),
        (libc::SYS_personality, Verdict::Personality),
    ];
    let plain = list::plain().map(|number| (number, Verdict::Allowed));
    for (number, verdict) in plain.chain(special) {
        // One that lies beyond would be forbidden; a test holds that none does.
        let place = usize::try_from(number).ok();
        if let Some(place) = place.and_then(|place| verdicts.get_mut(place)) {
            *place = verdict;
        }
    }
    verdicts
}

/// Halves the runs until one is left.
fn decide(runs: &[(u32, Verdict)]) -> Result<BpfProgram, String> {
    match runs {
        [] => Ok(fail(libc::EPERM)),
        [(_, verdict)] => leaf(*verdict),
        _ => {
            let (lower, upper) = runs.split_at(runs.len() / 2);
            let from = Question::IsAtLeast(upper[0].0);
            when(from, decide(upper)?, decide(lower)?)
        }
    }
}

fn leaf(verdict: Verdict) -> Result<BpfProgram, String> {
    let refuse = || fail(libc::EPERM);
    Ok(match verdict {
        Verdict::Forbidden => refuse(),
        Verdict::Absent => fail(libc::ENOSYS),
        Verdict::Allowed => allow(),
        Verdict::Clone => argument(0, when(Question::HasAnyOf(NAMESPACES), refuse(), allow())?),
        Verdict::Ioctl => argument(1, when_one_of(&TYPING, &refuse(), allow())?),
        Verdict::Socket => {
            let route = when(Question::Is(kind(libc::NETLINK_ROUTE)), allow(), refuse())?;
            let netlink = Question::Is(kind(libc::AF_NETLINK));
            let others = when(netlink, argument(2, route), refuse())?;
            argument(0, when_one_of(&FAMILIES.map(kind), &allow(), others)?)
        }
        Verdict::SocketPair => {
            let unix = Question::Is(kind(libc::AF_UNIX));
            argument(0, when(unix, allow(), refuse())?)
        }
        Verdict::Personality => argument(0, when_one_of(&PERSONALITIES, &allow(), refuse())?),
    })
}

fn kind(number: i32) -> u32 {
    number.unsigned_abs()
}

const fn lower(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}
