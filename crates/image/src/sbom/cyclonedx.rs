//! The bill of materials as CycloneDX 1.5 JSON.

use plimsoll_stdx::clock::rfc3339;
use serde_json::{Value, json};

use super::{Subject, license};
use crate::package::{Checksum, Origin, Package, Phase};

/// The bill of `subject`.
pub fn document(subject: &Subject<'_>) -> Value {
    let Subject { packages, .. } = subject;
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial(subject),
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(subject.epoch.saturating_mul(1000)),
            "tools": { "components": [{
                "type": "application",
                "name": "plimsoll",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "container",
                "bom-ref": subject.image.digest.as_str(),
                "name": subject.name,
                "version": subject.image.digest.as_str(),
                "hashes": [{ "alg": "SHA-256", "content": subject.image.digest.hex() }],
            },
        },
        "components": packages.iter().map(component).collect::<Vec<_>>(),
        "dependencies": dependencies(subject),
    })
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": if package.is_root { "application" } else { "library" },
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "scope": match package.phase { Phase::Runtime => "required", Phase::Build => "excluded" },
        "purl": package.purl(),
    });
    if let Some(written) = &package.license {
        component["licenses"] = match license::expression(written) {
            Some(expression) => json!([{ "expression": expression }]),
            None => json!([{ "license": { "name": written } }]),
        };
    }
    if let Some(checksum) = &package.checksum {
        let algorithm = match checksum {
            Checksum::Sha256(_) => "SHA-256",
            Checksum::Sha512(_) => "SHA-512",
        };
        component["hashes"] = json!([{ "alg": algorithm, "content": checksum.hex() }]);
    }
    if let Origin::Git(url) | Origin::OtherRegistry(url) = &package.origin {
        component["externalReferences"] = json!([{ "type": "distribution", "url": url }]);
    }
    component
}

/// The image needs the app (or, where none is named, everything), and each package what it needs.
fn dependencies(subject: &Subject<'_>) -> Vec<Value> {
    let packages = subject.packages;
    let mut roots: Vec<String> = packages
        .iter()
        .filter(|one| one.is_root)
        .map(reference)
        .collect();
    if roots.is_empty() {
        roots = packages.iter().map(reference).collect();
    }
    let image = json!({ "ref": subject.image.digest.as_str(), "dependsOn": roots });
    let each = packages.iter().map(|package| {
        let needs = package
            .needs
            .iter()
            .filter_map(|position| packages.get(*position));
        json!({ "ref": reference(package), "dependsOn": needs.map(reference).collect::<Vec<_>>() })
    });
    std::iter::once(image).chain(each).collect()
}

/// Unique in the bill: one name and version can come from two places, and be needed in two phases.
fn reference(package: &Package) -> String {
    let place = match &package.origin {
        Origin::Registry => "",
        Origin::Local => "?local",
        Origin::Git(url) | Origin::OtherRegistry(url) => url,
    };
    format!("{}{place}", package.purl())
}

/// A UUID made of the image's digest (version 8 of RFC 9562): the same image has the same bill.
fn serial(subject: &Subject<'_>) -> String {
    let hex = subject.image.digest.hex();
    let variant = match hex.as_bytes()[16] {
        b'0' | b'4' | b'8' | b'c' => '8',
        b'1' | b'5' | b'9' | b'd' => '9',
        b'2' | b'6' | b'a' | b'e' => 'a',
        _ => 'b',
    };
    format!(
        "urn:uuid:{}-{}-8{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
