//! From built artefacts, and from images that somebody else made, to OCI images in `.plimsoll/images`.
//!
//! Reading order: [`Workshop`] (making one), `given` (bringing one from elsewhere), `sources` (what `up` runs: made
//! once), `recall` (what is remembered of it).

mod given;
mod recall;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_image::layer::{Compression, Content};
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::sbom::Provenance;
use plimsoll_image::service::{self, Server};
use plimsoll_image::tree::Tree;
use plimsoll_image::{ArtefactStore, BuiltImage, ImageError, ImagePlan, assemble};
use plimsoll_local::StateDir;
use plimsoll_model::App;
use plimsoll_model::app::{Build, CommandBuild, Service};

use crate::artefacts::Artefact;
use crate::exit::{Failure, Result};
use crate::progress::Progress;
use crate::{registry, static_server};

/// Where the server of a front end listens when the file names no port.
const SITE_PORT: u16 = 8080;
/// What every replica has of its own, whatever the image holds there.
const MOUNTED: [&str; 5] = ["/dev", "/etc", "/proc", "/run", "/tmp"];

/// How images are made, and where they are kept.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) layout: Layout,
    project: PathBuf,
    artefacts: ArtefactStore,
    cache: PathBuf,
    rootfs: PathBuf,
    platform: Platform,
    compression: Compression,
}

impl Workshop {
    pub(crate) fn open(project: &Path, state: &StateDir, compression: Compression) -> Result<Self> {
        let arch = std::env::consts::ARCH;
        let platform = Platform::linux(arch)
            .ok_or_else(|| Failure::usage(anyhow!("images for `{arch}` have no name")))?;
        let layout = Layout::create(state.images()).map_err(ImageError::from);
        Ok(Self {
            layout: layout.map_err(failure)?,
            project: project.to_owned(),
            artefacts: ArtefactStore::open(state.artefacts()).map_err(crate::artefacts::failure)?,
            cache: state.cache(),
            rootfs: state.rootfs(),
            platform,
            compression,
        })
    }

    /// The images of `services` of `app`, one after the other; `built` holds the artefacts of those that are built.
    pub(crate) fn make_all(
        &self,
        (app, services): (&App, &[String]),
        built: &[Artefact],
        access: &registry::Access,
        progress: &mut Progress,
    ) -> Result<Vec<BuiltImage>> {
        let wanted = |name: &String| services.is_empty() || services.contains(name);
        let mut images = Vec::new();
        for (name, service) in app.services.iter().filter(|(name, _)| wanted(name)) {
            progress.begin(&format!("image of {name}"));
            match self.image(name, service, built, (access, progress)) {
                Ok(image) => {
                    progress.done(image.digest.short());
                    images.push(image);
                }
                Err(failure) => {
                    progress.fail();
                    return Err(failure);
                }
            }
        }
        Ok(images)
    }

    fn image(
        &self,
        name: &str,
        service: &Service,
        built: &[Artefact],
        (access, progress): (&registry::Access, &mut Progress),
    ) -> Result<BuiltImage> {
        let base = match &service.build {
            Build::Image(given) => return self.take(name, &given.image, (access, progress)),
            Build::Command(CommandBuild {
                base: Some(base), ..
            }) => Some(self.base(name, base, (access, progress))?),
            Build::Cargo(_) | Build::Command(_) | Build::Static(_) | Build::Docker(_) => None,
        };
        let artefact = built.iter().find(|artefact| artefact.service == name);
        let artefact = artefact
            .ok_or_else(|| Failure::internal(anyhow!("`{name}` was not built before its image")))?;
        let digest = &artefact.built.digest;
        let tree = self
            .artefacts
            .tree(digest)
            .ok_or_else(|| Failure::internal(anyhow!("the artefact {digest} is gone")))?;
        let dir = self.artefacts.path(digest);
        let mut plan = self.plan(name, service, (&dir, &tree), base)?;
        plan.compression = self.compression;
        plan.packages.clone_from(&artefact.built.packages);
        plan.provenance = Some(Provenance {
            parameters: parameters(name, &service.build),
            ..Provenance::default()
        });
        assemble(name, &plan, &self.layout).map_err(failure)
    }

    fn plan(
        &self,
        name: &str,
        service: &Service,
        (dir, tree): (&Path, &Tree),
        base: Option<assemble::Base>,
    ) -> Result<ImagePlan> {
        let artefact = service::Artefact { dir, tree };
        let platform = self.platform.clone();
        let mut plan = match &service.build {
            Build::Cargo(cargo) => service::cargo(name, platform, artefact, &cargo.bin),
            Build::Static(files) => {
                let server = Server {
                    program: static_server::place(&self.cache).map_err(Failure::internal)?,
                    arguments: files
                        .spa
                        .iter()
                        .flat_map(|page| ["--spa".to_owned(), page.clone()])
                        .collect(),
                    port: SITE_PORT,
                };
                return service::site(name, platform, artefact, Some(server)).map_err(failure);
            }
            Build::Command(_) => {
                let base = base.unwrap_or(assemble::Base::Own);
                service::command(name, platform, artefact, base)
            }
            Build::Docker(docker) => Err(service::dockerfile(name, Path::new(&docker.dockerfile))),
            Build::Image(_) => {
                return Err(Failure::internal(anyhow!("`{name}` is an image already")));
            }
        }
        .map_err(failure)?;
        if !service.run.is_empty() {
            plan.settings.run.clone_from(&service.run);
        }
        if let Some(user) = service.user {
            plan.settings.user = format!("{user}:{}", service.group.unwrap_or(user));
        }
        plan.settings.ports = service.ports.values().copied().collect::<BTreeSet<u16>>();
        add_volumes(&mut plan, service).map_err(failure)?;
        Ok(plan)
    }
}

/// A folder for each volume: a read-only root cannot grow it later. In a base image it may be there already, as a link
/// to somewhere else too, so there it is left to whoever mounts.
fn add_volumes(plan: &mut ImagePlan, service: &Service) -> std::result::Result<(), ImageError> {
    if matches!(plan.base, assemble::Base::Image { .. }) {
        return Ok(());
    }
    let Some(layer) = plan.layers.last_mut() else {
        return Ok(());
    };
    for mount in service.volumes.values().map(|volume| &volume.mount) {
        let is_below = |point: &&str| Path::new(mount).starts_with(point);
        if !MOUNTED.iter().any(is_below) {
            layer.put(mount, Content::Folder)?;
        }
    }
    Ok(())
}

/// What the file asks for, as a provenance says it.
fn parameters(name: &str, build: &Build) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::from([("service".to_owned(), name.to_owned())]);
    let mut put = |key: &str, value: &str| {
        parameters.insert(key.to_owned(), value.to_owned());
    };
    match build {
        Build::Cargo(cargo) => {
            put("cargo", &cargo.cargo);
            put("bin", &cargo.bin);
            put("profile", &cargo.profile);
            put("features", &cargo.features.join(","));
        }
        Build::Static(files) => put("static", &files.dir),
        Build::Command(command) => {
            put("out", &command.out);
            if let Some(base) = &command.base {
                put("base", &base.to_string());
            }
        }
        Build::Docker(_) | Build::Image(_) => {}
    }
    parameters
}

pub(crate) fn failure(error: ImageError) -> Failure {
    let (advice, is_users) = (error.advice(), error.is_users_fault());
    Failure::of(error, is_users).advise_maybe(advice)
}
