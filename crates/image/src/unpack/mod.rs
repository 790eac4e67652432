//! Unpacks an image's layers into one folder, `rootfs/<digest>/`, that a replica can have as its read-only root.
//!
//! The layers are hostile until proven otherwise. What holds whatever they say:
//!
//! * nothing is made, changed or removed outside the folder: every path is looked up by the kernel beneath it
//!   (`openat2`) and without following a symbolic link; links are resolved here, component by component, with the
//!   folder as `/`; a `..` in the name of an entry or of a hard link's target is refused;
//! * nothing is believed before its digest is: the folder gets its name only after every layer's compressed bytes and
//!   its uncompressed ones (`diff_id`) were those that the manifest and the configuration name;
//! * bytes, entries, path lengths, depth, extension headers and layers are bounded (see [`Limits`], [`tar`]);
//! * a folder with its name is whole and durable, whenever the process was killed; unpacking again is a no-op, and
//!   one that was changed since is unpacked anew.
//!
//! What is kept of an entry, and what is not:
//!
//! * owners are not kept: everything belongs to whoever unpacks, and the replica's user reads it as "other". So that
//!   it can, what the owner may read or execute all may: the folder has no other readers (its parent is private),
//!   and nobody writes to it;
//! * set-user-id and set-group-id bits are dropped; the sticky bit stays on folders (`/tmp`); times of files stay,
//!   because Python compares them with what it compiled; extended attributes (file capabilities too) are dropped;
//! * devices and FIFOs are skipped and named in [`Rootfs::skipped`]: a replica gets its `/dev` from the runner, and
//!   old base images that carry a few nodes are none the worse without;
//! * `/etc/hosts`, `/etc/resolv.conf`, `/proc`, `/dev`, `/tmp` and `/run` exist afterwards, and are what a mount can
//!   be put on: a read-only root cannot grow them later.
//!
//! Reading order: [`image`] (manifest and configuration), [`rootfs`] (from image to folder), `staging`, `layer` (one
//! layer's verified stream), [`tar`], `apply` (entries to files), `whiteout`, `root` (paths beneath the folder),
//! `stubs`, `seal` (whether a folder was changed since), [`archive`] (a layout in a tar).

mod apply;
pub mod archive;
pub mod error;
pub mod image;
mod layer;
pub mod limits;
mod path;
mod root;
pub mod rootfs;
mod seal;
mod staging;
mod stubs;
pub mod tar;
mod whiteout;

pub use error::{EntryError, UnpackError};
pub use image::Image;
pub use limits::Limits;
pub use rootfs::Rootfs;
