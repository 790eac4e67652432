//! What the fuzzer found worth keeping is still answered.

use plimsoll_image::unpack::{Limits, Rootfs};

use super::support::Bench;

#[test]
fn the_corpus_of_layers_is_answered_and_nothing_gets_out() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/layer_tar");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let bench = Bench::new();
        let image = bench.image(&[bytes.clone(), bytes]);
        let limits = Limits {
            bytes: 1 << 20,
            entries: 1000,
        };
        // Most are refused; what counts is what is left and what is outside.
        let _ = Rootfs::ensure(&bench.layout, &image, &bench.root(), &limits);
        bench.assert_nothing_outside();
        count += 1;
    }
    assert!(count >= 8, "only {count} files in the corpus");
}
