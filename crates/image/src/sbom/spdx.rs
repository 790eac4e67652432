//! The bill of materials as SPDX 2.3 JSON.

use plimsoll_stdx::clock::rfc3339;
use serde_json::{Value, json};

use super::{Subject, license};
use crate::package::{Checksum, Origin, Package, Phase};

const IMAGE: &str = "SPDXRef-Image";

/// The bill of `subject`.
pub fn document(subject: &Subject<'_>) -> Value {
    let mut packages = vec![image(subject)];
    packages.extend(
        subject
            .packages
            .iter()
            .enumerate()
            .map(|(position, one)| package(position, one)),
    );
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": subject.name,
        // Unique by the image's digest, and an address of nothing, as the specification allows.
        "documentNamespace": format!("https://plimsoll.invalid/spdx/{}", subject.image.digest.hex()),
        "creationInfo": {
            // SPDX knows no fractions of a second.
            "created": rfc3339(subject.epoch.saturating_mul(1000)).replace(".000Z", "Z"),
            "creators": [concat!("Tool: plimsoll-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relationships(subject.packages),
    })
}

fn image(subject: &Subject<'_>) -> Value {
    let digest = &subject.image.digest;
    json!({
        "SPDXID": IMAGE,
        "name": subject.name,
        "versionInfo": digest.as_str(),
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "checksums": [{ "algorithm": "SHA256", "checksumValue": digest.hex() }],
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    })
}

fn package(position: usize, package: &Package) -> Value {
    let declared = package.license.as_deref().and_then(license::expression);
    let location = match &package.origin {
        // SPDX writes a repository as a scheme of its kind.
        Origin::Git(url) if url.starts_with("git+") => url.as_str(),
        Origin::Registry | Origin::OtherRegistry(_) | Origin::Git(_) | Origin::Local => {
            "NOASSERTION"
        }
    };
    let mut value = json!({
        "SPDXID": reference(position),
        "name": package.name,
        "versionInfo": package.version,
        "primaryPackagePurpose": if package.is_root { "APPLICATION" } else { "LIBRARY" },
        "downloadLocation": location,
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": declared.as_deref().unwrap_or("NOASSERTION"),
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": package.purl(),
        }],
    });
    if let Some(checksum) = &package.checksum {
        let algorithm = match checksum {
            Checksum::Sha256(_) => "SHA256",
            Checksum::Sha512(_) => "SHA512",
        };
        value["checksums"] = json!([{ "algorithm": algorithm, "checksumValue": checksum.hex() }]);
    }
    value
}

fn relationships(packages: &[Package]) -> Vec<Value> {
    let relation = |from: &str, kind: &str, to: &str| json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to });
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    for (position, package) in packages.iter().enumerate() {
        let own = reference(position);
        relations.push(match package.phase {
            Phase::Runtime => relation(IMAGE, "CONTAINS", &own),
            Phase::Build => relation(&own, "BUILD_TOOL_OF", IMAGE),
        });
        let needs = package.needs.iter().filter(|need| **need < packages.len());
        relations.extend(needs.map(|need| relation(&own, "DEPENDS_ON", &reference(*need))));
    }
    relations
}

fn reference(position: usize) -> String {
    format!("SPDXRef-Package-{position}")
}
