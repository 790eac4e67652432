//! Images in one tar file.

use plimsoll_image::oci::{Index, Layout, to_bytes};
use plimsoll_image::unpack::{UnpackError, archive};

use super::support::{Bench, What, append, layer, list, read_tree, write};

fn packed(bench: &Bench, index: &Index) -> Vec<u8> {
    let mut tar = Vec::new();
    append(
        &mut tar,
        b"oci-layout",
        &What::File(br#"{"imageLayoutVersion":"1.0.0"}"#),
    );
    append(
        &mut tar,
        b"index.json",
        &What::File(&to_bytes(index).unwrap()),
    );
    let blobs = bench.layout.root().join("blobs/sha256");
    for name in list(&blobs) {
        let bytes = std::fs::read(blobs.join(&name)).unwrap();
        append(
            &mut tar,
            format!("./blobs/sha256/{name}").as_bytes(),
            &What::File(&bytes),
        );
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

#[test]
fn an_oci_archive_is_read_and_its_image_unpacks() {
    let made = Bench::new();
    let image = made.image(&[layer(&[("a", What::File(b"a"))])]);
    let path = made.folder.path().join("image.tar");
    write(
        &path,
        &packed(&made, &Index::new(vec![image.descriptor.clone()])),
    );
    let other = Bench::new();
    let index = archive::import(&path, &other.layout).unwrap();
    assert_eq!(index.manifests, std::slice::from_ref(&image.descriptor));
    let rootfs = other.ensure(&image).unwrap();
    assert!(read_tree(&rootfs.path).contains_key("a"));
}

#[test]
fn a_docker_archive_is_refused_with_the_command_that_converts_it() {
    let bench = Bench::new();
    let path = bench.folder.path().join("docker.tar");
    write(
        &path,
        &layer(&[
            ("manifest.json", What::File(b"[]")),
            ("x/layer.tar", What::File(b"")),
        ]),
    );
    let error = archive::import(&path, &bench.layout).unwrap_err();
    assert!(
        error.to_string().contains("skopeo copy docker-archive:"),
        "{error}"
    );
}

#[test]
fn archives_that_lie_about_a_blob_or_leave_one_out_are_refused() {
    let bench = Bench::new();
    let image = bench.image(&[]);
    let path = bench.folder.path().join("image.tar");
    let index = Index::new(vec![image.descriptor.clone()]);
    let refused = |tar: &[u8]| {
        write(&path, tar);
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("images")).unwrap();
        archive::import(&path, &layout).unwrap_err()
    };
    let name = format!("blobs/sha256/{}", image.descriptor.digest.hex());
    let lie = layer(&[(name.as_str(), What::File(b"lie"))]);
    assert!(matches!(refused(&lie), UnpackError::Oci(_)));
    let mut short = Vec::new();
    append(&mut short, b"oci-layout", &What::File(b"{}"));
    append(
        &mut short,
        b"index.json",
        &What::File(&to_bytes(&index).unwrap()),
    );
    assert!(refused(&short).to_string().contains("does not hold"));
    for tar in [
        &b"no archive"[..],
        &[0x1f, 0x8b, 8, 0],
        &layer(&[("../x", What::File(b""))]),
        &layer(&[]),
    ] {
        assert!(matches!(refused(tar), UnpackError::NotAnArchive { .. }));
    }
}
