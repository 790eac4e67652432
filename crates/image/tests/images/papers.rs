//! Bills of materials, read by the validators of their makers.

use plimsoll_image::oci::{Layout, MAX_DOCUMENT};
use plimsoll_image::sbom::{CYCLONEDX, IN_TOTO, SPDX};

use crate::world::{built, output, plan, succeeds};

/// A Python with `cyclonedx-python-lib[validation]` and `spdx-tools`; `python3` unless named.
const PYTHON: &str = "PLIMSOLL_TEST_PYTHON";

fn python() -> String {
    std::env::var(PYTHON).unwrap_or_else(|_| "python3".into())
}

/// The attached paper of this kind, as a file.
fn paper(layout: &Layout, image: &plimsoll_bundle::Digest, kind: &str) -> String {
    let referrers = layout.referrers(image).unwrap();
    let found = referrers
        .iter()
        .find(|one| one.artifact_type.as_deref() == Some(kind));
    let manifest = layout.manifest(found.unwrap()).unwrap();
    assert_eq!(manifest.subject.unwrap().digest, *image);
    let blob = &manifest.layers[0];
    layout.read(blob, MAX_DOCUMENT).unwrap();
    layout.blob_path(&blob.digest).to_str().unwrap().to_owned()
}

#[test]
fn the_cyclonedx_bill_is_valid() {
    let python = python();
    if !succeeds(&[
        &python,
        "-c",
        "import cyclonedx.validation.json, jsonschema",
    ]) {
        println!("skipped: needs cyclonedx-python-lib[validation]");
        return;
    }
    let (_folder, layout, image) = built(&plan(1000));
    let path = paper(&layout, &image.digest, CYCLONEDX);
    let script = "import sys\n\
        from cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())\n\
        sys.exit(repr(error) if error else 0)";
    output(&[&python, "-c", script, &path]);
}

#[test]
fn the_spdx_bill_is_valid() {
    let python = python();
    if !succeeds(&[&python, "-c", "import spdx_tools"]) {
        println!("skipped: needs spdx-tools");
        return;
    }
    let (_folder, layout, image) = built(&plan(1000));
    let path = paper(&layout, &image.digest, SPDX);
    let script = "import sys\n\
        from spdx_tools.spdx.parser.json import json_parser\n\
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document\n\
        errors = validate_full_spdx_document(json_parser.parse_from_file(sys.argv[1]))\n\
        sys.exit('\\n'.join(e.validation_message for e in errors) if errors else 0)";
    output(&[&python, "-c", script, &path]);
}

#[test]
fn equal_images_have_equal_papers() {
    let papers = || {
        let (_folder, layout, image) = built(&plan(1000));
        [CYCLONEDX, SPDX, IN_TOTO]
            .map(|kind| std::fs::read(paper(&layout, &image.digest, kind)).unwrap())
    };
    assert_eq!(papers(), papers());
}
