//! Static files over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::Read;
use std::path::Path;

use plimsoll_bundle::endpoints::Endpoints;
use support::Edge;
use support::documents::{files, table, with_files};
use support::http1::{Answer, get, get_with, send};

fn put(dir: &Path, name: &str, content: &[u8]) {
    let path = dir.join(name);
    plimsoll_stdx::fs::create_dir_private(path.parent().unwrap()).unwrap();
    plimsoll_stdx::fs::write_atomic(&path, content).unwrap();
}

fn site() -> (tempfile::TempDir, Edge) {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "index.html", b"<!doctype html>app");
    put(dir.path(), "docs/index.html", b"docs");
    let script = "let x = 1;".repeat(100);
    put(dir.path(), "assets/app-B1x9Zq0a.js", script.as_bytes());
    put(dir.path(), "assets/app-B1x9Zq0a.js.br", b"brotli");
    put(dir.path(), "assets/app-B1x9Zq0a.js.zst", b"zstd");
    put(dir.path(), "assets/app-B1x9Zq0a.js.gz", b"gzip");
    let large: Vec<u8> = (0..1_000_000_u32)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    put(dir.path(), "large.bin", &large);
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("passwd")).unwrap();
    let mut endpoints = with_files(Endpoints::empty(), dir.path());
    endpoints.generation = 1;
    let edge = Edge::with(
        &table(vec![files("ui", "/", Some("index.html"))]),
        &endpoints,
    );
    (dir, edge)
}

#[test]
fn hashed_names_are_kept_for_a_year_and_others_are_asked_for_again() {
    let (_dir, edge) = site();
    let page = get(edge.http, "/");
    assert_eq!(page.text(), "<!doctype html>app");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let script = get(edge.http, "/assets/app-B1x9Zq0a.js");
    let year = "public, max-age=31536000, immutable";
    assert_eq!(script.header("cache-control"), Some(year));
    assert_eq!(script.header("vary"), Some("accept-encoding"));
    assert_eq!(script.header("content-encoding"), None);
}

#[test]
fn the_smallest_encoding_that_the_client_takes_is_sent_with_its_own_tag() {
    let (_dir, edge) = site();
    let script = |accept: &str| {
        let accept = format!("accept-encoding: {accept}\r\n");
        get_with(edge.http, "/assets/app-B1x9Zq0a.js", &accept)
    };
    let tag = |answer: &Answer| answer.header("etag").unwrap().to_owned();
    let mut tags = vec![tag(&script("identity"))];
    for (accept, encoding, body) in [
        ("gzip, br, zstd", "br", "brotli"),
        ("zstd, gzip", "zstd", "zstd"),
        ("gzip", "gzip", "gzip"),
        ("br;q=0.1, gzip", "gzip", "gzip"),
    ] {
        let answer = script(accept);
        assert_eq!(
            answer.header("content-encoding"),
            Some(encoding),
            "{accept}"
        );
        assert_eq!(answer.text(), body);
        tags.push(tag(&answer));
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

#[test]
fn a_known_tag_is_not_sent_again() {
    let (_dir, edge) = site();
    let tag = get(edge.http, "/").header("etag").unwrap().to_owned();
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        let answer = get_with(edge.http, "/", &format!("if-none-match: {known}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(
        get_with(edge.http, "/", "if-none-match: \"x\"\r\n").status,
        200
    );
}

#[test]
fn a_part_is_sent_of_a_small_file_and_of_a_large_one() {
    let (_dir, edge) = site();
    let part = |path: &str, range: &str| get_with(edge.http, path, &format!("range: {range}\r\n"));
    let small = part("/", "bytes=2-8");
    assert_eq!((small.status, small.text().as_str()), (206, "doctype"));
    assert_eq!(small.header("content-range"), Some("bytes 2-8/18"));
    let large = part("/large.bin", "bytes=999000-");
    assert_eq!(
        large.header("content-range"),
        Some("bytes 999000-999999/1000000")
    );
    assert_eq!(large.body[0], u8::try_from(999_000 % 251).unwrap());
    let outside = part("/large.bin", "bytes=1000000-");
    assert_eq!(outside.status, 416);
    assert_eq!(outside.header("content-range"), Some("bytes */1000000"));
    let whole = get(edge.http, "/large.bin");
    assert_eq!(whole.body.len(), 1_000_000);
    assert!(
        whole
            .body
            .iter()
            .zip(0_u32..)
            .all(|(byte, at)| u32::from(*byte) == at % 251)
    );
    let other = get_with(edge.http, "/", "range: bytes=0-1\r\nif-range: \"old\"\r\n");
    assert_eq!(other.status, 200);
}

#[test]
fn pages_of_the_app_come_from_its_index_and_missing_assets_do_not() {
    let (_dir, edge) = site();
    assert_eq!(get(edge.http, "/runs/17").text(), "<!doctype html>app");
    assert_eq!(get(edge.http, "/assets/gone.js").status, 404);
    let navigation = get_with(edge.http, "/user/john.doe", "accept: text/html,*/*\r\n");
    assert_eq!(navigation.text(), "<!doctype html>app");
    assert_eq!(get(edge.http, "/docs/").text(), "docs");
    assert_eq!(get(edge.http, "/docs").header("location"), Some("/docs/"));
    let settings: serde_json::Value =
        serde_json::from_slice(&get(edge.http, "/config.json").body).unwrap();
    assert_eq!(settings["API_BASE"], "/api");
}

#[test]
fn head_has_the_length_and_other_methods_are_refused() {
    let (_dir, edge) = site();
    let head = send(edge.http, "HEAD /large.bin HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(head.header("content-length"), Some("1000000"));
    let post = send(
        edge.http,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    );
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let (_dir, edge) = site();
    for path in [
        "/passwd",
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2fetc/passwd",
        "//etc/passwd",
    ] {
        let answer = get(edge.http, path);
        assert!(!answer.text().contains("root:"), "{path}");
    }
}

#[test]
fn what_is_on_its_way_is_compressed_and_comes_back_whole() {
    let backend = support::backend::Backend::start();
    let mut table = table(vec![support::documents::route("api", "/", "api")]);
    table.compress = vec![plimsoll_bundle::local::Encoding::Gzip];
    let document = support::documents::endpoints(1, "api", &[backend.address]);
    let edge = Edge::with(&table, &document);
    for size in [2000, 400_000] {
        let path = format!("/json?{size}");
        let plain = get(edge.http, &path);
        let packed = get_with(edge.http, &path, "accept-encoding: gzip\r\n");
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert_eq!(packed.header("etag"), Some("W/\"e\""));
        assert!(packed.body.len() < plain.body.len() / 4);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.body.as_slice())
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(unpacked == plain.body);
        assert_eq!(plain.header("access-control-allow-origin"), None);
    }
}
