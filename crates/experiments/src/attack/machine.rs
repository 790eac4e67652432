//! Attacks on what `/proc` shows of the machine: its switches and its memory.

use std::fs::OpenOptions;
use std::path::Path;

use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};

use super::answer::{Stopped, Tried, at};
use super::files;
use super::targets::Targets;

pub(super) fn sysrq(_: &Targets) -> Tried {
    open_switch("/proc/sysrq-trigger")
}

pub(super) fn core_pattern(_: &Targets) -> Tried {
    open_switch("/proc/sys/kernel/core_pattern")
}

pub(super) fn kernel_memory(_: &Targets) -> Tried {
    let bytes = files::read(Path::new("/proc/kcore"))?;
    if bytes.is_empty() {
        return Err(Stopped::refused("it is empty"));
    }
    Ok("read its beginning".to_owned())
}

pub(super) fn init_environment(_: &Targets) -> Tried {
    let bytes = files::read(Path::new("/proc/1/environ"))?;
    if bytes.is_empty() {
        return Err(Stopped::refused("it is empty"));
    }
    Ok(format!("read {} bytes", bytes.len()))
}

/// Opens for writing and writes nothing. A switch that is covered by something else can be opened and is none.
fn open_switch(path: &str) -> Tried {
    let opened = OpenOptions::new().write(true).open(path);
    let file = opened.map_err(at("open(O_WRONLY)"))?;
    if fstatfs(&file).map_err(at("fstatfs"))?.f_type != PROC_SUPER_MAGIC {
        return Err(Stopped::refused("covered: what opens is not the switch"));
    }
    Ok("opened it for writing".to_owned())
}
