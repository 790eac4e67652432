//! A kernel group (cgroup v2) for a program and everything that descends from it: what no process can leave, however
//! it forks, so that what a killed shim leaves behind is always found.
//!
//! For finding only. Limits of memory, CPU and processes come with the contained runner; here none is claimed. Where
//! there is no cgroup v2 that we may write (without root), the marks of [`crate::runner`] have to do.

use std::path::PathBuf;

use plimsoll_stdx::process::ProcessId;

/// Where the group of the start with this token is, on a machine that has groups and lets us make them.
fn dir(token: &str) -> Option<PathBuf> {
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || !rustix::process::geteuid().is_root() {
        return None;
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find_map(mount_point)?;
    Some(mount.join(format!("plimsoll-{token}")))
}

/// The mount point, if this line of mountinfo is a cgroup v2: field 5, and the type after the separator.
fn mount_point(line: &str) -> Option<PathBuf> {
    let (before, after) = line.split_once(" - ")?;
    if after.split(' ').next()? != "cgroup2" {
        return None;
    }
    before.split(' ').nth(4).map(PathBuf::from)
}

/// Moves this process into a new group. Whether it could.
pub(crate) fn enter(token: &str) -> bool {
    let Some(dir) = dir(token) else {
        return false;
    };
    std::fs::create_dir(&dir).is_ok()
        && std::fs::OpenOptions::new()
            .write(true)
            .open(dir.join("cgroup.procs"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"0"))
            .is_ok()
}

/// The processes of the group.
pub(crate) fn members(token: &str) -> Vec<ProcessId> {
    let procs = dir(token).map(|dir| dir.join("cgroup.procs"));
    let text = procs.and_then(|path| std::fs::read_to_string(path).ok());
    let pids = text.unwrap_or_default();
    pids.lines()
        .filter_map(|pid| ProcessId::of(pid.parse().ok()?).ok())
        .collect()
}

/// Removes the empty group.
pub(crate) fn remove(token: &str) {
    if let Some(dir) = dir(token) {
        // One that was never made, or is not empty because a process hangs in the kernel, stays as it is.
        let _ = std::fs::remove_dir(dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cgroup_of_the_second_version_is_taken() {
        let unified = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        let first = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu";
        assert_eq!(mount_point(unified), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mount_point(first), None);
        assert_eq!(mount_point(""), None);
        assert_eq!(dir("../x"), None);
        assert_eq!(dir(""), None);
    }
}
