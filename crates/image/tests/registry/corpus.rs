//! What the fuzzer keeps of documents and headers is still answered.

use std::path::Path;

use plimsoll_image::oci::{ImageConfig, Index, Manifest};
use plimsoll_image::registry::{Reference, challenge, headers};

fn each(name: &str, mut answer: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        answer(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 5, "only {count} files in the corpus {name}");
}

#[test]
fn the_corpus_of_documents_is_answered() {
    let mut good = 0;
    each("oci_json", |bytes| {
        good += usize::from(Manifest::parse(bytes, "there").is_ok());
        good += usize::from(Index::parse(bytes, "there").is_ok());
        good += usize::from(ImageConfig::parse(bytes, "there").is_ok());
    });
    assert!(good >= 3, "nothing in the corpus is a document");
}

#[test]
fn the_corpus_of_answers_is_answered() {
    let mut good = 0;
    each("registry_answer", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        good += usize::from(text.parse::<Reference>().is_ok());
        good += challenge::parse(&text).len();
        good += usize::from(headers::received(&text).is_some());
        good += usize::from(headers::part_start(&text).is_some());
        good += usize::from(headers::next_page(&text).is_some());
        good += usize::from(headers::retry_after(&text).is_some());
    });
    assert!(good >= 6, "nothing in the corpus is understood");
}
