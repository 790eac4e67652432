//! The small files of a group.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use plimsoll_stdx::fs::read_bounded;

/// `memory.stat` has some sixty lines; a list of processes is the longest file, at eight bytes each.
const MAX: u64 = 1 << 20;
/// One or two numbers of at most twenty digits.
const LINE: usize = 64;

pub(super) fn read(path: &Path) -> Option<String> {
    let bytes = read_bounded(path, MAX).ok()?;
    String::from_utf8(bytes).ok()
}

/// Writes in one call, as the kernel wants it. The file must be there.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    put(OpenOptions::new().write(true).truncate(true), path, text)
}

/// As [`write`], for files that take commands.
pub(super) fn append(path: &Path, text: &str) -> Result<(), String> {
    put(OpenOptions::new().append(true), path, text)
}

fn put(options: &OpenOptions, path: &Path, text: &str) -> Result<(), String> {
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("cannot write {text} to {}: {error}", path.display()))
}

/// Writes a limit and reads back whether it holds: the kernel rounds down to whole pages; what is larger than `wanted`
/// is not what was asked for.
pub(super) fn limit(path: &Path, text: &str, wanted: u64) -> Result<(), String> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .truncate(true)
        .open(path)
        .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    file.write_all(text.as_bytes())
        .map_err(|error| format!("cannot write {text} to {}: {error}", path.display()))?;
    let mut line = [0; LINE];
    let length = file.read_at(&mut line, 0).unwrap_or(0);
    match first(&String::from_utf8_lossy(&line[..length])) {
        Some(is) if is <= wanted => Ok(()),
        Some(is) => Err(format!("{} is {is}, not {wanted}", path.display())),
        None => Err(format!("{} is no number", path.display())),
    }
}

/// The number that a file begins with.
pub(super) fn number(path: &Path) -> Option<u64> {
    first(&read(path)?)
}

fn first(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The number behind `key` in a file of lines `key number`.
pub(super) fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}
