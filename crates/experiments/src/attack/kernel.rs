//! Attacks by system calls that an ordinary program never makes.

use std::io;

use plimsoll_supervisor::attack_calls;

use super::answer::{Tried, at};
use super::targets::Targets;

/// What a kernel answers when it found the permission there and the arguments wrong, as they are on purpose.
const EINVAL: i32 = 22;
const ENOEXEC: i32 = 8;

pub(super) fn unshare_user(_: &Targets) -> Tried {
    attack_calls::unshare_user().map_err(at("unshare(CLONE_NEWUSER)"))?;
    Ok("got a user namespace".to_owned())
}

pub(super) fn unshare_mounts(_: &Targets) -> Tried {
    attack_calls::unshare_mounts().map_err(at("unshare(CLONE_NEWNS)"))?;
    Ok("got a mount namespace".to_owned())
}

pub(super) fn keyring(_: &Targets) -> Tried {
    attack_calls::join_session_keyring().map_err(at("keyctl"))?;
    Ok("got a keyring".to_owned())
}

pub(super) fn bpf(_: &Targets) -> Tried {
    attack_calls::bpf_map().map_err(at("bpf(MAP_CREATE)"))?;
    Ok("made a map".to_owned())
}

pub(super) fn perf(_: &Targets) -> Tried {
    attack_calls::perf_counter().map_err(at("perf_event_open"))?;
    Ok("got a counter".to_owned())
}

pub(super) fn page_faults(_: &Targets) -> Tried {
    attack_calls::user_faults().map_err(at("userfaultfd"))?;
    Ok("handles page faults".to_owned())
}

pub(super) fn ring(_: &Targets) -> Tried {
    attack_calls::ring().map_err(at("io_uring_setup"))?;
    Ok("got a ring".to_owned())
}

pub(super) fn replace_kernel(_: &Targets) -> Tried {
    permitted(attack_calls::kexec(), EINVAL, "kexec_load")
}

pub(super) fn load_module(_: &Targets) -> Tried {
    permitted(attack_calls::load_module(), ENOEXEC, "init_module")
}

fn permitted(answer: io::Result<()>, beyond: i32, call: &str) -> Tried {
    match answer {
        Err(error) if error.raw_os_error() != Some(beyond) => Err(at(call)(error)),
        Ok(()) | Err(_) => Ok("may do so".to_owned()),
    }
}
