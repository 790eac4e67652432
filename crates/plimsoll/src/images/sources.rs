//! What `up` runs: for every service its artefact and its image. An image whose inputs have not changed is not made
//! again.

use std::collections::BTreeMap;

use plimsoll_bundle::{Digest, canonical};
use plimsoll_image::oci::{Descriptor, RuntimeConfig};
use plimsoll_image::program;
use plimsoll_image::unpack::{Image, Rootfs, UnpackError};
use plimsoll_model::App;
use plimsoll_model::app::{Build, Service};
use plimsoll_render::local::{self, Source};
use serde::Serialize;

use super::{Workshop, recall};
use crate::artefacts::Artefact;
use crate::exit::{Failure, Result};
use crate::progress::Progress;
use crate::registry::Access;
use crate::static_server;

/// The annotation that names what an image stands on.
const BASE: &str = "org.opencontainers.image.base.digest";

/// All that decides what an image holds.
#[derive(Serialize)]
struct Inputs<'a> {
    tool: &'static str,
    platform: String,
    service: &'a Service,
    artefact: Option<&'a Digest>,
    server: Option<Digest>,
}

impl Workshop {
    /// What every service of `app` is made of; `built` holds the artefacts of those that are built.
    pub(crate) fn sources(
        &self,
        app: &App,
        built: &[Artefact],
        access: &Access,
        progress: &mut Progress,
    ) -> Result<BTreeMap<String, Source>> {
        let mut sources = BTreeMap::new();
        for (name, service) in &app.services {
            let artefact = built.iter().find(|artefact| artefact.service == *name);
            let artefact = artefact.map(|artefact| &artefact.built.digest);
            let image = if self.stands_alone(service, artefact) {
                let found = self.present(name, service, (built, artefact), (access, progress))?;
                Some(self.described(&found)?)
            } else {
                progress.say(&format!(
                    "  {name} runs with this machine's programs: it is not linked statically, and names no base image"
                ));
                None
            };
            let source = Source {
                artefact: artefact.cloned(),
                image,
            };
            sources.insert(name.clone(), source);
        }
        Ok(sources)
    }

    /// Whether an image of the service holds all that the service needs.
    fn stands_alone(&self, service: &Service, artefact: Option<&Digest>) -> bool {
        let is_static = |command: &str| {
            let inside = command.strip_prefix("/app/");
            let path = inside.zip(artefact);
            path.is_some_and(|(inside, artefact)| {
                program::is_static(&self.artefacts.path(artefact).join(inside))
            })
        };
        match (&service.build, service.run.first()) {
            (Build::Image(_) | Build::Static(_), _) => true,
            (Build::Command(command), _) if command.base.is_some() => true,
            (Build::Cargo(_) | Build::Command(_), Some(command)) => is_static(command),
            (Build::Cargo(cargo), None) => is_static(&format!("/app/{}", cargo.bin)),
            (Build::Command(_) | Build::Docker(_), _) => false,
        }
    }

    /// The image of a service, made now if the last one had other inputs or is damaged.
    fn present(
        &self,
        name: &str,
        service: &Service,
        (built, artefact): (&[Artefact], Option<&Digest>),
        (access, progress): (&Access, &mut Progress),
    ) -> Result<Descriptor> {
        let inputs = self.inputs(service, artefact)?;
        let file = self.cache.join("images").join(format!("{name}.json"));
        if let Some(image) = recall::image_of(&inputs, &file)
            && self.is_usable(&image)?
        {
            return Ok(image);
        }
        progress.begin(&format!("image of {name}"));
        match self.image(name, service, built, (access, progress)) {
            Ok(image) => {
                recall::keep(&inputs, &image.descriptor, &file).map_err(Failure::internal)?;
                progress.done(image.digest.short());
                Ok(image.descriptor)
            }
            Err(failure) => {
                progress.fail();
                Err(failure)
            }
        }
    }

    fn inputs(&self, service: &Service, artefact: Option<&Digest>) -> Result<Digest> {
        let inputs = Inputs {
            tool: env!("CARGO_PKG_VERSION"),
            platform: self.platform.to_string(),
            service,
            artefact,
            server: service.as_static().map(|_| static_server::digest()),
        };
        canonical::digest(&inputs).map_err(Failure::internal)
    }

    /// Whether the image is here as it should be. One that is unpacked was verified then; of others every byte is read,
    /// so that what is damaged is made again before anything waits for it.
    fn is_usable(&self, image: &Descriptor) -> Result<bool> {
        if Rootfs::find(&self.rootfs, &image.digest).is_some()
            && Image::open(&self.layout, image, &self.platform).is_ok()
        {
            return Ok(true);
        }
        self.is_whole(image)
    }

    /// The image as its configuration describes it.
    fn described(&self, image: &Descriptor) -> Result<local::Image> {
        let image = Image::open(&self.layout, image, &self.platform).map_err(unpack_failure)?;
        let base = image.manifest.annotations.get(BASE);
        let RuntimeConfig {
            user,
            env,
            entrypoint,
            cmd,
            working_dir,
            stop_signal,
            ..
        } = image.config.config;
        Ok(local::Image {
            digest: image.descriptor.digest,
            base: base.and_then(|base| base.parse().ok()),
            command: [entrypoint, cmd].concat(),
            env: env
                .iter()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            workdir: working_dir,
            user,
            stop_signal,
        })
    }
}

fn unpack_failure(error: UnpackError) -> Failure {
    let is_images = error.is_images_fault();
    Failure::of(error, is_images)
}
