//! `plimsoll init`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_model::init::{Listing, init};

use super::Context;
use crate::args::InitArgs;
use crate::exit::{ExitStatus, Failure, Result};
use crate::project::FILE;

/// Enough for the source of any app; a folder with more is a home directory that somebody pointed at by mistake.
const MAX_FILES: usize = 50_000;
/// The files that say what an app is made of are short; longer ones say something else.
const MAX_TEXT_BYTES: u64 = 256 << 10;
/// What tools made or keep.
const NOT_SOURCE: [&str; 7] = [
    ".git",
    ".plimsoll",
    "build",
    "dist",
    "node_modules",
    "target",
    "vendor",
];

pub(crate) fn run(context: &Context, args: &InitArgs) -> Result<ExitStatus> {
    let dir = args.dir.as_ref().unwrap_or(&context.project);
    let dir = dir.canonicalize().map_err(|error| {
        Failure::usage(
            anyhow!(error).context(format!("cannot open the folder `{}`", dir.display())),
        )
    })?;
    let text = init(&list(&dir)?);
    let path = dir.join(FILE);
    create_new(&path, &text)?;
    context.printer.note(&format!("wrote {}", path.display()));
    context
        .printer
        .note("read it, change what is not so, then: plimsoll up");
    Ok(ExitStatus::Success)
}

/// Never over something that is there, not even when it appears this very moment.
fn create_new(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(anyhow!(
            "{} is there already; it was not touched",
            path.display()
        )),
        _ => Failure::internal(anyhow!(error).context(format!("cannot create {}", path.display()))),
    })?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|error| {
        Failure::internal(anyhow!(error).context(format!("cannot write {}", path.display())))
    })
}

fn list(dir: &Path) -> Result<Listing> {
    let name = dir
        .file_name()
        .map_or_else(|| "app".into(), |name| name.to_string_lossy().into_owned());
    let mut listing = Listing {
        name,
        ..Listing::default()
    };
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let absolute = dir.join(&folder);
        // A folder that cannot be read has nothing to say about the app.
        for entry in fs::read_dir(&absolute).into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() && !NOT_SOURCE.contains(&name.as_str()) && !name.starts_with('.') {
                folders.push(path);
            } else if kind.is_file() {
                add(&mut listing, dir, &path);
            }
        }
        if listing.files.len() > MAX_FILES {
            return Err(Failure::usage(anyhow!(
                "{} holds more than {MAX_FILES} files",
                dir.display()
            ))
            .advise("name the folder of the app: plimsoll init DIR"));
        }
    }
    listing.files.sort();
    Ok(listing)
}

fn add(listing: &mut Listing, dir: &Path, path: &Path) {
    let text = path.to_string_lossy().into_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let tells = matches!(&*name, "Cargo.toml" | "package.json")
        || name.starts_with("Dockerfile")
        || (name.contains("compose") && (name.ends_with(".yml") || name.ends_with(".yaml")));
    if tells && let Ok(bytes) = plimsoll_stdx::fs::read_bounded(&dir.join(path), MAX_TEXT_BYTES) {
        listing
            .texts
            .insert(text.clone(), String::from_utf8_lossy(&bytes).into_owned());
    }
    listing.files.push(text);
}
