//! How an image was made: an in-toto statement with a SLSA v1 provenance.
//!
//! It says what was asked for and what went in. It is not signed, and there is nothing in it that a second build
//! would not repeat: no times, no machine, no user.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use serde_json::{Value, json};

use super::Subject;
use crate::package::{Checksum, Origin, Package};

/// What kind of build it is: the meaning of the parameters is that of the app's file.
const BUILD_TYPE: &str = "https://plimsoll.invalid/build/v1";
const BUILDER: &str = "https://plimsoll.invalid/builder/local";

/// How an image was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// What the app's file asks for: `service`, `cargo`, `bin`, `profile`, `run`, ...
    pub parameters: BTreeMap<String, String>,
    /// Sources by address, with the digest of what was taken: the repository's revision, the base image.
    pub sources: Vec<(String, Digest)>,
    /// Tools with their versions: `rustc`, `npm`.
    pub tools: BTreeMap<String, String>,
}

/// The statement about `subject`.
pub fn statement(subject: &Subject<'_>, provenance: &Provenance) -> Value {
    let sources = provenance
        .sources
        .iter()
        .map(|(uri, digest)| json!({ "uri": uri, "digest": { "sha256": digest.hex() } }));
    let packages = subject.packages.iter().filter_map(material);
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": subject.name,
            "digest": { "sha256": subject.image.digest.hex() },
        }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": provenance.parameters,
                "internalParameters": { "tools": provenance.tools },
                "resolvedDependencies": sources.chain(packages).collect::<Vec<_>>(),
            },
            "runDetails": {
                "builder": {
                    "id": BUILDER,
                    "version": { "plimsoll": env!("CARGO_PKG_VERSION") },
                },
            },
        },
    })
}

/// A package that a lock file pins by a digest.
fn material(package: &Package) -> Option<Value> {
    let digest = match package.checksum.as_ref()? {
        Checksum::Sha256(hex) => json!({ "sha256": hex }),
        Checksum::Sha512(hex) => json!({ "sha512": hex }),
    };
    (package.origin != Origin::Local).then(|| json!({ "uri": package.purl(), "digest": digest }))
}
