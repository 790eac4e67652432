//! How large an image may grow.

use super::EntryError;

/// Bytes of all unpacked files, at the most: the largest common base images (CUDA, Android SDK) have about 8 GiB.
const MAX_BYTES: u64 = 16 << 30;
/// Entries of all layers, at the most: ten times a whole Debian desktop.
const MAX_ENTRIES: u64 = 2_000_000;
/// What one entry costs in the stream beside its bytes: its header, a long name's two blocks, and padding.
const ENTRY_OVERHEAD: u64 = 4 * 512;

/// Bounds for one image. Holes of sparse files count as bytes, duplicates and whiteouts count as entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: MAX_BYTES,
            entries: MAX_ENTRIES,
        }
    }
}

impl Limits {
    /// Uncompressed bytes of one layer, at the most: what is left after this is padding, which nobody needs.
    pub(super) fn stream(&self) -> u64 {
        let overhead = self.entries.saturating_mul(ENTRY_OVERHEAD);
        self.bytes
            .saturating_add(overhead)
            .saturating_add(super::tar::MAX_EXTENSION)
    }
}

/// What is left of the limits while layers are unpacked.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: 0,
            entries: 0,
        }
    }

    /// Charged before a file is made, so that a bomb costs nothing.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), EntryError> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.entries > self.limits.entries {
            return Err(EntryError::TooLarge {
                limit: self.limits.entries,
                unit: "entries",
            });
        }
        if self.bytes > self.limits.bytes {
            return Err(EntryError::TooLarge {
                limit: self.limits.bytes,
                unit: "bytes",
            });
        }
        Ok(())
    }
}
