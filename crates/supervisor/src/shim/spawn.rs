//! Executing a program in a child without doubling this process first: the child borrows our memory until it is
//! something else, and we wait for that long.

use std::ffi::{CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::ptr;

use libc::{
    POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK, c_char, c_short, posix_spawn_file_actions_t,
    posix_spawnattr_t, sigset_t,
};

/// The flag of `<spawn.h>` for a session of its own.
const SETSID: i32 = 0x80;

/// As [`Command::spawn`], in a session of its own, with every signal open; of `command` only the program (a path), the
/// arguments, the variables that it sets and the folder are heeded. The child's number.
#[expect(unsafe_code, reason = "posix_spawn has no safe form with a session")]
pub(super) fn spawn(command: &Command) -> io::Result<u32> {
    let program = c_string(command.get_program())?;
    let arguments = std::iter::once(command.get_program()).chain(command.get_args());
    let arguments = Strings::collect(arguments.map(c_string))?;
    let variables = command.get_envs().filter_map(|(name, value)| {
        let pair = [name.as_bytes(), value?.as_bytes()].join(&b'=');
        Some(CString::new(pair).map_err(io::Error::from))
    });
    let variables = Strings::collect(variables)?;
    let folder = command
        .get_current_dir()
        .map(|dir| c_string(dir.as_os_str()));
    let folder = folder.transpose()?;
    let flags = SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    let flags = c_short::try_from(flags).map_err(io::Error::other)?;
    let mut attributes = MaybeUninit::<posix_spawnattr_t>::uninit();
    let mut actions = MaybeUninit::<posix_spawn_file_actions_t>::uninit();
    let mut pid = 0;
    // SAFETY: both objects are initialised before anything else is done with them and destroyed once; every pointer
    // is to memory that lives through the call, the strings end with a zero and the lists of them with a null.
    let failed = unsafe {
        libc::posix_spawnattr_init(attributes.as_mut_ptr());
        libc::posix_spawn_file_actions_init(actions.as_mut_ptr());
        libc::posix_spawnattr_setflags(attributes.as_mut_ptr(), flags);
        let mut set = MaybeUninit::<sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::posix_spawnattr_setsigmask(attributes.as_mut_ptr(), set.as_ptr());
        // Which we ignore, as every Rust program does, and others do not expect.
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        libc::posix_spawnattr_setsigdefault(attributes.as_mut_ptr(), set.as_ptr());
        let mut failed = 0;
        if let Some(folder) = &folder {
            failed =
                libc::posix_spawn_file_actions_addchdir_np(actions.as_mut_ptr(), folder.as_ptr());
        }
        if failed == 0 {
            failed = libc::posix_spawn(
                &raw mut pid,
                program.as_ptr(),
                actions.as_ptr(),
                attributes.as_ptr(),
                arguments.pointers.as_ptr(),
                variables.pointers.as_ptr(),
            );
        }
        libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
        libc::posix_spawnattr_destroy(attributes.as_mut_ptr());
        failed
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    u32::try_from(pid).map_err(io::Error::other)
}

/// Strings as C passes them: a list of pointers with a null at its end.
struct Strings {
    pointers: Vec<*mut c_char>,
    /// What the pointers are to.
    _owned: Vec<CString>,
}

impl Strings {
    fn collect(strings: impl Iterator<Item = io::Result<CString>>) -> io::Result<Self> {
        let owned: Vec<CString> = strings.collect::<io::Result<_>>()?;
        // Nobody writes through them: that they are mutable is the age of the interface.
        let pointers = owned.iter().map(|string| string.as_ptr().cast_mut());
        Ok(Self {
            pointers: pointers.chain([ptr::null_mut()]).collect(),
            _owned: owned,
        })
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use rustix::process::{WaitOptions, getpgid, getsid, waitpid};

    use super::*;

    fn code(command: &Command) -> i32 {
        let pid = plimsoll_stdx::process::raw(spawn(command).unwrap()).unwrap();
        let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
        status.exit_status().unwrap()
    }

    #[test]
    fn arguments_variables_and_the_folder_arrive_and_nothing_else_does() {
        let script =
            r#"test "$1" = "a b" && test "$WORD" = "x=y" && test "$(pwd)" = / && test -z "$HOME""#;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh", "a b"]).current_dir("/");
        command
            .env_clear()
            .env("WORD", "x=y")
            .env("PATH", "/bin:/usr/bin");
        assert_eq!(code(&command), 0);
    }

    #[test]
    fn the_child_leads_a_session_of_its_own() {
        let pid = plimsoll_stdx::process::raw(spawn(&Command::new("/bin/true")).unwrap()).unwrap();
        // Until it is waited for, even a process that has ended belongs to its session. `/proc` may be another
        // namespace's and count processes otherwise.
        let session = getsid(Some(pid));
        let group = getpgid(Some(pid));
        waitpid(Some(pid), WaitOptions::empty()).unwrap();
        assert_eq!((session, group), (Ok(pid), Ok(pid)));
    }

    #[test]
    fn a_program_or_folder_that_is_not_there_is_an_error_and_no_child() {
        let missing = Command::new("/nowhere/program");
        assert_eq!(spawn(&missing).unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut misplaced = Command::new("/bin/true");
        misplaced.current_dir("/nowhere");
        assert_eq!(
            spawn(&misplaced).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        let broken = Command::new("/bin/tr\0ue");
        assert!(spawn(&broken).is_err());
    }
}
