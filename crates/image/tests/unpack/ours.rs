//! What the builder writes, the unpacker reads: another tar writer than the one of the other tests.

use plimsoll_image::layer::{Compression, Content, Layer, Parents, Source, base, write};
use plimsoll_image::oci::{ImageConfig, Manifest, Platform, media};
use plimsoll_image::unpack::Image;

use super::support::{Bench, Node, mode, read_tree};

fn assembled(bench: &Bench, compression: Compression) -> Image {
    let mut app = Layer::new("app", Parents::All);
    let long = format!("/app/{}/{}", "a".repeat(120), "b".repeat(120));
    for path in ["/app/run", long.as_str()] {
        app.put(path, Content::File(Source::Bytes(path.as_bytes().to_vec())))
            .unwrap();
    }
    let machine = Platform::linux(std::env::consts::ARCH).unwrap();
    let mut config = ImageConfig::new(&machine);
    let mut blobs = Vec::new();
    for layer in [base::layer().unwrap(), app] {
        let built = write(&layer, &bench.layout, compression, 0).unwrap();
        config.rootfs.diff_ids.push(built.diff_id.clone());
        blobs.push(built.descriptor());
    }
    let config = bench.layout.put_json(media::CONFIG, &config).unwrap();
    let named = bench
        .layout
        .put_json(media::MANIFEST, &Manifest::image(config, blobs))
        .unwrap();
    Image::open(&bench.layout, &named, &machine).unwrap()
}

#[test]
fn an_image_of_ours_unpacks_to_what_was_put_in_however_it_is_compressed() {
    let bench = Bench::new();
    for compression in [
        Compression::Fast,
        Compression::Small,
        Compression::Compatible,
    ] {
        let image = assembled(&bench, compression);
        let path = bench.ensure(&image).unwrap().path;
        let tree = read_tree(&path);
        assert_eq!(tree["app/run"], Node::File(b"/app/run".to_vec()));
        assert_eq!(
            tree.keys()
                .filter(|path| path.ends_with(&"b".repeat(120)))
                .count(),
            1
        );
        assert_eq!(mode(&path.join("tmp")), 0o1777);
        let bundle = std::fs::read(path.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
        assert_eq!(bundle, base::ca_bundle().into_bytes());
        assert!(matches!(&tree["etc/hosts"], Node::File(text) if text.starts_with(b"127.0.0.1")));
    }
}
