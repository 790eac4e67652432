//! From built artefacts to OCI images in `.plimsoll/images`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_image::layer::Compression;
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::sbom::Provenance;
use plimsoll_image::service::{self, Server};
use plimsoll_image::tree::Tree;
use plimsoll_image::{ArtefactStore, BuiltImage, ImageError, ImagePlan, adopt, assemble};
use plimsoll_model::App;
use plimsoll_model::app::{Build, Service};

use crate::artefacts::{Artefact, Places};
use crate::exit::{Failure, Result};
use crate::progress::Progress;
use crate::{registry, static_server};

/// Where the server of a front end listens when the file names no port.
const SITE_PORT: u16 = 8080;

/// How images are made, and where they are kept.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) layout: Layout,
    artefacts: PathBuf,
    cache: PathBuf,
    platform: Platform,
    compression: Compression,
}

impl Workshop {
    pub(crate) fn open(layout: PathBuf, places: &Places, compression: Compression) -> Result<Self> {
        let arch = std::env::consts::ARCH;
        let platform = Platform::linux(arch)
            .ok_or_else(|| Failure::usage(anyhow!("images for `{arch}` have no name")))?;
        Ok(Self {
            layout: Layout::create(layout)
                .map_err(ImageError::from)
                .map_err(failure)?,
            artefacts: places.store.clone(),
            cache: places.cache.clone(),
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
            let made = match &service.build {
                Build::Image(given) => self.take(name, &given.image.to_string(), access, progress),
                _ => self.make(name, service, built),
            };
            match made {
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

    /// An image that somebody else built, as it is.
    fn take(
        &self,
        name: &str,
        reference: &str,
        access: &registry::Access,
        progress: &mut Progress,
    ) -> Result<BuiltImage> {
        let image = registry::pull(&self.layout, reference, &self.platform, access, progress)?;
        let (layout, digest) = (&self.layout, image.digest.as_str());
        adopt(name, (layout, digest), (layout, name), &self.platform).map_err(failure)
    }

    fn make(&self, name: &str, service: &Service, built: &[Artefact]) -> Result<BuiltImage> {
        let artefact = built.iter().find(|artefact| artefact.service == name);
        let artefact = artefact
            .ok_or_else(|| Failure::internal(anyhow!("`{name}` was not built before its image")))?;
        let store = ArtefactStore::open(&self.artefacts).map_err(crate::artefacts::failure)?;
        let digest = &artefact.built.digest;
        let tree = store
            .tree(digest)
            .ok_or_else(|| Failure::internal(anyhow!("the artefact {digest} is gone")))?;
        let mut plan = self.plan(name, service, (&store.path(digest), &tree))?;
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
            Build::Command(_) => service::command(name, platform, artefact, assemble::Base::Own),
            Build::Docker(docker) => Err(service::dockerfile(name, Path::new(&docker.dockerfile))),
            Build::Image(_) => {
                return Err(Failure::internal(anyhow!("`{name}` is an image already")));
            }
        }
        .map_err(failure)?;
        if !service.run.is_empty() {
            plan.settings.run.clone_from(&service.run);
        }
        plan.settings.user = format!("{}:{}", service.user, service.group);
        plan.settings.ports = service.ports.values().copied().collect::<BTreeSet<u16>>();
        Ok(plan)
    }
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
        Build::Command(command) => put("out", &command.out),
        Build::Docker(_) | Build::Image(_) => {}
    }
    parameters
}

pub(crate) fn failure(error: ImageError) -> Failure {
    let advice = error.advice();
    let failure = if error.is_users_fault() {
        Failure::app(error)
    } else {
        Failure::internal(error)
    };
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}
