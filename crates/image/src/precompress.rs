//! Compressed siblings of static files: `app.js` gets `app.js.br`, `app.js.zst` and `app.js.gz`, so that serving
//! costs no CPU.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::BuildError;
use crate::tree;

/// Smaller files fit one packet with their headers; compressing them saves nobody anything.
const MIN_BYTES: u64 = 860;
/// Larger files are not text that a browser waits for; they are left as they are.
const MAX_BYTES: u64 = 32 << 20;
/// A sibling must save this share, in percent, or it is not worth its place.
const MIN_SAVING_PERCENT: u64 = 5;
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 22;
const ZSTD_LEVEL: i32 = 19;
const TEXT_ENDINGS: [&str; 13] = [
    "css", "csv", "html", "ico", "js", "json", "map", "md", "mjs", "svg", "txt", "wasm", "xml",
];

/// Adds the siblings below `root`. Returns how many were written.
pub fn add_siblings(root: &Path) -> Result<usize, BuildError> {
    let mut written = 0;
    let mut paths = tree::list(root)?;
    paths.sort();
    for path in paths {
        let path = root.join(path);
        let size = fs::metadata(&path)
            .map_err(BuildError::io("look at", &path))?
            .len();
        if is_text(&path) && (MIN_BYTES..=MAX_BYTES).contains(&size) {
            written += add_for(&path)?;
        }
    }
    Ok(written)
}

fn is_text(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    TEXT_ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
}

fn add_for(path: &Path) -> Result<usize, BuildError> {
    let plain = fs::read(path).map_err(BuildError::io("read", path))?;
    let encoded = [
        ("br", brotli(&plain)),
        ("zst", zstandard(&plain)),
        ("gz", gzip(&plain)),
    ];
    let mut written = 0;
    for (ending, bytes) in encoded {
        let bytes = bytes.map_err(BuildError::io("compress", path))?;
        if !is_worth_it(plain.len() as u64, bytes.len() as u64) {
            continue;
        }
        let sibling = with_ending(path, ending);
        plimsoll_stdx::fs::write_atomic(&sibling, &bytes)?;
        written += 1;
    }
    Ok(written)
}

fn is_worth_it(plain: u64, encoded: u64) -> bool {
    encoded.saturating_mul(100) <= plain.saturating_mul(100 - MIN_SAVING_PERCENT)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn brotli(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer =
        brotli::CompressorWriter::new(Vec::new(), 64 << 10, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(plain)?;
    Ok(writer.into_inner())
}

fn zstandard(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(plain, ZSTD_LEVEL)
}

/// Without name and time in the header, so that equal input gives equal bytes.
fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(plain)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn write(path: &Path, bytes: &[u8]) {
        plimsoll_stdx::fs::write_atomic(path, bytes).unwrap();
    }

    #[test]
    fn each_sibling_unpacks_to_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.js");
        let text = "const plimsoll = 'line';\n".repeat(200);
        write(&path, text.as_bytes());
        assert_eq!(add_siblings(folder.path()).unwrap(), 3);

        let mut br = Vec::new();
        let file = fs::File::open(folder.path().join("app.js.br")).unwrap();
        brotli::Decompressor::new(file, 4096)
            .read_to_end(&mut br)
            .unwrap();
        let zst = zstd::decode_all(fs::File::open(folder.path().join("app.js.zst")).unwrap());
        let mut gz = Vec::new();
        let file = fs::File::open(folder.path().join("app.js.gz")).unwrap();
        flate2::read::GzDecoder::new(file)
            .read_to_end(&mut gz)
            .unwrap();
        for unpacked in [br, zst.unwrap(), gz] {
            assert_eq!(unpacked, text.as_bytes());
        }
    }

    #[test]
    fn small_files_pictures_and_noise_get_no_sibling() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("small.js"), b"x");
        write(&folder.path().join("photo.png"), &[b'a'; 5000]);
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(5000)
        .collect();
        write(&folder.path().join("noise.txt"), &noise);
        assert_eq!(add_siblings(folder.path()).unwrap(), 0);
    }

    #[test]
    fn twice_the_same_input_gives_twice_the_same_bytes() {
        let text = "plimsoll ".repeat(500);
        for encode in [brotli, zstandard, gzip] {
            assert_eq!(
                encode(text.as_bytes()).unwrap(),
                encode(text.as_bytes()).unwrap()
            );
        }
    }
}
