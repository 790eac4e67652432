//! What is in a folder: names, sizes, media types, entity tags, precompressed siblings.
//!
//! Entity tags are hashes of the content, so that they survive a redeploy and a copy, and two machines agree.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::HeaderValue;
use plimsoll_bundle::digest::Hasher;
use plimsoll_bundle::local::Encoding;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::mime;

/// Files per folder. An app's front end has hundreds; this keeps a mistake (serving `/`) from eating memory.
const MAX_FILES: usize = 100_000;
/// Folders within folders: also bounds the recursion.
const MAX_DEPTH: usize = 32;
/// Files up to this size are kept in memory: one read of the socket's buffer, no thread hop.
const MAX_CACHED: u64 = 64 * 1024;
/// Memory of one folder's cached files; the gateway as a whole is to stay under 40 MiB.
const MAX_CACHE: u64 = 16 * 1024 * 1024;

const ENCODINGS: [(Encoding, &str); 3] = [
    (Encoding::Br, ".br"),
    (Encoding::Zstd, ".zst"),
    (Encoding::Gzip, ".gz"),
];

/// A folder's index.
#[derive(Debug)]
pub struct Folder {
    root: OwnedFd,
    entries: HashMap<String, Entry>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) mime: HeaderValue,
    /// Whether its name holds a hash of its content, so that it never changes under this name.
    pub(crate) hashed: bool,
    pub(crate) identity: Variant,
    pub(crate) encoded: Vec<(Encoding, Variant)>,
}

/// One representation of a file.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// Below the folder.
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) etag: HeaderValue,
    /// The content of a small file.
    pub(crate) cached: Option<Bytes>,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// More files or deeper folders than is sane.
    #[error("{} holds more than {MAX_FILES} files or is deeper than {MAX_DEPTH} folders", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

impl Folder {
    /// Reads and hashes a folder. Blocks for as long as the disk takes; symbolic links and special files are left
    /// out, so no name leads out of the folder.
    pub fn read(path: &Path) -> Result<Self, FolderError> {
        let at = |source| FolderError::Read {
            path: path.to_owned(),
            source,
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| at(errno.into()))?;
        let mut scan = Scan {
            root: path.to_owned(),
            variants: HashMap::new(),
            cached: 0,
        };
        scan.walk("", 0)?;
        Ok(Self {
            root,
            entries: pair_siblings(&scan.variants),
        })
    }

    /// The file with this name, which is a path below the folder without a slash in front.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Whether a file has this name, which is a path below the folder without a slash in front.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Opens a variant for reading. Blocks.
    pub(crate) fn open(&self, variant: &Variant) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let opened = rustix::fs::openat2(&self.root, &variant.path, flags, Mode::empty(), resolve);
        let file = File::from(opened?);
        if file.metadata()?.len() == variant.size {
            Ok(file)
        } else {
            Err(io::Error::other(
                "the file has changed since it was indexed",
            ))
        }
    }
}

struct Scan {
    root: PathBuf,
    variants: HashMap<String, Variant>,
    cached: u64,
}

impl Scan {
    fn walk(&mut self, below: &str, depth: usize) -> Result<(), FolderError> {
        let folder = self.root.join(below);
        let at = |source| FolderError::Read {
            path: folder.clone(),
            source,
        };
        for item in std::fs::read_dir(&folder).map_err(at)? {
            let item = item.map_err(at)?;
            let kind = item.file_type().map_err(at)?;
            // A name that is not UTF-8 cannot be asked for.
            let Ok(name) = item.file_name().into_string() else {
                continue;
            };
            let name = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            if self.variants.len() >= MAX_FILES || depth >= MAX_DEPTH {
                let path = self.root.clone();
                return Err(FolderError::TooMany { path });
            }
            if kind.is_dir() {
                self.walk(&name, depth + 1)?;
            } else if kind.is_file() {
                let variant = self.read(name.clone())?;
                self.variants.insert(name, variant);
            }
        }
        Ok(())
    }

    fn read(&mut self, name: String) -> Result<Variant, FolderError> {
        let path = self.root.join(&name);
        let at = |source| FolderError::Read {
            path: path.clone(),
            source,
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(CWD, &path, flags, Mode::empty());
        let mut file = File::from(opened.map_err(|errno| at(errno.into()))?);
        let size = file.metadata().map_err(at)?.len();
        let keep = size <= MAX_CACHED && self.cached + size <= MAX_CACHE;
        let mut hasher = Hasher::new();
        let mut content = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        let mut read = 0;
        loop {
            let count = file.read(&mut chunk).map_err(at)?;
            if count == 0 {
                break;
            }
            hasher.update(&chunk[..count]);
            read += count as u64;
            if keep {
                content.extend_from_slice(&chunk[..count]);
            }
        }
        if keep {
            self.cached += read;
        }
        Ok(Variant {
            path: name,
            size: read,
            etag: etag(hasher),
            cached: keep.then(|| Bytes::from(content)),
        })
    }
}

/// 128 bits of a hash of the content: two contents never share a tag.
pub(crate) fn etag(hasher: Hasher) -> HeaderValue {
    let tag = format!("\"{}\"", &hasher.finish().hex()[..32]);
    // Hexadecimal digits in quotes are a value.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

fn pair_siblings(variants: &HashMap<String, Variant>) -> HashMap<String, Entry> {
    let is_sibling = |name: &str| {
        let base = ENCODINGS
            .iter()
            .find_map(|(_, ending)| name.strip_suffix(ending));
        base.is_some_and(|base| variants.contains_key(base))
    };
    let mut entries = HashMap::with_capacity(variants.len());
    for (name, identity) in variants {
        if is_sibling(name) {
            continue;
        }
        let mut encoded = Vec::new();
        for (encoding, ending) in ENCODINGS {
            let sibling = variants.get(&format!("{name}{ending}"));
            // One that came out larger only costs the client time.
            if let Some(sibling) = sibling.filter(|sibling| sibling.size < identity.size) {
                encoded.push((encoding, sibling.clone()));
            }
        }
        let entry = Entry {
            mime: HeaderValue::from_static(mime::of(name)),
            hashed: is_hashed(name),
            identity: identity.clone(),
            encoded,
        };
        entries.insert(name.clone(), entry);
    }
    entries
}

/// Whether a build tool put a hash into the name: `index-DiwrgTda.js`, `main.9f86d081.css`. When in doubt, no:
/// then the browser asks, and gets a 304.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let Some((stem, _)) = file.rsplit_once('.') else {
        return false;
    };
    // `main.9f86d081.js.map` belongs to a hashed file as well.
    let stem = stem
        .strip_suffix(".js")
        .or(stem.strip_suffix(".css"))
        .unwrap_or(stem);
    let hex = stem.rsplit(['.', '-']).next().unwrap_or_default();
    let is_hex = hex.len() >= 8
        && hex.len() < stem.len()
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        && hex.bytes().any(|byte| byte.is_ascii_digit());
    is_hex || ends_with_base64_hash(stem.as_bytes())
}

/// Eight base64url characters after a dash or a dot, with a digit or with both cases among them.
fn ends_with_base64_hash(stem: &[u8]) -> bool {
    let Some((before, hash)) = stem.len().checked_sub(8).map(|at| stem.split_at(at)) else {
        return false;
    };
    let separated = before.len() > 1 && matches!(before.last(), Some(b'-' | b'.'));
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let digit = hash.iter().any(u8::is_ascii_digit);
    let upper = hash.iter().any(u8::is_ascii_uppercase);
    let lower = hash.iter().any(u8::is_ascii_lowercase);
    separated && hash.iter().all(legal) && (digit || (upper && lower)) && (upper || lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_told_from_others() {
        for name in [
            "assets/index-DiwrgTda.js",
            "assets/index-B1x_-9Zq.css",
            "main.9f86d081.css",
            "main.9f86d081884c7d65.js",
            "main.9f86d081.js.map",
        ] {
            assert!(is_hashed(name), "{name}");
        }
        for name in [
            "index.html",
            "my-language.js",
            "favicon.ico",
            "config.json",
            "report-20261121.pdf.txt",
            "jquery.js",
            "DiwrgTda.js",
            "LICENSE",
            "a/b-c/d.js",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn links_are_left_out_and_siblings_are_paired() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &str| {
            plimsoll_stdx::fs::write_atomic(&dir.path().join(name), content.as_bytes()).unwrap();
        };
        put("app.js", "let application = 1;");
        put("app.js.br", "br");
        put("app.js.gz", "gzip that is longer than the file");
        put("lone.gz", "archive");
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("passwd")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("etc")).unwrap();
        let folder = Folder::read(dir.path()).unwrap();
        let app = folder.get("app.js").unwrap();
        assert_eq!(app.encoded.len(), 1);
        assert_ne!(app.encoded[0].1.etag, app.identity.etag);
        assert!(folder.get("app.js.br").is_none());
        assert!(folder.get("lone.gz").is_some());
        for name in ["passwd", "etc/passwd", "../passwd", ""] {
            assert!(folder.get(name).is_none(), "{name}");
        }
    }

    #[test]
    fn an_entity_tag_follows_the_content_and_not_the_time() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let etag = |dir: &tempfile::TempDir, content: &str| {
            let path = dir.path().join("a.txt");
            plimsoll_stdx::fs::write_atomic(&path, content.as_bytes()).unwrap();
            let folder = Folder::read(dir.path()).unwrap();
            folder.get("a.txt").unwrap().identity.etag.clone()
        };
        assert_eq!(etag(&dirs[0], "one"), etag(&dirs[1], "one"));
        assert_ne!(etag(&dirs[0], "one"), etag(&dirs[0], "two"));
    }
}
