//! A filter of system calls as the kernel runs it: a tree of questions over the call's number, and at some of its
//! leaves over the arguments.
//!
//! Why by hand: the kernel runs a new filter once for every call that it has, to learn which ones are always allowed.
//! A list is walked to the middle each time, and costs a contained start more than its mounts; a tree is eight steps
//! deep.

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS,
};
use seccompiler::{BpfProgram, sock_filter};

/// `AUDIT_ARCH_X86_64` or `AUDIT_ARCH_AARCH64`: calls made as another machine have other numbers.
const MACHINE: u32 = if cfg!(target_arch = "x86_64") {
    0xc000_003e
} else {
    0xc000_00b7
};
/// Where `struct seccomp_data` has the call's number, the machine, and the first of the six arguments.
const NUMBER_AT: u32 = 0;
const MACHINE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

/// What is asked of the value that was loaded last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Is(u32),
    IsAtLeast(u32),
    HasAnyOf(u32),
}

/// A whole program: of a call made as another machine the process dies, all others are for `calls` to decide.
pub(super) fn of_this_machine(calls: BpfProgram) -> BpfProgram {
    let mut program = vec![
        load(MACHINE_AT),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, (1, 0), MACHINE),
        instruction(BPF_RET | BPF_K, (0, 0), SECCOMP_RET_KILL_PROCESS),
        load(NUMBER_AT),
    ];
    program.extend(calls);
    program
}

/// The call is made.
pub(super) fn allow() -> BpfProgram {
    vec![instruction(BPF_RET | BPF_K, (0, 0), SECCOMP_RET_ALLOW)]
}

/// The call is not made, and fails with this number.
pub(super) fn fail(errno: i32) -> BpfProgram {
    let answer = SECCOMP_RET_ERRNO | errno.unsigned_abs();
    vec![instruction(BPF_RET | BPF_K, (0, 0), answer)]
}

/// Questions are about this argument from here on: its lower 32 bits, which are all that the kernel looks at where we
/// ask.
pub(super) fn argument(number: u32, rest: BpfProgram) -> BpfProgram {
    let mut program = vec![load(ARGUMENTS_AT + 8 * number)];
    program.extend(rest);
    program
}

/// One of two ways to go on. Fails where the first is longer than a jump.
pub(super) fn when(
    question: Question,
    then: BpfProgram,
    otherwise: BpfProgram,
) -> Result<BpfProgram, String> {
    let over = u8::try_from(then.len())
        .map_err(|_| "the filter of system calls is too long for its jumps".to_owned())?;
    let (operator, value) = match question {
        Question::Is(value) => (BPF_JEQ, value),
        Question::IsAtLeast(value) => (BPF_JGE, value),
        Question::HasAnyOf(value) => (BPF_JSET, value),
    };
    let mut program = vec![instruction(BPF_JMP | operator | BPF_K, (0, over), value)];
    program.extend(then);
    program.extend(otherwise);
    Ok(program)
}

/// `then` for each of these values, `otherwise` for every other.
pub(super) fn when_one_of(
    values: &[u32],
    then: &BpfProgram,
    otherwise: BpfProgram,
) -> Result<BpfProgram, String> {
    let mut rest = values.iter().rev();
    rest.try_fold(otherwise, |otherwise, &value| {
        when(Question::Is(value), then.clone(), otherwise)
    })
}

fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, (0, 0), offset)
}

fn instruction(code: u32, (jt, jf): (u8, u8), k: u32) -> sock_filter {
    sock_filter {
        // Every operation is a sum of bits below 256.
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    }
}
