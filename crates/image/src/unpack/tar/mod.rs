//! Reads a tar archive from an untrusted stream: V7, ustar, GNU and pax headers, long names, sparse files.
//!
//! Written here, and not taken from the `tar` crate, for two properties that hostile input needs: an extension header
//! is bounded before it is read into memory, and a header that is not understood ends the reading (there is no second
//! opinion on where the next header stands, which is how one archive can look different to two readers).
//! The tests read what that crate and GNU tar write.

mod header;
mod pax;
mod reader;
mod sparse;

pub use header::Kind;
pub use reader::{Entry, Reader};
pub use sparse::Segment;

/// Bytes of one block; headers and the padding of bodies are whole blocks.
pub(crate) const BLOCK: usize = 512;
/// Bytes of extension headers before one entry, at the most: a path and a link of 4 KiB each and the extended
/// attributes of a file, of which Linux stores 64 KiB, sixteen times over.
pub(crate) const MAX_EXTENSION: u64 = 1 << 20;

/// Why an archive was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The archive breaks the format.
    #[error("{what} (header near byte {offset})")]
    Malformed {
        /// Where in the uncompressed archive.
        offset: u64,
        /// Which rule is broken.
        what: &'static str,
    },
    /// An entry of a kind that no layer has.
    #[error("an entry of type {kind:?}, which no image layer has (header near byte {offset})")]
    UnknownKind {
        /// Where in the uncompressed archive.
        offset: u64,
        /// The type flag.
        kind: char,
    },
    /// The stream below failed: it ended early, does not decompress, or is longer than allowed.
    #[error("the archive cannot be read")]
    Io(#[from] std::io::Error),
}
