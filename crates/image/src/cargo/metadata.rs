//! What Cargo resolves for a binary: its packages, and which paths of this machine its bytes could show.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::lock::{self, Checksums};
use super::target::Target;
use crate::BuildError;
use crate::package::{Checksum, Ecosystem, Origin, Package, Phase};
use crate::recipe::CargoRecipe;
use crate::tool;

/// What Cargo says about a workspace.
#[derive(Debug)]
pub struct Metadata {
    raw: Raw,
    checksums: Checksums,
}

#[derive(Debug, Deserialize)]
struct Raw {
    packages: Vec<RawPackage>,
    resolve: RawResolve,
    workspace_root: PathBuf,
    workspace_members: BTreeSet<String>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct RawPackage {
    id: String,
    name: String,
    version: String,
    source: Option<String>,
    license: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct RawResolve {
    nodes: Vec<RawNode>,
}

#[derive(Debug, Deserialize)]
struct RawNode {
    id: String,
    deps: Vec<RawDep>,
}

#[derive(Debug, Deserialize)]
struct RawDep {
    pkg: String,
    dep_kinds: Vec<RawKind>,
}

#[derive(Debug, Deserialize)]
struct RawKind {
    kind: Option<String>,
}

impl Metadata {
    /// Asks Cargo about the workspace of `recipe` on `target`.
    pub fn read(
        recipe: &CargoRecipe,
        target: &Target,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, BuildError> {
        let triple = target.triple();
        let mut argv = vec![
            "cargo",
            "metadata",
            "--format-version=1",
            "--filter-platform",
            &triple,
        ];
        if recipe.is_locked() {
            argv.push("--locked");
        }
        let features: Vec<String> = recipe
            .features
            .iter()
            .map(|feature| format!("{}/{feature}", recipe.package))
            .collect();
        let features = features.join(",");
        if !features.is_empty() {
            argv.extend(["--features", &features]);
        }
        let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
        let bytes = tool::capture(&argv, &recipe.dir, stop)?;
        Self::parse(&bytes, &recipe.dir)
    }

    fn parse(bytes: &[u8], dir: &Path) -> Result<Self, BuildError> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|source| BuildError::Metadata {
            dir: dir.to_owned(),
            source,
        })?;
        let checksums = lock::read(&raw.workspace_root.join("Cargo.lock"))?;
        Ok(Self { raw, checksums })
    }

    /// The packages of the binary's package: what it needs at run time, procedural macros included (what they
    /// generate is in the program), and what only its build needs. Tests' needs are left out. Sorted by name and
    /// version; empty where the workspace has no such package, which the build itself will say better.
    pub fn packages(&self, package: &str) -> Vec<Package> {
        let root = self
            .raw
            .packages
            .iter()
            .find(|one| one.name == package && self.raw.workspace_members.contains(&one.id));
        let Some(root) = root else {
            return Vec::new();
        };
        let phases = self.phases(&root.id);
        let mut found: Vec<&RawPackage> = self
            .raw
            .packages
            .iter()
            .filter(|one| phases.contains_key(&*one.id))
            .collect();
        found.sort_by_key(|one| (&one.name, &one.version, &one.id));
        let positions: BTreeMap<&str, usize> = found
            .iter()
            .enumerate()
            .map(|(position, one)| (&*one.id, position))
            .collect();
        let needs = self.needs();
        let each = found.iter().map(|one| {
            let mut below: Vec<usize> = needs
                .get(&*one.id)
                .into_iter()
                .flatten()
                .filter_map(|(id, _)| positions.get(id).copied())
                .collect();
            below.sort_unstable();
            below.dedup();
            Package {
                is_root: one.id == root.id,
                phase: phases[&*one.id],
                needs: below,
                ..self.package(one)
            }
        });
        each.collect()
    }

    /// Prefixes of this machine's paths that compilers write into programs (panics, `file!()`), with what they are
    /// replaced by, so that two folders and two users get the same bytes, and nobody's name leaks. The later one
    /// wins where two fit.
    pub fn remap(&self) -> Vec<(PathBuf, String)> {
        let mut prefixes = Vec::new();
        let mut seen = BTreeSet::new();
        for package in &self.raw.packages {
            let Some(folder) = package.manifest_path.parent() else {
                continue;
            };
            let (prefix, name) = match &package.source {
                Some(source) if source.starts_with("git+") => {
                    (cut(folder, "git/checkouts"), "/cargo/git".to_owned())
                }
                Some(_) => (cut(folder, "registry/src"), "/cargo/registry".to_owned()),
                None if folder.starts_with(&self.raw.workspace_root) => continue,
                None => (Some(folder.to_owned()), format!("/beside/{}", package.name)),
            };
            if let Some(prefix) = prefix
                && seen.insert(prefix.clone())
            {
                prefixes.push((prefix, name));
            }
        }
        prefixes.sort();
        prefixes.push((self.raw.workspace_root.clone(), "/src".to_owned()));
        // Generated sources lie there, and it may be inside the workspace.
        prefixes.push((self.raw.target_directory.clone(), "/target".to_owned()));
        prefixes
    }

    /// In which phase each package is needed that `root` reaches. Run time wins over build time.
    fn phases(&self, root: &str) -> BTreeMap<&str, Phase> {
        let needs = self.needs();
        let mut phases = BTreeMap::new();
        let mut waiting = VecDeque::from([(root, Phase::Runtime)]);
        while let Some((id, phase)) = waiting.pop_front() {
            let Some((own, below)) = needs.get_key_value(id) else {
                continue;
            };
            // `Runtime` is the smaller one.
            if phases.get(own).is_some_and(|known| *known <= phase) {
                continue;
            }
            phases.insert(*own, phase);
            waiting.extend(below.iter().map(|(id, edge)| (*id, phase.max(*edge))));
        }
        phases
    }

    /// What each package needs, and when.
    fn needs(&self) -> BTreeMap<&str, Vec<(&str, Phase)>> {
        let edge = |dep: &RawDep| {
            let kinds = dep.dep_kinds.iter().map(|kind| kind.kind.as_deref());
            let phases = kinds.filter_map(|kind| match kind {
                None => Some(Phase::Runtime),
                Some("build") => Some(Phase::Build),
                Some(_) => None,
            });
            phases.min()
        };
        let nodes = self.raw.resolve.nodes.iter().map(|node| {
            let below = node
                .deps
                .iter()
                .filter_map(|dep| Some((&*dep.pkg, edge(dep)?)))
                .collect();
            (&*node.id, below)
        });
        nodes.collect()
    }

    fn package(&self, raw: &RawPackage) -> Package {
        let checksum = self.checksums.get(&(raw.name.clone(), raw.version.clone()));
        let origin = origin(raw.source.as_deref());
        Package {
            name: raw.name.clone(),
            version: raw.version.clone(),
            ecosystem: Ecosystem::Cargo,
            phase: Phase::Runtime,
            is_root: false,
            checksum: match origin {
                Origin::Registry | Origin::OtherRegistry(_) => {
                    checksum.cloned().map(Checksum::Sha256)
                }
                Origin::Git(_) | Origin::Local => None,
            },
            origin,
            license: raw.license.clone(),
            needs: Vec::new(),
        }
    }
}

fn origin(source: Option<&str>) -> Origin {
    match source {
        None => Origin::Local,
        Some(
            "registry+https://github.com/rust-lang/crates.io-index"
            | "sparse+https://index.crates.io/"
            | "registry+sparse+https://index.crates.io/",
        ) => Origin::Registry,
        Some(git) if git.starts_with("git+") => Origin::Git(git.to_owned()),
        Some(other) => {
            let url = other
                .trim_start_matches("registry+")
                .trim_start_matches("sparse+");
            Origin::OtherRegistry(url.to_owned())
        }
    }
}

/// `folder` up to and with `mark` and the name after it: the part that differs between users.
fn cut(folder: &Path, mark: &str) -> Option<PathBuf> {
    let above = folder.ancestors().find(|above| above.ends_with(mark))?;
    let next = folder.strip_prefix(above).ok()?.components().next()?;
    Some(above.join(next))
}

#[cfg(test)]
mod tests;
