//! System calls that an attack on a containment makes, and that have no safe form elsewhere.
//!
//! Each asks for something real for the calling process alone, so that an attack that succeeds shows it; those that
//! could change the machine are given arguments that the kernel refuses after it has looked at the permission. Nothing
//! but attacks uses them.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Length of the kernel's structures of arguments: longer than any version of them that we fill in.
const WORDS: usize = 32;

/// A structure of arguments that is zero but for what is asked for.
type Attributes = [u32; WORDS];

/// As wide as a register: the C function takes any number of arguments, of any width.
const ZERO: libc::c_long = 0;

/// A new user namespace for this process.
#[expect(
    unsafe_code,
    reason = "rustix marks unshare unsafe for the sake of CLONE_FILES"
)]
pub fn unshare_user() -> io::Result<()> {
    // SAFETY: the table of file descriptors is not unshared, which is what the function is unsafe for.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?)
}

/// A new mount namespace for this process.
#[expect(
    unsafe_code,
    reason = "rustix marks unshare unsafe for the sake of CLONE_FILES"
)]
pub fn unshare_mounts() -> io::Result<()> {
    // SAFETY: the table of file descriptors is not unshared, which is what the function is unsafe for.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?)
}

/// A new anonymous session keyring for this process.
#[expect(unsafe_code, reason = "keyctl has no safe form")]
pub fn join_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: the call takes a number and a null pointer, which stands for "without a name"; it touches no memory.
    let serial = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, ZERO) };
    done(serial)
}

/// A map of one entry in the kernel, gone with its descriptor.
#[expect(unsafe_code, reason = "bpf has no safe form")]
pub fn bpf_map() -> io::Result<OwnedFd> {
    const MAP_CREATE: libc::c_long = 0;
    let mut attributes: Attributes = [0; WORDS];
    // An array of one entry: kind, length of a key, length of a value, entries.
    attributes[..4].copy_from_slice(&[2, 4, 4, 1]);
    // SAFETY: `attributes` lives through the call and is as long as the length that is given, of which the kernel reads
    // what it knows and wants the rest to be zero, as it is.
    let raw = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            MAP_CREATE,
            attributes.as_ptr(),
            size_of::<Attributes>(),
        )
    };
    descriptor(raw)
}

/// A counter of this process's own CPU time, without the kernel's share.
#[expect(unsafe_code, reason = "perf_event_open has no safe form")]
pub fn perf_counter() -> io::Result<OwnedFd> {
    const ANY: libc::c_long = -1;
    const CLOSE_ON_EXEC: libc::c_long = 8;
    let mut attributes: Attributes = [0; WORDS];
    attributes[0] = 1; // counted by software
    attributes[1] = 64; // length of the structure's first version
    attributes[10] = 0x61; // disabled, neither kernel nor hypervisor
    // SAFETY: `attributes` lives through the call and is longer than the length that stands in it; the kernel reads no
    // more than that.
    let raw = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attributes.as_ptr(),
            ZERO,
            ANY,
            ANY,
            CLOSE_ON_EXEC,
        )
    };
    descriptor(raw)
}

/// A descriptor that handles this process's own page faults.
#[expect(unsafe_code, reason = "userfaultfd has no safe form")]
pub fn user_faults() -> io::Result<OwnedFd> {
    const USER_MODE_ONLY: libc::c_int = 1;
    let flags = libc::c_long::from(libc::O_CLOEXEC | USER_MODE_ONLY);
    // SAFETY: the call takes flags and touches no memory.
    let raw = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
    descriptor(raw)
}

/// A ring of one entry.
#[expect(unsafe_code, reason = "io_uring_setup has no safe form")]
pub fn ring() -> io::Result<OwnedFd> {
    const ENTRIES: libc::c_long = 1;
    let mut parameters: Attributes = [0; WORDS];
    // SAFETY: `parameters` is writable, lives through the call, and at 128 bytes is longer than the 120 that the kernel
    // reads and fills in.
    let raw = unsafe { libc::syscall(libc::SYS_io_uring_setup, ENTRIES, parameters.as_mut_ptr()) };
    descriptor(raw)
}

/// Becomes the tracer of another process without stopping it; the kernel lets go when this process ends.
#[expect(unsafe_code, reason = "ptrace has no safe form")]
pub fn trace(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: seizing takes a number and no address or options; it touches no memory of this process.
    let result = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, ZERO, ZERO) };
    done(result)
}

/// Whether this process may replace the kernel. Asked with flags and a count that no kernel takes: `EINVAL` comes after
/// the permission was found to be there, and nothing is loaded.
#[expect(unsafe_code, reason = "kexec_load has no safe form")]
pub fn kexec() -> io::Result<()> {
    const TOO_MANY: libc::c_ulong = 17;
    const UNKNOWN: libc::c_ulong = 0x8000;
    // SAFETY: the kernel refuses the flags and the count before it would read the segments, which are a null pointer.
    let result = unsafe { libc::syscall(libc::SYS_kexec_load, ZERO, TOO_MANY, ZERO, UNKNOWN) };
    done(result)
}

/// Whether this process may load code into the kernel. Asked with an empty module: `ENOEXEC` comes after the permission
/// was found to be there.
#[expect(unsafe_code, reason = "init_module has no safe form")]
pub fn load_module() -> io::Result<()> {
    // SAFETY: of a module of length 0 the kernel reads nothing; its parameters are an empty string that lives for ever.
    let result = unsafe { libc::syscall(libc::SYS_init_module, ZERO, ZERO, c"".as_ptr()) };
    done(result)
}

/// A child that waits to be killed, and dies with its parent. Only for a process of one thread.
#[expect(unsafe_code, reason = "fork has no safe form")]
pub fn fork_waiting() -> io::Result<u32> {
    // SAFETY: the child calls three functions that may be called after a fork whatever other threads held, and never
    // returns: prctl with numbers, pause, and _exit.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::c_long::from(libc::SIGKILL));
            libc::pause();
            libc::_exit(0);
        }
        pid
    };
    u32::try_from(pid).map_err(|_| io::Error::last_os_error())
}

fn done(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[expect(unsafe_code, reason = "a number becomes a descriptor")]
fn descriptor(raw: libc::c_long) -> io::Result<OwnedFd> {
    done(raw)?;
    let raw = i32::try_from(raw).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: a call that makes a descriptor has just returned it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}
