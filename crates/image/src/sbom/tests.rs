use super::*;
use crate::package::{Checksum, Ecosystem, Origin, Phase};

fn packages() -> Vec<Package> {
    let package = |name: &str, is_root, phase, license: &str, needs| Package {
        name: name.into(),
        version: "1.0.0".into(),
        ecosystem: Ecosystem::Cargo,
        phase,
        is_root,
        origin: if is_root {
            Origin::Local
        } else {
            Origin::Registry
        },
        license: Some(license.into()),
        checksum: (!is_root).then(|| Checksum::Sha256("ab".repeat(32))),
        needs,
    };
    vec![
        package("app", true, Phase::Runtime, "Apache-2.0", vec![1, 2]),
        package("gen", false, Phase::Build, "MIT/Apache-2.0", vec![]),
        package("lib", false, Phase::Runtime, "see the file", vec![]),
    ]
}

fn with_subject<T>(body: impl FnOnce(&Subject<'_>) -> T) -> T {
    let image = Descriptor::of(crate::oci::media::MANIFEST, b"image");
    body(&Subject {
        name: "app/backend",
        image: &image,
        packages: &packages(),
        epoch: 0,
    })
}

#[test]
fn the_cyclonedx_bill_names_every_package_once_and_who_needs_it() {
    let bill = with_subject(cyclonedx::document);
    assert_eq!(bill["specVersion"], "1.5");
    let components = bill["components"].as_array().unwrap();
    assert_eq!(components.len(), 3);
    assert_eq!(
        components[1]["licenses"][0]["expression"],
        "MIT OR Apache-2.0"
    );
    assert_eq!(components[1]["scope"], "excluded");
    assert_eq!(
        components[2]["licenses"][0]["license"]["name"],
        "see the file"
    );
    assert_eq!(components[2]["purl"], "pkg:cargo/lib@1.0.0");
    let needs = &bill["dependencies"][1];
    assert_eq!(needs["ref"], components[0]["bom-ref"]);
    assert_eq!(needs["dependsOn"].as_array().unwrap().len(), 2);
    let serial = bill["serialNumber"].as_str().unwrap();
    assert_eq!(
        (serial.len(), &serial[..9], &serial[23..24]),
        (45, "urn:uuid:", "8")
    );
}

#[test]
fn the_spdx_bill_relates_image_and_packages() {
    let bill = with_subject(spdx::document);
    assert_eq!(bill["spdxVersion"], "SPDX-2.3");
    assert_eq!(bill["creationInfo"]["created"], "1970-01-01T00:00:00Z");
    assert_eq!(bill["packages"].as_array().unwrap().len(), 4);
    assert_eq!(bill["packages"][3]["licenseDeclared"], "NOASSERTION");
    let relations = bill["relationships"].as_array().unwrap();
    let count = |kind: &str| {
        relations
            .iter()
            .filter(|one| one["relationshipType"] == kind)
            .count()
    };
    assert_eq!(
        (
            count("DESCRIBES"),
            count("CONTAINS"),
            count("BUILD_TOOL_OF"),
            count("DEPENDS_ON")
        ),
        (1, 2, 1, 2)
    );
}

#[test]
fn the_statement_names_the_image_and_what_went_in_by_digest() {
    let provenance = Provenance {
        parameters: [("bin".to_owned(), "recon".to_owned())].into(),
        sources: vec![(
            "git+https://example.com/app".into(),
            plimsoll_bundle::Digest::of(b"tree"),
        )],
        tools: [("rustc".to_owned(), "1.95.0".to_owned())].into(),
    };
    let statement = with_subject(|subject| provenance::statement(subject, &provenance));
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["bin"], "recon");
    assert_eq!(
        definition["resolvedDependencies"].as_array().unwrap().len(),
        3
    );
}
