//! Images and archives, read by the tools that others use.

use plimsoll_image::archive::{self, Papers};
use plimsoll_image::layer::Compression;
use plimsoll_image::oci::Layout;

use crate::world::{built, output, plan, succeeds};

fn has_skopeo() -> bool {
    let there = succeeds(&["skopeo", "--version"]);
    if !there {
        println!("skipped: needs skopeo");
    }
    there
}

#[test]
fn skopeo_reads_the_layout_and_finds_what_we_say() {
    if !has_skopeo() {
        return;
    }
    let mut plan = plan(1000);
    plan.settings
        .labels
        .insert("org.opencontainers.image.title".into(), "Backend".into());
    let (_folder, layout, image) = built(&plan);
    let address = format!("oci:{}:app/backend", layout.root().display());
    let text = output(&["skopeo", "inspect", &address]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["Digest"], image.digest.as_str());
    assert_eq!(value["Labels"]["org.opencontainers.image.title"], "Backend");
    assert_eq!(
        value["Layers"].as_array().unwrap().len(),
        image.layers.len()
    );
}

#[test]
fn skopeo_copies_layouts_and_archives_to_the_same_digest() {
    if !has_skopeo() {
        return;
    }
    let (folder, layout, image) = built(&plan(1000));
    let file = folder.path().join("image.tar");
    archive::write(
        &layout,
        (&image.descriptor, "app/backend"),
        Papers::Without,
        &file,
    )
    .unwrap();
    let sources = [
        format!("oci:{}:app/backend", layout.root().display()),
        format!("oci-archive:{}", file.display()),
    ];
    for (number, source) in sources.iter().enumerate() {
        let copy = folder.path().join(format!("copy{number}"));
        let address = format!("oci:{}:copy", copy.display());
        output(&["skopeo", "copy", "--quiet", source, &address]);
        let copied = Layout::open(copy).unwrap().resolve("copy").unwrap();
        assert_eq!(copied.digest, image.digest, "{source}");
    }
}

#[test]
fn the_compatible_image_becomes_a_docker_archive() {
    if !has_skopeo() {
        return;
    }
    let mut plan = plan(1000);
    plan.compression = Compression::Compatible;
    let (folder, layout, _) = built(&plan);
    let source = format!("oci:{}:app/backend", layout.root().display());
    let target = format!(
        "docker-archive:{}:app:1",
        folder.path().join("docker.tar").display()
    );
    output(&["skopeo", "copy", "--quiet", &source, &target]);
}

#[test]
fn an_archive_is_the_same_each_time_and_holds_the_papers_when_asked() {
    let (folder, layout, image) = built(&plan(1000));
    let write = |name: &str, papers| {
        let path = folder.path().join(name);
        archive::write(&layout, (&image.descriptor, "app/backend"), papers, &path).unwrap();
        std::fs::read(path).unwrap()
    };
    let one = write("1.tar", Papers::Without);
    assert_eq!(one, write("2.tar", Papers::Without));
    let entries = |bytes: &[u8]| tar::Archive::new(bytes).entries().unwrap().count();
    // Two folders, the marker, the index, manifest, configuration and layers.
    assert_eq!(entries(&one), 2 + 2 + 2 + image.layers.len());
    // Three papers: a document and a manifest each, their common configuration and the list of them.
    let with_papers = write("3.tar", Papers::With);
    assert_eq!(entries(&with_papers), entries(&one) + 3 * 2 + 2);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 4, "three archives and the layout: {left:?}");
}

#[test]
fn a_damaged_blob_makes_no_archive() {
    let (folder, layout, image) = built(&plan(1000));
    let path = layout.blob_path(&image.layers[1].digest);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    plimsoll_stdx::fs::write_atomic(&path, &bytes).unwrap();
    let file = folder.path().join("image.tar");
    let target = (&image.descriptor, "app/backend");
    let error = archive::write(&layout, target, Papers::Without, &file).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(!file.exists());
}
