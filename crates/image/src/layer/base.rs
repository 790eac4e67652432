//! The lowest layer of images that start from nothing: certificates, names of users, mount points.
//!
//! It is the same for every app, so registries and machines keep it once. Its certificates come from a package and
//! not from the machine that builds, whose own bundle may hold a private authority that must not leak into images.

use super::{Content, Layer, Parents, Source};
use crate::assemble::ImageError;

/// Where OpenSSL, rustls-native-certs, Go and Python look on Debian, Alpine and in distroless images.
pub const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Users by number have a name all the same: initdb, sshd and Python's `getpass` fail for a uid without one.
const PASSWD: &str = "\
root:x:0:0:root:/:/sbin/nologin
app:x:1001:1001:app:/app:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
";
const GROUP: &str = "root:x:0:\napp:x:1001:\nnobody:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";
/// PEM lines have 64 characters (RFC 7468): 48 bytes.
const PEM_LINE: usize = 48;

/// The base layer of programs that call others.
pub fn layer() -> Result<Layer, ImageError> {
    let mut layer = bare()?;
    layer.put(CA_BUNDLE, text(&ca_bundle()))?;
    Ok(layer)
}

/// The base layer of programs that call nobody: without certificates, half the size of a small image.
pub fn bare() -> Result<Layer, ImageError> {
    let mut layer = Layer::new("base", Parents::All);
    layer.put("/etc/passwd", text(PASSWD))?;
    layer.put("/etc/group", text(GROUP))?;
    layer.put("/etc/hosts", text(HOSTS))?;
    layer.put("/etc/nsswitch.conf", text(NSSWITCH))?;
    // Engines bind their own over these: on a read-only root the names must be there already.
    layer.put("/etc/hostname", text(""))?;
    layer.put("/etc/resolv.conf", text(""))?;
    for folder in ["/app", "/dev", "/proc", "/run", "/sys"] {
        layer.put(folder, Content::Folder)?;
    }
    // runc gives the mount point's mode to the tmpfs that it mounts there.
    layer.put("/tmp", Content::Shared)?;
    Ok(layer)
}

fn text(text: &str) -> Content {
    Content::File(Source::Bytes(text.as_bytes().to_vec()))
}

/// Mozilla's certificate authorities as PEM.
pub fn ca_bundle() -> String {
    let mut bundle = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        bundle.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in certificate.chunks(PEM_LINE) {
            base64(line, &mut bundle);
            bundle.push('\n');
        }
        bundle.push_str("-----END CERTIFICATE-----\n");
    }
    bundle
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let sextet = bits >> (18 - 6 * index) & 0x3f;
            let is_padding = index > group.len();
            out.push(if is_padding {
                '='
            } else {
                char::from(ALPHABET[sextet as usize])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = String::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn the_bundle_holds_every_authority_of_the_package() {
        let bundle = ca_bundle();
        let count = bundle.matches("-----BEGIN CERTIFICATE-----\n").count();
        assert_eq!(count, webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(count > 100, "{count}");
        assert!(bundle.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn what_an_engine_mounts_over_is_there_and_tmp_is_everybodys() {
        let layer = layer().unwrap();
        let entries = layer.entries();
        for path in [
            "proc",
            "dev",
            "sys",
            "run",
            "app",
            "etc/hosts",
            "etc/resolv.conf",
            "etc/hostname",
        ] {
            assert!(entries.contains_key(path), "{path}");
        }
        assert_eq!(entries["tmp"], &Content::Shared);
    }
}
