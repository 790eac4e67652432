//! Builds the services of an app.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_image::recipe::{CargoRecipe, FolderRecipe};
use plimsoll_image::service;
use plimsoll_image::{ArtefactStore, BuildError, Built, Recipe, build};
use plimsoll_local::Cancel;
use plimsoll_model::App;
use plimsoll_model::app::Build;

use crate::exit::{Failure, Result};
use crate::images;
use crate::progress::{Progress, plain};

/// One service, built.
#[derive(Debug)]
pub(crate) struct Artefact {
    pub(crate) service: String,
    pub(crate) built: Built,
}

/// Where artefacts and what is remembered of builds are kept.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) store: PathBuf,
    pub(crate) cache: PathBuf,
}

/// Builds `services` of the app in `project` (all of them when empty), one after the other, until `cancel` says stop.
/// Of those that are given as images there is nothing to build.
pub(crate) fn build_all(
    project: &Path,
    (app, services): (&App, &[String]),
    places: &Places,
    (progress, cancel): (&mut Progress, &Cancel),
) -> Result<Vec<Artefact>> {
    ensure_known(app, services)?;
    let store = ArtefactStore::open(&places.store).map_err(failure)?;
    let mut artefacts = Vec::new();
    for (name, service) in &app.services {
        if !services.is_empty() && !services.contains(name) {
            continue;
        }
        let Some(recipe) = recipe(project, name, &service.build)? else {
            continue;
        };
        let cache = places.cache.join("builds").join(format!("{name}.json"));
        progress.begin(&format!("build {name}"));
        let built = build(
            &recipe,
            &store,
            &cache,
            &mut |line| progress.detail(line),
            &|| cancel.is_cancelled(),
        )
        .map_err(|error| {
            progress.fail();
            failure(error)
        })?;
        let note = if built.unchanged {
            "unchanged"
        } else {
            built.digest.short()
        };
        progress.done(note);
        artefacts.push(Artefact {
            service: name.clone(),
            built,
        });
    }
    Ok(artefacts)
}

fn ensure_known(app: &App, services: &[String]) -> Result<()> {
    let unknown = services
        .iter()
        .find(|name| !app.services.contains_key(*name));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = app.services.keys().map(String::as_str).collect();
            Err(Failure::usage(anyhow!("there is no service `{name}`"))
                .advise(format!("the app has: {}", known.join(", "))))
        }
    }
}

/// How a service is built; nothing for an image.
fn recipe(project: &Path, name: &str, build: &Build) -> Result<Option<Recipe>> {
    Ok(Some(match build {
        Build::Cargo(cargo) => Recipe::Cargo(CargoRecipe {
            dir: inside(project, &cargo.dir),
            package: cargo.cargo.clone(),
            bin: cargo.bin.clone(),
            features: cargo.features.clone(),
            profile: cargo.profile.clone(),
            files: cargo
                .files
                .iter()
                .map(|(inside, source)| {
                    let inside = inside.strip_prefix("/app/").unwrap_or(inside);
                    (PathBuf::from(inside), project.join(source))
                })
                .collect(),
        }),
        Build::Command(command) => Recipe::Folder(FolderRecipe {
            dir: inside(project, &command.dir),
            run: command.command.clone(),
            out: PathBuf::from(&command.out),
            is_static: false,
        }),
        Build::Static(files) => Recipe::Folder(FolderRecipe {
            dir: inside(project, &files.dir),
            run: files.run.clone(),
            out: PathBuf::from(&files.out),
            is_static: true,
        }),
        Build::Docker(docker) => {
            let file = Path::new(&docker.dockerfile);
            return Err(images::failure(service::dockerfile(name, file)));
        }
        Build::Image(_) => return Ok(None),
    }))
}

/// Without the `.` that a folder of the file may end with.
fn inside(project: &Path, dir: &str) -> PathBuf {
    project.join(dir).components().collect()
}

pub(crate) fn failure(error: BuildError) -> Failure {
    if matches!(error, BuildError::Stopped) {
        return Failure::interrupted();
    }
    let advice = match &error {
        BuildError::ToolFailed { tail, .. } => {
            let lines: Vec<String> = tail.iter().map(|line| plain(line)).collect();
            Some(format!("its last lines:\n{}", lines.join("\n")))
        }
        _ => None,
    };
    let is_users = error.is_users_fault();
    Failure::of(error, is_users).advise_maybe(advice)
}
