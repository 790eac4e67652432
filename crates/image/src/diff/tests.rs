use super::*;
use crate::assemble::{Base, ImagePlan, assemble};
use crate::layer::{Compression, Content, Layer, Parents, Source};
use crate::oci::{BlobWriter, Manifest, Platform, media};
use crate::package::{Origin, Package, Phase};
use std::io::Write;
use tar::{Builder, EntryType, Header};

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    (folder, layout)
}

fn package(name: &str, version: &str) -> Package {
    Package {
        name: name.into(),
        version: version.into(),
        ecosystem: Ecosystem::Cargo,
        phase: Phase::Runtime,
        is_root: false,
        origin: Origin::Registry,
        license: Some("MIT".into()),
        checksum: None,
        needs: vec![],
    }
}

fn image(layout: &Layout, files: &[(&str, &str)], packages: Vec<Package>) -> Descriptor {
    let mut layer = Layer::new("app", Parents::All);
    for (path, text) in files {
        layer
            .put(path, Content::File(Source::Bytes(text.as_bytes().to_vec())))
            .unwrap();
    }
    let mut plan = ImagePlan::new("app", Platform::linux("x86_64").unwrap(), Base::Nothing);
    plan.layers = vec![layer];
    plan.packages = packages;
    plan.compression = Compression::Compatible;
    assemble("app", &plan, layout).unwrap().descriptor
}

/// A layer as other tools write it: a plain tar of (path, kind, link target).
fn raw(layout: &Layout, entries: &[(&str, EntryType, &str)]) -> Descriptor {
    let mut tar = Builder::new(Vec::new());
    for (path, kind, target) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        if target.is_empty() {
            tar.append_data(&mut header, path, std::io::empty())
                .unwrap();
        } else {
            tar.append_link(&mut header, path, target).unwrap();
        }
    }
    let mut writer: BlobWriter = layout.writer().unwrap();
    writer.write_all(&tar.into_inner().unwrap()).unwrap();
    let (digest, size) = writer.finish(None).unwrap();
    Descriptor::new(media::LAYER_TAR, digest, size)
}

#[test]
fn files_and_packages_that_came_went_and_changed_are_told_apart() {
    let (_folder, layout) = layout();
    let old = [("/app/gone", "x"), ("/app/same", "s"), ("/app/new", "1")];
    let new = [("/app/same", "s"), ("/app/new", "22"), ("/app/more", "m")];
    let from = image(
        &layout,
        &old,
        vec![package("a", "1.0.0"), package("b", "1.0.0")],
    );
    let to = image(
        &layout,
        &new,
        vec![package("a", "2.0.0"), package("c", "1.0.0")],
    );
    let diff = diff((&layout, &from), (&layout, &to)).unwrap();
    let files: Vec<&str> = diff.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["/app/gone", "/app/more", "/app/new"]);
    assert!(matches!(diff.files["/app/gone"], Change::Removed { .. }));
    assert!(matches!(diff.files["/app/more"], Change::Added { .. }));
    let Change::Changed { from, to } = &diff.files["/app/new"] else {
        panic!("{:?}", diff.files)
    };
    assert!(matches!(
        (&from.kind, &to.kind),
        (Kind::File { size: 1, .. }, Kind::File { size: 2, .. })
    ));
    let versions = |from: &str, to: &str| Change::Changed {
        from: vec![from.to_owned()],
        to: vec![to.to_owned()],
    };
    assert_eq!(diff.packages["cargo:a"], versions("1.0.0", "2.0.0"));
    assert!(matches!(diff.packages["cargo:b"], Change::Removed { .. }));
    assert!(matches!(diff.packages["cargo:c"], Change::Added { .. }));
}

#[test]
fn an_image_does_not_differ_from_itself() {
    let (_folder, layout) = layout();
    let one = image(&layout, &[("/app/a", "a")], vec![package("a", "1.0.0")]);
    let diff = diff((&layout, &one), (&layout, &one)).unwrap();
    assert!(diff.files.is_empty() && diff.packages.is_empty());
}

#[test]
fn what_upper_layers_remove_is_not_in_the_tree() {
    let (_folder, layout) = layout();
    let (folder, file) = (EntryType::Directory, EntryType::Regular);
    let lower = raw(
        &layout,
        &[
            ("./a/", folder, ""),
            ("./a/kept", file, ""),
            ("./a/removed", file, ""),
            ("./b/", folder, ""),
            ("./b/c/", folder, ""),
            ("./b/c/d", file, ""),
            ("./e/", folder, ""),
            ("./e/f", file, ""),
            ("./g/", folder, ""),
            ("./g/h", file, ""),
        ],
    );
    let upper = raw(
        &layout,
        &[
            ("a/.wh.removed", file, ""),
            ("a/linked", EntryType::Link, "a/kept"),
            (".wh.b", file, ""),
            ("e/", folder, ""),
            ("e/.wh..wh..opq", file, ""),
            ("e/fresh", file, ""),
            ("g", EntryType::Symlink, "a"),
        ],
    );
    let config = layout.put(media::CONFIG, b"{}").unwrap();
    let manifest = Manifest::image(config, vec![lower, upper]);
    let tree = files::of_image(&layout, &manifest).unwrap();
    let paths: Vec<&str> = tree.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        ["/a", "/a/kept", "/a/linked", "/e", "/e/fresh", "/g"]
    );
    assert_eq!(tree["/a/linked"], tree["/a/kept"]);
    assert_eq!(tree["/g"].kind, Kind::Link { target: "a".into() });
}

#[test]
fn without_a_bill_debian_and_crate_lists_tell() {
    let (_folder, layout) = layout();
    let status = "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
    let files = [
        ("/var/lib/dpkg/status", status),
        (
            "/var/lib/dpkg/status.d/tzdata",
            "Package: tzdata\nVersion: 2024a\n",
        ),
        (
            "/usr/lib/node_modules/@a/npm/package.json",
            r#"{"name":"@a/npm","version":"1"}"#,
        ),
        (
            "/usr/lib/node_modules/npm/lib/package.json",
            r#"{"name":"inner","version":"1"}"#,
        ),
        (
            "/usr/lib/python3/pip-1.dist-info/METADATA",
            "Name: pip\nVersion: 1\n",
        ),
        (
            "/var/lib/dpkg/status.d/tzdata.md5sums",
            "Package: no\nVersion: 1\n",
        ),
    ];
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let list = crate::cargo::deps::encode(&[package("serde", "1.0.0")]).unwrap();
    let mut program = std::io::Cursor::new(own);
    crate::cargo::elf::add_section(&mut program, ".dep-v0", &list).unwrap();
    let program = program.into_inner();
    let mut layer = Layer::new("app", Parents::All);
    for (path, text) in files {
        layer
            .put(path, Content::File(Source::Bytes(text.as_bytes().to_vec())))
            .unwrap();
    }
    layer
        .put("/app/run", Content::Program(Source::Bytes(program)))
        .unwrap();
    layer
        .put(
            "/app/script",
            Content::Program(Source::Bytes(b"#!".to_vec())),
        )
        .unwrap();
    let mut plan = ImagePlan::new("app", Platform::linux("x86_64").unwrap(), Base::Nothing);
    plan.layers = vec![layer];
    let image = assemble("app", &plan, &layout).unwrap().descriptor;
    let packages = packages::of_image(&layout, &image).unwrap();
    let names: Vec<&str> = packages.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["@a/npm", "libc6", "pip", "serde", "tzdata"]);
}
