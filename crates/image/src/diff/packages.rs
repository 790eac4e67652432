//! What an image says it is made of: its bill of materials where one is attached, else what its files tell.

use std::io::{self, Read};

use serde_json::Value;
use tar::{Archive, EntryType};

use crate::assemble::ImageError;
use crate::cargo::{deps, elf};
use crate::layer::read;
use crate::oci::{Descriptor, Layout, OciError};
use crate::package::{Ecosystem, Origin, Package, Phase};
use crate::python;
use crate::sbom;

/// A bill of 10,000 packages has 10 MB.
const MAX_BILL: u64 = 64 << 20;
/// Programs looked into, at the most: larger ones carry data, and none without a crate list.
const MAX_PROGRAM: u64 = 256 << 20;
/// `package.json` of a module with all that tools put there.
const MAX_MODULE: u64 = 4 << 20;
/// dpkg's list of a full desktop has 5 MB.
const MAX_STATUS: u64 = 32 << 20;

/// The packages of an image, sorted: those of the CycloneDX bill that is attached to it, or the crate lists in its
/// programs, the modules of Node and Python and the package lists of Debian.
pub fn of_image(layout: &Layout, image: &Descriptor) -> Result<Vec<Package>, ImageError> {
    let referrers = layout.referrers(&image.digest)?;
    let bill = referrers
        .iter()
        .find(|one| one.artifact_type.as_deref() == Some(sbom::CYCLONEDX));
    let mut packages = match bill {
        Some(bill) => of_bill(layout, bill)?,
        None => Vec::new(),
    };
    if packages.is_empty() {
        for layer in &layout.manifest(image)?.layers {
            packages.extend(of_layer(layout, layer)?);
        }
    }
    for package in &mut packages {
        // Positions in other lists mean nothing in this one.
        package.needs.clear();
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

fn of_bill(layout: &Layout, bill: &Descriptor) -> Result<Vec<Package>, ImageError> {
    let manifest = layout.manifest(bill)?;
    let Some(blob) = manifest.layers.first() else {
        return Ok(Vec::new());
    };
    let bytes = layout.read(blob, MAX_BILL)?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|source| OciError::Malformed {
        what: "the bill of materials",
        place: blob.digest.to_string(),
        source,
    })?;
    let components = document["components"].as_array().into_iter().flatten();
    Ok(components.filter_map(component).collect())
}

fn component(value: &Value) -> Option<Package> {
    let purl = value["purl"].as_str()?;
    let ecosystem = match purl.strip_prefix("pkg:")?.split('/').next()? {
        "cargo" => Ecosystem::Cargo,
        "npm" => Ecosystem::Npm,
        "pypi" => Ecosystem::Pypi,
        "deb" => Ecosystem::Deb,
        _ => return None,
    };
    let phase = match value["scope"].as_str() {
        Some("excluded") => Phase::Build,
        _ => Phase::Runtime,
    };
    Some(Package {
        is_root: value["type"] == "application",
        phase,
        ..found(
            value["name"].as_str()?,
            value["version"].as_str()?,
            ecosystem,
        )
    })
}

fn of_layer(layout: &Layout, layer: &Descriptor) -> Result<Vec<Package>, ImageError> {
    let failed = |source| ImageError::Layer {
        digest: layer.digest.clone(),
        source,
    };
    let mut archive = Archive::new(read::open(layout, layer)?);
    let mut packages = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_start_matches('/');
        let is_status = path == "var/lib/dpkg/status" || path.starts_with("var/lib/dpkg/status.d/");
        if is_status && !path.ends_with(".md5sums") {
            let bytes = whole(&mut entry, MAX_STATUS).map_err(failed)?;
            packages.extend(debian(&String::from_utf8_lossy(&bytes)));
        } else if python::is_metadata(path) {
            let bytes = whole(&mut entry, python::MAX_METADATA).map_err(failed)?;
            packages.extend(python::parse(&String::from_utf8_lossy(&bytes)));
        } else if is_module(path) {
            let bytes = whole(&mut entry, MAX_MODULE).map_err(failed)?;
            packages.extend(module(&bytes));
        } else if entry.header().mode().map_err(failed)? & 0o111 != 0 {
            packages.extend(program(&mut entry).map_err(failed)?);
        }
    }
    Ok(packages)
}

/// Whether npm installed a module there: `node_modules/name/package.json`, with a scope before the name or not.
fn is_module(path: &str) -> bool {
    let Some((folder, "package.json")) = path.rsplit_once('/') else {
        return false;
    };
    let module = folder.rsplit("node_modules/").next().unwrap_or_default();
    let parts = module.split('/').count();
    let expected = if module.starts_with('@') { 2 } else { 1 };
    folder.contains("node_modules/") && parts == expected
}

/// The package of a module; none where its file names none.
fn module(bytes: &[u8]) -> Option<Package> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    Some(found(
        value["name"].as_str()?,
        value["version"].as_str()?,
        Ecosystem::Npm,
    ))
}

/// The crates that a program says it is made of; none where it is no program, or says nothing.
fn program<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Vec<Package>> {
    if entry.size() > MAX_PROGRAM {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; 4];
    let mut head = 0;
    while head < bytes.len() {
        match entry.read(&mut bytes[head..])? {
            0 => return Ok(Vec::new()),
            count => head += count,
        }
    }
    if !elf::is_elf(&bytes) {
        return Ok(Vec::new());
    }
    entry.read_to_end(&mut bytes)?;
    // A program that others made may be damaged, and so may its list: then it says nothing.
    let section = elf::section(&mut io::Cursor::new(bytes), deps::SECTION);
    Ok(section
        .ok()
        .flatten()
        .and_then(|list| deps::decode(&list).ok())
        .unwrap_or_default())
}

fn whole<R: Read>(entry: &mut tar::Entry<'_, R>, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other("its list of packages is too long"));
    }
    Ok(bytes)
}

/// The stanzas of dpkg's status, of those that are installed (distroless' own have no status at all).
fn debian(text: &str) -> Vec<Package> {
    let stanzas = text.split("\n\n").filter_map(|stanza| {
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix(':')).map(str::trim)
        };
        let installed = field("Status").is_none_or(|status| status.ends_with(" installed"));
        installed.then(|| Some(found(field("Package")?, field("Version")?, Ecosystem::Deb)))?
    });
    stanzas.collect()
}

fn found(name: &str, version: &str, ecosystem: Ecosystem) -> Package {
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem,
        phase: Phase::Runtime,
        is_root: false,
        origin: Origin::Registry,
        license: None,
        checksum: None,
        needs: Vec::new(),
    }
}
