//! A layer as a value, and writing it: equal content gives equal bytes wherever and whenever it is written.
//!
//! Reading order: [`entry`] (what a layer holds), [`write`] (tar, digests and compression in one pass), [`pack`]
//! (compression), [`read`] (the plain tar of anybody's layer), [`base`] (the lowest layer of images that start from
//! nothing).

pub mod base;
pub mod entry;
pub mod pack;
pub mod read;
pub mod write;

pub use entry::{Content, Layer, Parents, Source};
pub use pack::Compression;
pub use write::{BuiltLayer, write};
