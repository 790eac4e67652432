//! Images to move, and how to move them.

use std::ops::ControlFlow;

use plimsoll_image::oci::{Descriptor, ImageConfig, Layout, Manifest, Platform, media};
use plimsoll_image::registry::settings::Watch;
use plimsoll_image::registry::{Access, Progress, Reference, Registry, Settings};
use plimsoll_stdx::backoff::Backoff;

/// A layout in memory where the machine has a file system for it.
pub(crate) fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    (folder, layout)
}

/// Bytes that do not compress and are the same each time.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn machine() -> Platform {
    Platform::linux("x86_64").unwrap()
}

/// An image with these layers. Nothing here unpacks them.
pub(crate) fn image(layout: &Layout, layers: &[Vec<u8>]) -> Descriptor {
    let config = layout
        .put_json(media::CONFIG, &ImageConfig::new(&machine()))
        .unwrap();
    let layers = layers
        .iter()
        .map(|bytes| layout.put(media::LAYER_ZSTD, bytes).unwrap())
        .collect();
    layout
        .put_json(media::MANIFEST, &Manifest::image(config, layers))
        .unwrap()
}

/// Without waits between tries, and with parts of 1000 bytes.
pub(crate) fn quick() -> Settings {
    Settings {
        backoff: Backoff {
            base_ms: 0,
            cap_ms: 0,
        },
        chunk: 1000,
        ..Settings::default()
    }
}

pub(crate) fn registry(reference: &str, access: Access, settings: Settings) -> Registry {
    let reference: Reference = reference.parse().unwrap();
    Registry::new(&reference, access, settings).unwrap()
}

pub(crate) fn pusher(reference: &str, settings: Settings) -> Registry {
    registry(reference, Access::Push { mount_from: None }, settings)
}

pub(crate) fn puller(reference: &str, settings: Settings) -> Registry {
    registry(reference, Access::Pull, settings)
}

pub(crate) fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Everything that the image names, by its bytes.
pub(crate) fn assert_whole(layout: &Layout, image: &Descriptor) {
    let manifest = layout.manifest(image).unwrap();
    for blob in manifest.blobs() {
        layout.read(blob, 1 << 30).unwrap();
    }
}

/// No blob but these is in the layout, and none is half-written.
pub(crate) fn assert_only(layout: &Layout, count: usize) {
    let files =
        |folder: &str| std::fs::read_dir(layout.root().join(folder)).map_or(0, Iterator::count);
    assert_eq!((files(".partial"), files("blobs/sha256")), (0, count));
}

/// The error and all below it, as the user sees them.
pub(crate) fn full(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", full(source)),
        None => error.to_string(),
    }
}

pub(crate) fn pull(
    from: &Registry,
    layout: &Layout,
    watch: Watch<'_>,
) -> Result<Descriptor, String> {
    from.pull(layout, &machine(), watch)
        .map_err(|error| full(&error))
}
