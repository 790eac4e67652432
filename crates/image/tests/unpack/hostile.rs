//! Images made to escape, to fill the disk, or to lie.

use plimsoll_bundle::Digest;
use plimsoll_image::unpack::{EntryError, Limits, Rootfs, UnpackError};

use super::support::{Bench, What, append, header, layer, list, padded, read_tree, seal, write};

/// Refused, naming the entry; nothing is left, and nothing outside has changed.
fn assert_refused(layers: impl Fn(&str) -> Vec<Vec<u8>>) {
    let bench = Bench::new();
    let outside = bench.outside();
    let image = bench.image(&layers(outside.to_str().unwrap()));
    let error = bench.ensure(&image).unwrap_err();
    assert!(
        matches!(
            error,
            UnpackError::Entry { .. } | UnpackError::Archive { .. }
        ),
        "{error:?}"
    );
    assert!(error.is_images_fault(), "{error:?}");
    bench.assert_nothing_outside();
    assert!(list(&bench.root()).is_empty());
}

#[test]
fn paths_out_of_the_image_are_refused() {
    for path in ["../x", "a/../../x", "..", "/../x", "a/.."] {
        assert_refused(|_| vec![layer(&[(path, What::File(b"x"))])]);
    }
    for path in ["a/.wh...", ".wh..", "../.wh.x", ".wh."] {
        assert_refused(|_| {
            vec![
                layer(&[("a/b", What::File(b""))]),
                layer(&[(path, What::File(b""))]),
            ]
        });
    }
}

#[test]
fn hard_links_out_of_the_image_are_refused() {
    for target in [
        "../outside/victim",
        "/../../outside/victim",
        "..",
        "absent",
        "",
    ] {
        assert_refused(|_| vec![layer(&[("a", What::Hard(target))])]);
    }
    assert_refused(|outside| vec![layer(&[("a", What::Hard(&format!("{outside}/victim")))])]);
    // Through a link: inside the image it leads to nothing.
    assert_refused(|outside| {
        vec![layer(&[
            ("out", What::Symlink(outside)),
            ("a", What::Hard("out/victim")),
        ])]
    });
    assert_refused(|_| vec![layer(&[("d/", What::Dir(0o755)), ("a", What::Hard("d"))])]);
}

#[test]
fn links_lead_nowhere_but_into_the_image() {
    let bench = Bench::new();
    let outside = bench.outside();
    let outside = outside.to_str().unwrap();
    let up = "../".repeat(40) + "outside";
    for target in [outside, up.as_str(), "../outside", "/../../outside"] {
        let image = bench.image(&[
            layer(&[
                ("out", What::Symlink(target)),
                ("out/new", What::File(b"x")),
                ("file", What::Symlink(&format!("{target}/victim"))),
                ("file", What::File(b"in place of the link")),
                ("mode", What::Symlink(target)),
                ("mode/", What::Dir(0o777)),
            ]),
            layer(&[
                ("out/.wh.victim", What::File(b"")),
                ("out/folder/.wh..wh..opq", What::File(b"")),
            ]),
            layer(&[
                ("out/.wh..wh..opq", What::File(b"")),
                ("out/again", What::File(b"x")),
            ]),
            layer(&[(".wh.out", What::File(b""))]),
        ]);
        bench.ensure(&image).unwrap();
        bench.assert_nothing_outside();
    }
}

#[test]
fn links_in_circles_and_files_as_folders_are_refused() {
    assert_refused(|_| {
        vec![layer(&[
            ("a", What::Symlink("b")),
            ("b", What::Symlink("a")),
            ("a/x", What::File(b"")),
        ])]
    });
    assert_refused(|_| vec![layer(&[("a", What::File(b"")), ("a/x", What::File(b""))])]);
    assert_refused(|_| vec![layer(&[("a", What::Symlink(""))])]);
}

#[test]
fn no_way_of_nesting_makes_a_tree_that_is_too_deep_to_remove() {
    let deep = "d/".repeat(200);
    let hops: Vec<(String, String)> = (0..4)
        .map(|hop| {
            (
                format!("s{hop}"),
                if hop == 0 {
                    deep.clone()
                } else {
                    format!("s{}/{deep}", hop - 1)
                },
            )
        })
        .collect();
    assert_refused(|_| {
        let mut tar = Vec::new();
        for (name, target) in &hops {
            append(&mut tar, name.as_bytes(), &What::Symlink(target));
            append(&mut tar, format!("{name}/x").as_bytes(), &What::File(b""));
        }
        tar.resize(tar.len() + 1024, 0);
        vec![tar]
    });
    assert_refused(|_| vec![layer(&[("d/".repeat(300).as_str(), What::Dir(0o755))])]);
    assert_refused(|_| vec![layer(&[("n".repeat(300).as_str(), What::File(b""))])]);
}

#[test]
fn devices_and_pipes_are_left_out_and_named() {
    let bench = Bench::new();
    let nodes = [
        ("dev/sda", What::Flag(b'4')),
        ("dev/mem", What::Flag(b'3')),
        ("pipe", What::Flag(b'6')),
    ];
    let rootfs = bench.ensure(&bench.image(&[layer(&nodes)])).unwrap();
    assert_eq!(rootfs.skipped, ["dev/sda", "dev/mem", "pipe"]);
    assert_eq!(rootfs.skipped_count, 3);
    assert!(read_tree(&rootfs.path).is_empty());
    // A pipe's name may not become a way to what was there before.
    let twice = bench.image(&[layer(&[("x", What::Flag(b'6')), ("y", What::Hard("x"))])]);
    assert!(matches!(
        bench.ensure(&twice),
        Err(UnpackError::Entry { .. })
    ));
}

fn limited(tar: &[u8], bytes: u64, entries: u64) -> UnpackError {
    let bench = Bench::new();
    let image = bench.image(&[tar.to_vec()]);
    let limits = Limits { bytes, entries };
    let error = Rootfs::ensure(&bench.layout, &image, &bench.root(), &limits).unwrap_err();
    bench.assert_nothing_outside();
    assert!(list(&bench.root()).is_empty());
    error
}

#[test]
fn bombs_are_refused_before_they_cost_anything() {
    let too_large = |error: &UnpackError| {
        matches!(
            error,
            UnpackError::Entry {
                source: EntryError::TooLarge { .. },
                ..
            }
        )
    };
    let zeros = vec![0; 8 << 20];
    assert!(too_large(&limited(
        &layer(&[("zeros", What::File(&zeros))]),
        1 << 20,
        10
    )));
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let many: Vec<_> = many
        .iter()
        .map(|name| (name.as_str(), What::File(b"")))
        .collect();
    assert!(too_large(&limited(&layer(&many), 1 << 20, 10)));
    // The same name again and again leaves one file and costs as much.
    let same = vec![("same", What::File(b"x")); 11];
    assert!(too_large(&limited(&layer(&same), 1 << 20, 10)));
    assert!(too_large(&limited(&sparse(1 << 40), 1 << 30, 10)));
    // Nothing but padding after the end.
    let mut padding = layer(&[]);
    padding.resize(8 << 20, 0);
    let error = limited(&padding, 1 << 20, 10);
    assert!(matches!(error, UnpackError::Archive { .. }), "{error:?}");
}

/// A file of `size` bytes without a single stored one.
fn sparse(size: u64) -> Vec<u8> {
    let mut tar = Vec::new();
    header(&mut tar, b'S', b"sparse", (0o644, 0, b""));
    // In base 256, because octal digits end at 8 GiB.
    tar[483] = 0x80;
    tar[487..495].copy_from_slice(&size.to_be_bytes());
    seal(&mut tar);
    tar.resize(tar.len() + 1024, 0);
    tar
}

#[test]
fn a_sparse_file_is_as_long_as_it_says_and_takes_no_room() {
    use std::os::unix::fs::MetadataExt;
    let bench = Bench::new();
    let path = bench.ensure(&bench.image(&[sparse(1 << 30)])).unwrap().path;
    let metadata = std::fs::metadata(path.join("sparse")).unwrap();
    assert_eq!(metadata.len(), 1 << 30);
    assert!(metadata.blocks() < 16);
}

#[test]
fn a_name_of_a_gigabyte_is_not_read_into_memory() {
    let mut tar = Vec::new();
    header(&mut tar, b'L', b"././@LongLink", (0, 1 << 30, b""));
    padded(&mut tar, &[b'a'; 4096]);
    let error = limited(&tar, 1 << 20, 10);
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("1 MiB"),
        "{error:?}"
    );
}

#[test]
fn archives_that_end_early_or_hold_what_no_layer_has_are_refused() {
    let whole = layer(&[("a", What::File(&[b'x'; 2000]))]);
    for length in [100, 512, 513, 1000, 2000, 2500] {
        assert_refused(|_| vec![whole[..length].to_vec()]);
    }
    let mut torn = whole.clone();
    torn[0] ^= 1;
    assert_refused(|_| vec![torn.clone()]);
    for flag in [b'M', b'V', b'D', b'Z'] {
        assert_refused(|_| vec![layer(&[("a", What::Flag(flag))])]);
    }
    assert_refused(|_| {
        let mut tar = Vec::new();
        header(&mut tar, b'g', b"pax", (0, 14, b""));
        padded(&mut tar, b"14 path=other\n");
        vec![tar]
    });
}

#[test]
fn a_layer_that_is_damaged_on_disk_is_named_and_mended_by_its_bytes() {
    let bench = Bench::new();
    let image = bench.image(&[
        layer(&[("a", What::File(b"a"))]),
        layer(&[("b", What::File(b"b"))]),
    ]);
    let path = bench.layout.blob_path(&image.manifest.layers[1].digest);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[600] ^= 1;
    for damage in [&bad[..], &good[..700], b""] {
        write(&path, damage);
        let error = bench.ensure(&image).unwrap_err();
        assert!(matches!(error, UnpackError::Damaged { .. }), "{error:?}");
        let (shown, source) = (
            error.to_string(),
            std::error::Error::source(&error).unwrap().to_string(),
        );
        assert!(shown.contains("layer 2 of 2"), "{shown}");
        assert!(source.contains("should be"), "{source}");
        assert!(list(&bench.root()).is_empty());
    }
    write(&path, &good);
    bench.ensure(&image).unwrap();
}

#[test]
fn a_layer_with_another_content_than_the_configuration_says_is_refused() {
    let bench = Bench::new();
    let image = bench.image_of(
        &[layer(&[("a", What::File(b"a"))])],
        vec![Digest::of(b"something else")],
    );
    let error = bench.ensure(&image).unwrap_err();
    assert!(matches!(error, UnpackError::DiffId { .. }), "{error:?}");
    assert!(list(&bench.root()).is_empty());
}
