//! Finding a program and a user in an unpacked image. Links are followed inside the image only, whatever they say.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, openat, openat2};

/// The `/etc/passwd` of a large distribution has a few kilobytes.
const PASSWD_MAX: u64 = 1 << 20;
/// Who may execute a file.
const EXECUTE: u32 = 0o111;
/// The largest number that the file's own `user` may be: what is above is nobody, or not a user at all.
const LARGEST: u32 = 65_534;

/// The full path of program `name` in the image at `rootfs`: a path as it is (a relative one from `workdir`), a bare
/// name from the first folder of `path` that has it.
pub(super) fn program(rootfs: &Path, name: &str, (path, workdir): (&str, &str)) -> Option<String> {
    let workdir = Path::new("/").join(workdir);
    let candidates: Vec<PathBuf> = if name.is_empty() {
        return None;
    } else if name.contains('/') {
        vec![workdir.join(name)]
    } else {
        path.split(':')
            .map(|folder| workdir.join(folder).join(name))
            .collect()
    };
    let root = openat(CWD, rootfs, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let is_program = |candidate: &PathBuf| {
        let Some(file) = find(&root, candidate, OFlags::PATH) else {
            return false;
        };
        rustix::fs::fstat(&file).is_ok_and(|found| {
            FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
                && found.st_mode & EXECUTE != 0
        })
    };
    let found = candidates.into_iter().find(is_program)?;
    found.into_os_string().into_string().ok()
}

/// The number of the user that the image at `rootfs` wants its programs to be: `uid` or `name`, and what stands behind
/// a colon is its group. `None` where it wants root, which nothing is here, or names nobody.
pub(super) fn user(rootfs: &Path, wanted: &str) -> Option<u32> {
    let name = wanted.split(':').next().unwrap_or_default();
    let number = match name.parse() {
        Ok(number) => number,
        Err(_) => number_of(name, &passwd(rootfs)?)?,
    };
    (1..=LARGEST).contains(&number).then_some(number)
}

fn passwd(rootfs: &Path) -> Option<String> {
    let root = openat(CWD, rootfs, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let file = find(
        &root,
        Path::new("/etc/passwd"),
        OFlags::RDONLY | OFlags::NONBLOCK,
    )?;
    let mut bytes = Vec::new();
    file.take(PASSWD_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `name:password:uid:…`
fn number_of(name: &str, passwd: &str) -> Option<u32> {
    let line = passwd
        .lines()
        .find(|line| !name.is_empty() && line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

fn find(root: impl rustix::fd::AsFd, path: &Path, flags: OFlags) -> Option<File> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
        .ok()
        .map(File::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use plimsoll_stdx::fs::write_atomic_mode;

    use super::*;

    fn image() -> tempfile::TempDir {
        let rootfs = tempfile::tempdir().unwrap();
        let path = |inside: &str| rootfs.path().join(inside);
        for folder in ["usr/bin", "opt/tool/bin", "etc", "app"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        symlink("usr/bin", path("bin")).unwrap();
        write_atomic_mode(&path("usr/bin/busybox"), b"x", 0o755).unwrap();
        symlink("/bin/busybox", path("usr/bin/sh")).unwrap();
        write_atomic_mode(&path("opt/tool/bin/node"), b"x", 0o555).unwrap();
        write_atomic_mode(&path("app/data"), b"x", 0o444).unwrap();
        write_atomic_mode(&path("app/start"), b"x", 0o555).unwrap();
        symlink("/etc/hostname", path("app/outside")).unwrap();
        let passwd = b"root:x:0:0::/:\nnode:x:1000:1000::/home/node:\nodd:x\n";
        write_atomic_mode(&path("etc/passwd"), passwd, 0o444).unwrap();
        rootfs
    }

    #[test]
    fn a_program_is_found_by_path_and_by_name_through_links_of_the_image() {
        let rootfs = image();
        let look = |name| program(rootfs.path(), name, ("/bin:/opt/tool/bin", "/app"));
        assert_eq!(look("/bin/sh").as_deref(), Some("/bin/sh"));
        assert_eq!(look("sh").as_deref(), Some("/bin/sh"));
        assert_eq!(look("node").as_deref(), Some("/opt/tool/bin/node"));
        assert_eq!(look("./start").as_deref(), Some("/app/./start"));
    }

    #[test]
    fn what_is_no_program_of_the_image_is_none_of_this_machine_either() {
        let rootfs = image();
        // This machine has a file where the last link leads.
        for name in [
            "",
            "python3",
            "/app",
            "/app/data",
            "/app/outside",
            "../../bin/env",
        ] {
            assert_eq!(program(rootfs.path(), name, ("/bin", "")), None, "{name}");
        }
        assert_eq!(program(Path::new("/nonexistent"), "sh", ("/bin", "")), None);
    }

    #[test]
    fn a_user_is_a_number_or_a_name_of_the_image_and_never_root() {
        let rootfs = image();
        let look = |wanted| user(rootfs.path(), wanted);
        assert_eq!(look("1001:1001"), Some(1001));
        assert_eq!(look("node"), Some(1000));
        assert_eq!(look("node:staff"), Some(1000));
        for nobody in ["", "root", "0:0", "odd", "stranger", "4294967295"] {
            assert_eq!(look(nobody), None, "{nobody}");
        }
    }
}
