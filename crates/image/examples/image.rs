//! Builds, exports and compares images from the command line, for the measurements in `benches/image`. Prints JSON.
//!
//! ```text
//! image cargo STATE DIR PACKAGE BIN [fast|small|compatible]   a program of a Cargo workspace
//! image site STATE DIR [SERVER]                               a folder of files, with a server
//! image pack STATE PROGRAM [fast|small|compatible]            a program that is already there
//! image archive STATE NAME FILE
//! image diff STATE NAME NAME
//! ```

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use plimsoll_image::archive::{self, Papers};
use plimsoll_image::cargo::{deps, elf};
use plimsoll_image::layer::Compression;
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::recipe::{CargoRecipe, FolderRecipe};
use plimsoll_image::sbom::Provenance;
use plimsoll_image::service::{self, Artefact, Server};
use plimsoll_image::{ArtefactStore, Built, ImagePlan, Recipe, assemble, build, diff};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["cargo", state, dir, package, bin, ref rest @ ..] => cargo(
            Path::new(state),
            Path::new(dir),
            (package, bin),
            compression(rest)?,
        ),
        ["site", state, dir, ref rest @ ..] => site(
            Path::new(state),
            Path::new(dir),
            rest.first().map(PathBuf::from),
        ),
        ["pack", state, program, ref rest @ ..] => {
            pack(Path::new(state), Path::new(program), compression(rest)?)
        }
        ["archive", state, name, file] => {
            let layout = Layout::open(Path::new(state).join("images"))?;
            let image = layout.resolve(name)?;
            Ok(archive::write(
                &layout,
                (&image, name),
                Papers::Without,
                Path::new(file),
            )?)
        }
        ["diff", state, one, two] => {
            let layout = Layout::open(Path::new(state).join("images"))?;
            let (one, two) = (layout.resolve(one)?, layout.resolve(two)?);
            print(&diff::diff((&layout, &one), (&layout, &two))?)
        }
        _ => Err("image cargo|site|pack|archive|diff STATE ...".into()),
    }
}

fn compression(rest: &[&str]) -> Result<Compression> {
    match rest {
        [] | ["fast"] => Ok(Compression::Fast),
        ["small"] => Ok(Compression::Small),
        ["compatible"] => Ok(Compression::Compatible),
        other => Err(format!("no compression {other:?}").into()),
    }
}

fn cargo(
    state: &Path,
    dir: &Path,
    (package, bin): (&str, &str),
    compression: Compression,
) -> Result<()> {
    let recipe = Recipe::Cargo(CargoRecipe {
        dir: dir.canonicalize()?,
        package: package.to_owned(),
        bin: bin.to_owned(),
        features: vec![],
        profile: "release".to_owned(),
        files: vec![],
    });
    let (store, built) = make(state, &recipe, package)?;
    let tree = store.tree(&built.digest).ok_or("the artefact vanished")?;
    let artefact = Artefact {
        dir: &store.path(&built.digest),
        tree: &tree,
    };
    let mut plan = service::cargo(package, platform()?, artefact, bin)?;
    plan.packages = built.packages;
    plan.provenance = Some(Provenance {
        parameters: [("cargo", package), ("bin", bin)]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        ..Provenance::default()
    });
    write(
        state,
        package,
        &ImagePlan {
            compression,
            ..plan
        },
    )
}

fn site(state: &Path, dir: &Path, program: Option<PathBuf>) -> Result<()> {
    let recipe = Recipe::Folder(FolderRecipe {
        dir: dir.canonicalize()?,
        run: vec![],
        out: ".".into(),
        is_static: true,
    });
    let server = program.map(|program| Server {
        program,
        arguments: vec!["--spa".into(), "index.html".into()],
        port: 8080,
    });
    let (store, built) = make(state, &recipe, "site")?;
    let tree = store.tree(&built.digest).ok_or("the artefact vanished")?;
    let artefact = Artefact {
        dir: &store.path(&built.digest),
        tree: &tree,
    };
    write(
        state,
        "site",
        &service::site("site", platform()?, artefact, server)?,
    )
}

fn pack(state: &Path, program: &Path, compression: Compression) -> Result<()> {
    let store = ArtefactStore::open(state.join("artefacts"))?;
    let staging = store.stage()?;
    let copy = staging.path().join("program");
    std::fs::copy(program, &copy)?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
    let tree = plimsoll_image::tree::Tree::read(staging.path())?;
    let artefact = Artefact {
        dir: staging.path(),
        tree: &tree,
    };
    let mut plan = service::cargo("packed", platform()?, artefact, "program")?;
    // With all its papers, as a build makes them.
    if let Some(list) = elf::section(&mut File::open(program)?, deps::SECTION)? {
        plan.packages = deps::decode(&list)?;
        plan.provenance = Some(Provenance::default());
    }
    write(
        state,
        "packed",
        &ImagePlan {
            compression,
            ..plan
        },
    )
}

fn make(state: &Path, recipe: &Recipe, name: &str) -> Result<(ArtefactStore, Built)> {
    let store = ArtefactStore::open(state.join("artefacts"))?;
    let cache = state.join(format!("{name}.json"));
    let mut listen = |line: &str| {
        // Progress for people; where it cannot be shown nothing is lost.
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    let built = build(recipe, &store, &cache, &mut listen, &|| false)?;
    Ok((store, built))
}

fn write(state: &Path, service: &str, plan: &ImagePlan) -> Result<()> {
    let layout = Layout::create(state.join("images"))?;
    print(&assemble(service, plan, &layout)?)
}

fn platform() -> Result<Platform> {
    Platform::linux(std::env::consts::ARCH)
        .ok_or_else(|| "this machine has no name in images".into())
}

fn print(value: &impl serde::Serialize) -> Result<()> {
    let mut out = std::io::stdout();
    serde_json::to_writer(&mut out, value)?;
    Ok(writeln!(out)?)
}
