//! System calls that rustix has no safe form of. With `spawn` and the attacks' own, all `unsafe` of this crate.

use std::ffi::CString;
use std::io;
use std::mem::{MaybeUninit, size_of, size_of_val};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::mount::MountFlags;
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Signals as something that can be polled.
#[derive(Debug)]
pub(crate) struct Signals(OwnedFd);

impl Signals {
    /// Blocks `signals` in this thread and collects them. Children inherit the block: see [`unblock_signals`].
    #[expect(unsafe_code, reason = "sigprocmask and signalfd have no safe form")]
    pub(crate) fn collect(signals: &[i32]) -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `set` is writable memory of the right type, and sigemptyset initialises all of it before anything
        // reads it; sigaddset refuses numbers that are no signals. Nothing is kept by the kernel but the set's value.
        let raw = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for &signal in signals {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: signalfd has just returned this descriptor, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(raw) }))
    }

    /// The signals that have arrived, at most sixteen.
    pub(crate) fn take(&self) -> Vec<i32> {
        const RECORD: usize = size_of::<libc::signalfd_siginfo>();
        let mut buffer = [0_u8; RECORD * 16];
        let read = rustix::io::read(&self.0, &mut buffer).unwrap_or(0);
        // The first field of each record is the number.
        let numbers = buffer[..read]
            .chunks_exact(RECORD)
            .map(|record| i32::from_ne_bytes([record[0], record[1], record[2], record[3]]));
        numbers.collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes back what a parent blocked, so that the program gets the signals that it is sent.
#[expect(unsafe_code, reason = "sigprocmask has no safe form")]
pub(crate) fn unblock_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is writable memory of the right type, and sigemptyset initialises all of it before it is read.
    let done = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut())
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A child that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reaped {
    pub(crate) pid: u32,
    /// Its exit code, or the signal that killed it.
    pub(crate) end: Result<i32, i32>,
    /// With that of the children that it has waited for.
    pub(crate) max_rss_bytes: u64,
    /// With that of the children that it has waited for.
    pub(crate) cpu_ms: u64,
}

/// Takes one child that has ended, without waiting.
#[expect(
    unsafe_code,
    reason = "wait4 has no safe form, and only it tells what a child has used"
)]
pub(crate) fn reap() -> Option<Reaped> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to writable memory of the right type that lives through the call.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
    let pid = u32::try_from(pid).ok().filter(|&pid| pid > 0)?;
    // SAFETY: all-zero bytes are a valid rusage, and wait4 has filled it in.
    let usage = unsafe { usage.assume_init() };
    let end = if libc::WIFSIGNALED(status) {
        Err(libc::WTERMSIG(status))
    } else {
        Ok(libc::WEXITSTATUS(status))
    };
    Some(Reaped {
        pid,
        end,
        max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        cpu_ms: milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
    })
}

fn milliseconds(time: libc::timeval) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1000 + u64::try_from(time.tv_usec).unwrap_or(0) / 1000
}

/// New namespaces for this process; of processes, for its children.
#[expect(
    unsafe_code,
    reason = "rustix marks unshare unsafe for the sake of CLONE_FILES"
)]
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    if flags.contains(UnshareFlags::FILES) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the table of file descriptors is not unshared, which is what the function is unsafe for.
    Ok(unsafe { unshare_unsafe(flags) }?)
}

/// Which mounts are meant by a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    One,
    /// With every mount below it.
    All,
}

/// Adds flags to the mount at `path`, of those that say what cannot be done there.
#[expect(unsafe_code, reason = "mount_setattr has no safe form")]
pub(crate) fn restrict_mount(path: &Path, flags: MountFlags, reach: Reach) -> io::Result<()> {
    const RECURSIVE: i32 = 0x8000;
    let path = CString::new(path.as_os_str().as_bytes())?;
    let which = match reach {
        Reach::One => 0,
        Reach::All => RECURSIVE,
    };
    // `struct mount_attr`: what to set, what to clear, propagation, a user namespace. The four flags have the numbers
    // that mount(2) gives them.
    let attributes = [u64::from(flags.bits()), 0, 0, 0];
    // SAFETY: the path ends with a zero, the structure is four numbers of 64 bits and its size is given; the kernel
    // keeps neither.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            which,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Closes every descriptor but the first three and `kept`. For the inside of a [`fork`] only: whoever started the
/// supervisor may have left some open, and a folder that is open is a way out of every root.
#[expect(unsafe_code, reason = "close_range has no safe form")]
pub(crate) fn close_all_but(kept: BorrowedFd<'_>) -> io::Result<()> {
    let kept = u32::try_from(kept.as_raw_fd()).unwrap_or(u32::MAX);
    let ranges = [
        (3, kept.saturating_sub(1)),
        (kept.saturating_add(1), u32::MAX),
    ];
    for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
        // SAFETY: the owners of these descriptors belong to the other half of the fork: `fork` never lets this half
        // return to them, so none of them uses its number again.
        let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Doubles this process. The child does `child` and ends with the code that it returns; its number is returned here.
#[expect(unsafe_code, reason = "fork has no safe form")]
#[expect(
    clippy::exit,
    reason = "the child must not return into what its parent does"
)]
pub(crate) fn fork(child: impl FnOnce() -> u8) -> io::Result<u32> {
    // SAFETY: fork is unsafe where other threads hold locks that the child then never gets. Shims, keepers and what
    // they fork, who alone call this, never start a thread.
    let pid = unsafe { libc::fork() };
    match u32::try_from(pid) {
        Ok(0) => std::process::exit(i32::from(child())),
        Ok(pid) => Ok(pid),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// SIGKILL to every other process of this process namespace. Only for its process 1.
#[expect(unsafe_code, reason = "no safe form takes every process")]
pub(crate) fn kill_all() {
    if std::process::id() == 1 {
        // SAFETY: the call touches no memory, and as process 1 of a namespace it reaches nothing outside it.
        let _ = unsafe { libc::kill(-1, libc::SIGKILL) };
    }
}
