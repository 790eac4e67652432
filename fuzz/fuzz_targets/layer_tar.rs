//! Any bytes as the layers of an image: no panic, nothing outside the image's folder, nothing left behind, and no file
//! that changes who runs it.

#![no_main]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_bundle::Digest;
use plimsoll_image::oci::{ImageConfig, Layout, Manifest, Platform, media};
use plimsoll_image::unpack::{Image, Limits, Rootfs};

const LIMITS: Limits = Limits { bytes: 1 << 20, entries: 500 };

fuzz_target!(|data: &[u8]| {
    // In memory: flushing a disk would leave a few runs a second.
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("victim"), b"untouched").expect("a victim");
    let data = &with_checksums(data);
    let layout = Layout::create(folder.path().join("images")).expect("a layout");
    // Twice, so that the whiteouts of the second meet the files of the first.
    let image = image(&layout, data);
    let unpacked = Rootfs::ensure(&layout, &image, &folder.path().join("rootfs"), &LIMITS);
    assert_eq!(names(folder.path()), ["images", "outside", "rootfs"]);
    assert_eq!(names(&outside), ["victim"]);
    assert_eq!(fs::read(outside.join("victim")).expect("the victim"), b"untouched");
    assert_eq!(fs::metadata(outside.join("victim")).expect("the victim").nlink(), 1);
    let left = names(&folder.path().join("rootfs")).len();
    match unpacked {
        Ok(rootfs) => {
            assert_eq!(left, 2, "the folder and its list");
            ensure_plain(&rootfs.path);
        }
        Err(_) => assert_eq!(left, 0, "something is left behind"),
    }
});

/// With a right checksum in every header: a changed byte would else be refused by the checksum, and never be looked at.
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    for block in data.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    data
}

fn image(layout: &Layout, data: &[u8]) -> Image {
    let machine = Platform::linux("x86_64").expect("a known machine");
    let blob = layout.put(media::LAYER_TAR, data).expect("a blob");
    let mut config = ImageConfig::new(&machine);
    config.rootfs.diff_ids = vec![Digest::of(data); 2];
    let config = layout.put_json(media::CONFIG, &config).expect("a configuration");
    let manifest = Manifest::image(config, vec![blob.clone(), blob]);
    let named = layout.put_json(media::MANIFEST, &manifest).expect("a manifest");
    Image::open(layout, &named, &machine).expect("an image")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Files, folders and links only; none with a bit that changes who runs it.
fn ensure_plain(root: &Path) {
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let metadata = fs::symlink_metadata(&path).expect("an entry");
            assert!(metadata.is_file() || metadata.is_dir() || metadata.is_symlink());
            assert_eq!(metadata.permissions().mode() & 0o6000, 0, "{}", path.display());
            if metadata.is_dir() {
                waiting.push(path);
            }
        }
    }
}
