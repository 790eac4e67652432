use std::os::unix::fs::PermissionsExt;

use super::*;

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    (folder, layout)
}

fn image(layout: &Layout, text: &str) -> Descriptor {
    let config = layout.put(media::CONFIG, text.as_bytes()).unwrap();
    let manifest = Manifest::image(config, vec![]);
    layout.put_json(media::MANIFEST, &manifest).unwrap()
}

#[test]
fn a_layout_is_what_the_specification_says() {
    let (_folder, layout) = layout();
    let file = |name: &str| fs::read_to_string(layout.root().join(name)).unwrap();
    assert_eq!(file("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(
        file("index.json"),
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
    );
    let blob = layout.put(media::LAYER_TAR, b"plimsoll").unwrap();
    let path = layout.root().join("blobs/sha256").join(blob.digest.hex());
    assert_eq!(fs::read(&path).unwrap(), b"plimsoll");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o644
    );
}

#[test]
fn a_name_points_to_one_image_and_a_digest_to_itself() {
    let (_folder, layout) = layout();
    let (one, two) = (image(&layout, "1"), image(&layout, "2"));
    layout.tag("app/backend:1", &one).unwrap();
    layout.tag("app/backend:1", &two).unwrap();
    layout.tag("other", &one).unwrap();
    let found = layout.resolve("app/backend:1").unwrap();
    assert_eq!((found.digest, found.size), (two.digest.clone(), two.size));
    assert_eq!(layout.index().unwrap().manifests.len(), 2);
    let untagged = image(&layout, "3");
    assert_eq!(layout.resolve(untagged.digest.as_str()).unwrap(), untagged);
    let error = layout.resolve("nothing").unwrap_err();
    let OciError::UnknownName { known, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(known, ["app/backend:1", "other"]);
}

#[test]
fn a_layout_of_one_image_needs_no_name() {
    let (_folder, layout) = layout();
    let one = image(&layout, "1");
    layout.tag("one", &one).unwrap();
    assert_eq!(layout.resolve("").unwrap().digest, one.digest);
    layout.tag("two", &one).unwrap();
    assert!(layout.resolve("").is_err());
}

#[test]
fn names_that_no_tool_finds_again_and_blobs_that_are_not_there_are_refused() {
    let (_folder, layout) = layout();
    let one = image(&layout, "1");
    for name in ["", "a b", "-a", "a/", "a\n", "ü", &"a".repeat(400)] {
        assert!(
            matches!(layout.tag(name, &one), Err(OciError::BadName(_))),
            "{name}"
        );
    }
    let absent = Descriptor::of(media::MANIFEST, b"absent");
    assert!(matches!(
        layout.tag("a", &absent),
        Err(OciError::NoBlob { .. })
    ));
    assert!(matches!(
        layout.read(&absent, 100),
        Err(OciError::NoBlob { .. })
    ));
}

#[test]
fn a_damaged_a_shortened_and_an_overlong_blob_are_never_returned() {
    let (_folder, layout) = layout();
    let blob = layout.put(media::LAYER_TAR, b"plimsoll").unwrap();
    assert_eq!(layout.read(&blob, 8).unwrap(), b"plimsoll");
    assert!(matches!(
        layout.read(&blob, 7),
        Err(OciError::TooLarge { .. })
    ));
    for bytes in [&b"plimsolx"[..], b"plim"] {
        plimsoll_stdx::fs::write_atomic(&layout.blob_path(&blob.digest), bytes).unwrap();
        assert!(matches!(
            layout.read(&blob, 8),
            Err(OciError::Mismatch { .. })
        ));
    }
    assert!(!layout.has(&blob));
}

#[test]
fn a_folder_that_is_no_layout_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let error = Layout::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("oci-layout"), "{error}");
    let marker = br#"{"imageLayoutVersion":"7.0.0"}"#;
    plimsoll_stdx::fs::write_atomic(&folder.path().join("oci-layout"), marker).unwrap();
    let error = Layout::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("7.0.0"), "{error}");
}

#[test]
fn opening_again_keeps_the_images_and_sweeps_what_was_left_half_written() {
    let (folder, layout) = layout();
    let one = image(&layout, "1");
    layout.tag("one", &one).unwrap();
    let left = layout.root().join(".partial/left");
    plimsoll_stdx::fs::write_atomic(&left, b"half").unwrap();
    let again = Layout::create(folder.path().join("images")).unwrap();
    assert!(!left.exists());
    assert_eq!(again.resolve("one").unwrap().digest, one.digest);
}

#[test]
fn threads_that_tag_at_once_lose_no_name() {
    let (_folder, layout) = layout();
    let one = image(&layout, "1");
    thread::scope(|scope| {
        for number in 0..8 {
            let (layout, one) = (&layout, &one);
            scope.spawn(move || layout.tag(&format!("name{number}"), one).unwrap());
        }
    });
    assert_eq!(layout.index().unwrap().manifests.len(), 8);
}

#[test]
fn an_attached_artefact_is_listed_with_its_image_once_of_each_kind() {
    let (_folder, layout) = layout();
    let one = image(&layout, "1");
    let attach = |kind: &str, text: &str| {
        let blob = layout.put(kind, text.as_bytes()).unwrap();
        layout
            .attach(&Manifest::artefact(kind, blob, one.bare()))
            .unwrap()
    };
    attach("application/spdx+json", "old");
    attach("application/vnd.cyclonedx+json", "c");
    let new = attach("application/spdx+json", "new");
    let referrers = layout.referrers(&one.digest).unwrap();
    assert_eq!(referrers.len(), 2);
    let spdx = referrers
        .iter()
        .find(|one| one.digest == new.digest)
        .unwrap();
    assert_eq!(spdx.artifact_type.as_deref(), Some("application/spdx+json"));
    let manifest = layout.manifest(spdx).unwrap();
    assert_eq!(manifest.subject, Some(one));
    assert!(manifest.blobs().all(|blob| layout.has(blob)));
    assert!(layout.referrers(&Digest::of(b"other")).unwrap().is_empty());
}
