//! Running Cargo.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::elf;
use super::metadata::Metadata;
use super::target::Target;
use crate::build::{Built, Watch, copy, finish};
use crate::package::Package;
use crate::recipe::CargoRecipe;
use crate::tool::{self, For, Stream};
use crate::{ArtefactStore, BuildError};

/// Compiles `recipe` for `target` and keeps the program, with the list of its crates inside, beside its files.
pub(crate) fn compile(
    recipe: &CargoRecipe,
    target: &Target,
    store: &ArtefactStore,
    (listen, stop): Watch<'_>,
) -> Result<Built, BuildError> {
    let CargoRecipe { dir, bin, .. } = recipe;
    let metadata = Metadata::read(recipe, target, stop)?;
    let mut executable = None;
    let mut on_line = |stream: Stream, line: &str| match stream {
        Stream::Out => {
            executable = executable_of(line, bin).or(executable.take());
            For::Us
        }
        Stream::Err => {
            listen(line);
            For::People
        }
    };
    let mut env = target.env();
    env.push((
        "CARGO_ENCODED_RUSTFLAGS".to_owned(),
        flags(&metadata, target),
    ));
    tool::run(&command(recipe, target), dir, &env, &mut on_line, stop)?;
    let executable = executable.ok_or_else(|| BuildError::NoOutput {
        dir: dir.clone(),
        out: PathBuf::from(bin),
    })?;
    let staging = store.stage()?;
    let packages = metadata.packages(&recipe.package);
    let program = staging.path().join(bin);
    copy(&executable, &program)?;
    list_crates(&program, &packages).map_err(BuildError::io(
        "put the list of crates into a copy of",
        &executable,
    ))?;
    for (inside, source) in &recipe.files {
        copy(source, &staging.path().join(inside))?;
    }
    let built = finish(&staging, store)?;
    Ok(Built { packages, ..built })
}

/// Puts the list of crates into the program, where scanners look for it.
fn list_crates(program: &Path, packages: &[Package]) -> io::Result<()> {
    let list = super::deps::encode(packages).map_err(io::Error::other)?;
    let mut file = File::options().read(true).write(true).open(program)?;
    elf::add_section(&mut file, super::deps::SECTION, &list).map_err(io::Error::other)
}

fn command(recipe: &CargoRecipe, target: &Target) -> Vec<String> {
    let triple = target.triple();
    let mut argv = vec!["cargo", "build", "--message-format=json-render-diagnostics"];
    argv.extend([
        "--profile",
        &recipe.profile,
        "--package",
        &recipe.package,
        "--bin",
        &recipe.bin,
    ]);
    // The explicit target keeps build scripts and proc macros dynamic while the program links statically.
    argv.extend(["--target", &triple]);
    if recipe.is_locked() {
        argv.push("--locked");
    }
    let features = recipe.features.join(",");
    if !features.is_empty() {
        argv.extend(["--features", &features]);
    }
    argv.into_iter().map(str::to_owned).collect()
}

/// A static program runs in an empty image and behind any root; without this machine's paths it is the same from
/// every folder. They are the same from build to build, so Cargo's target folder stays warm.
fn flags(metadata: &Metadata, target: &Target) -> OsString {
    let mut flags = OsString::from("-C\u{1f}target-feature=+crt-static");
    if target.packs_relocations() {
        flags.push("\u{1f}-C\u{1f}link-arg=-Wl,-z,pack-relative-relocs");
    }
    for (prefix, name) in metadata.remap() {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(prefix);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// The executable that one of Cargo's messages names for `bin`.
fn executable_of(line: &str, bin: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_bin = message["reason"] == "compiler-artifact" && message["target"]["name"] == bin;
    let path = message["executable"].as_str()?;
    is_bin.then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_message_names_the_executable_of_the_wanted_binary_only() {
        let line =
            r#"{"reason":"compiler-artifact","target":{"name":"recon"},"executable":"/t/recon"}"#;
        assert_eq!(
            executable_of(line, "recon"),
            Some(PathBuf::from("/t/recon"))
        );
        assert_eq!(executable_of(line, "other"), None);
        assert_eq!(executable_of("warning: not json", "recon"), None);
    }
}
