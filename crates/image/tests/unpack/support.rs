//! Layers made by hand, images of them, and trees read back.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_image::oci::{Descriptor, ImageConfig, Layout, Manifest, Platform, media};
use plimsoll_image::unpack::{Image, Limits, Rootfs, UnpackError};

/// What an entry of a layer is.
#[derive(Debug, Clone)]
pub(crate) enum What<'a> {
    File(&'a [u8]),
    Mode(u32, &'a [u8]),
    Dir(u32),
    Symlink(&'a str),
    Hard(&'a str),
    /// Of this type flag, with no body.
    Flag(u8),
}

/// A layer's tar, written without a check on anything.
pub(crate) fn layer(entries: &[(&str, What<'_>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, what) in entries {
        append(&mut tar, path.as_bytes(), what);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(crate) fn append(tar: &mut Vec<u8>, path: &[u8], what: &What<'_>) {
    let (flag, mode, link, body) = match what {
        What::File(body) => (b'0', 0o644, "", *body),
        What::Mode(mode, body) => (b'0', *mode, "", *body),
        What::Dir(mode) => (b'5', *mode, "", &b""[..]),
        What::Symlink(target) => (b'2', 0o777, *target, &b""[..]),
        What::Hard(target) => (b'1', 0o644, *target, &b""[..]),
        What::Flag(flag) => (*flag, 0o644, "", &b""[..]),
    };
    for (long_flag, text) in [(b'L', path), (b'K', link.as_bytes())] {
        if text.len() > 100 {
            header(tar, long_flag, b"././@LongLink", (0, text.len(), b""));
            padded(tar, text);
        }
    }
    let cut = |text: &[u8]| text[..text.len().min(100)].to_vec();
    header(
        tar,
        flag,
        &cut(path),
        (mode, body.len(), &cut(link.as_bytes())),
    );
    padded(tar, body);
}

pub(crate) fn header(tar: &mut Vec<u8>, flag: u8, name: &[u8], rest: (u32, usize, &[u8])) {
    let (mode, size, link) = rest;
    let mut block = vec![0; 512];
    let mut set = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    set(0, name);
    set(100, format!("{mode:07o}").as_bytes());
    set(108, b"0001750\0" as &[u8]);
    set(116, b"0001750\0" as &[u8]);
    set(124, format!("{size:011o}").as_bytes());
    set(136, format!("{:011o}", 1_000_000_000).as_bytes());
    set(156, &[flag]);
    set(157, link);
    set(257, b"ustar  \0" as &[u8]);
    seal(&mut block);
    tar.extend(block);
}

/// Writes the checksum of a header.
pub(crate) fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

pub(crate) fn padded(tar: &mut Vec<u8>, body: &[u8]) {
    tar.extend(body);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// A layout in a temporary folder, with a folder beside it that nothing may touch.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) layout: Layout,
}

impl Bench {
    /// In memory where the machine has a file system for it: flushing a disk a thousand times shows nothing here.
    pub(crate) fn new() -> Self {
        Self::in_folder(
            tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap(),
        )
    }

    fn in_folder(folder: tempfile::TempDir) -> Self {
        let layout = Layout::create(folder.path().join("images")).unwrap();
        let bench = Self { folder, layout };
        std::fs::create_dir_all(bench.outside().join("folder")).unwrap();
        write(&bench.outside().join("victim"), b"untouched");
        write(&bench.outside().join("folder/victim"), b"untouched");
        bench
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("rootfs")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// An image of these tars, each packed another way.
    pub(crate) fn image(&self, layers: &[Vec<u8>]) -> Image {
        let diff_ids = layers.iter().map(|tar| Digest::of(tar)).collect();
        self.image_of(layers, diff_ids)
    }

    pub(crate) fn image_of(&self, layers: &[Vec<u8>], diff_ids: Vec<Digest>) -> Image {
        let machine = Platform::linux(std::env::consts::ARCH).unwrap();
        let mut config = ImageConfig::new(&machine);
        config.rootfs.diff_ids = diff_ids;
        let config = self.layout.put_json(media::CONFIG, &config).unwrap();
        let blobs = layers
            .iter()
            .enumerate()
            .map(|(index, tar)| self.pack(index, tar))
            .collect();
        let manifest = Manifest::image(config, blobs);
        let named = self.layout.put_json(media::MANIFEST, &manifest).unwrap();
        Image::open(&self.layout, &named, &machine).unwrap()
    }

    fn pack(&self, index: usize, tar: &[u8]) -> Descriptor {
        let (media_type, bytes) = match index % 3 {
            0 => (media::LAYER_ZSTD, zstd::encode_all(tar, 1).unwrap()),
            1 => (media::LAYER_TAR, tar.to_vec()),
            _ => (media::LAYER_GZIP, gzip(tar)),
        };
        self.layout.put(media_type, &bytes).unwrap()
    }

    pub(crate) fn ensure(&self, image: &Image) -> Result<Rootfs, UnpackError> {
        Rootfs::ensure(&self.layout, image, &self.root(), &Limits::default())
    }

    /// The tree that these layers unpack to.
    pub(crate) fn tree(&self, layers: &[Vec<u8>]) -> Tree {
        read_tree(&self.ensure(&self.image(layers)).unwrap().path)
    }

    /// Everything in `outside` is as it was, and the folder of images holds only whole ones.
    pub(crate) fn assert_nothing_outside(&self) {
        let outside = read_tree(&self.outside());
        let names: Vec<_> = outside.keys().map(String::as_str).collect();
        assert_eq!(names, ["folder", "folder/victim", "victim"]);
        for victim in ["victim", "folder/victim"] {
            assert_eq!(outside[victim], Node::File(b"untouched".to_vec()));
            let mode = std::fs::metadata(self.outside().join(victim))
                .unwrap()
                .mode();
            assert_eq!(mode & 0o7777, 0o600);
            assert_eq!(
                std::fs::metadata(self.outside().join(victim))
                    .unwrap()
                    .nlink(),
                1
            );
        }
        let mut top: Vec<_> = list(self.folder.path());
        top.retain(|name| !["images", "outside", "rootfs"].contains(&name.as_str()));
        assert!(top.is_empty(), "{top:?}");
        for name in list(&self.root()) {
            assert!(
                name.len() == 64 || name.ends_with(".rootfs.json"),
                "{name} was left behind"
            );
        }
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    plimsoll_stdx::fs::write_atomic(path, bytes).unwrap();
}

pub(crate) fn list(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    File(Vec<u8>),
    Dir,
    Symlink(String),
}

pub(crate) type Tree = BTreeMap<String, Node>;

/// What is in `folder`, by path, without the mount points that every image gets.
pub(crate) fn read_tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        for name in list(&folder.join(&below)) {
            let path = below.join(name);
            let shown = path.to_string_lossy().into_owned();
            let metadata = std::fs::symlink_metadata(folder.join(&path)).unwrap();
            let node = if metadata.is_dir() {
                waiting.push(path.clone());
                Node::Dir
            } else if metadata.is_symlink() {
                Node::Symlink(
                    std::fs::read_link(folder.join(&path))
                        .unwrap()
                        .to_string_lossy()
                        .into_owned(),
                )
            } else {
                Node::File(std::fs::read(folder.join(&path)).unwrap())
            };
            tree.insert(shown, node);
        }
    }
    for stub in [
        "dev",
        "etc",
        "etc/hosts",
        "etc/resolv.conf",
        "proc",
        "run",
        "tmp",
    ] {
        if matches!(tree.get(stub), Some(Node::Dir))
            || tree.get(stub) == Some(&Node::File(Vec::new()))
        {
            tree.remove(stub);
        }
    }
    tree
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path)
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}
