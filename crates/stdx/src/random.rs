//! Random bytes from the operating system.

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills `buffer` with random bytes fit for keys.
///
/// The call can only fail where the kernel has no `getrandom` (before Linux 3.17); the process ends then, because
/// a predictable key is worse than none.
pub fn fill(buffer: &mut [u8]) {
    let mut filled = 0;
    while filled < buffer.len() {
        match getrandom(&mut buffer[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => std::process::abort(),
        }
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    fill(&mut buffer);
    buffer
}

/// A random number, every value equally likely.
pub fn number() -> u64 {
    u64::from_ne_bytes(bytes())
}
