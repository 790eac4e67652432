//! Pushing images to registries and pulling them from there, with the logins and the proxy of whoever runs us.

use std::ops::ControlFlow;
use std::path::PathBuf;

use plimsoll_image::BuiltImage;
use plimsoll_image::oci::{Descriptor, Layout, Platform};
use plimsoll_image::registry::{
    Access as Purpose, Credentials, Progress as Moved, Reference, Registry, RegistryError, Settings,
};
use plimsoll_local::Cancel;
use plimsoll_stdx::fs::read_bounded;

use crate::exit::{Failure, Result};
use crate::progress::Progress;
use crate::units;

/// The certificates of a whole company, and more.
const MAX_AUTHORITIES: u64 = 4 << 20;

/// What the environment says about registries, and the wish to stop.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Where `docker login` and its like keep logins.
    pub(crate) logins: Option<PathBuf>,
    /// `SSL_CERT_FILE`: authorities to trust beside Mozilla's.
    pub(crate) authorities: Option<PathBuf>,
    /// `HTTPS_PROXY`.
    pub(crate) proxy: Option<String>,
    pub(crate) cancel: Cancel,
}

impl Access {
    fn registry(&self, reference: &Reference, purpose: Purpose) -> Result<Registry> {
        let credentials = match &self.logins {
            Some(file) => Credentials::from_docker_config(file, &reference.registry)
                .map_err(Failure::usage)?,
            None => None,
        };
        let extra_authorities = match &self.authorities {
            Some(file) => read_bounded(file, MAX_AUTHORITIES).map_err(Failure::usage)?,
            None => Vec::new(),
        };
        let settings = Settings {
            credentials,
            extra_authorities,
            proxy: self.proxy.clone().filter(|_| !reference.is_loopback()),
            ..Settings::default()
        };
        Registry::new(reference, purpose, settings).map_err(failure)
    }

    fn watch<'a>(
        &'a self,
        progress: &'a mut Progress,
    ) -> impl FnMut(Moved) -> ControlFlow<()> + 'a {
        |moved| {
            let (done, total) = (units::bytes(moved.done), units::bytes(moved.total));
            progress.detail(&format!("{done} of {total}"));
            if self.cancel.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
}

/// Pulls `reference` for `platform` into `layout`.
pub(crate) fn pull(
    layout: &Layout,
    reference: &str,
    platform: &Platform,
    access: &Access,
    progress: &mut Progress,
) -> Result<Descriptor> {
    let reference: Reference = reference.parse().map_err(Failure::usage)?;
    let registry = access.registry(&reference, Purpose::Pull)?;
    registry
        .pull(layout, platform, &mut access.watch(progress))
        .map_err(failure)
}

/// Pushes `image` with its bills of materials to `reference`.
pub(crate) fn push(
    layout: &Layout,
    image: &BuiltImage,
    reference: &Reference,
    access: &Access,
    progress: &mut Progress,
) -> Result<()> {
    progress.begin(&format!("push {}", image.service));
    let registry = access.registry(reference, Purpose::Push { mount_from: None })?;
    let pushed = registry.push(layout, &image.descriptor, &mut access.watch(progress));
    match pushed {
        Ok(pushed) => {
            let there = pushed.present + pushed.mounted;
            progress.done(&format!("{} sent, {there} were there", pushed.uploaded));
            Ok(())
        }
        Err(error) => {
            progress.fail();
            Err(failure(error))
        }
    }
}

/// Where each of `images` goes: exactly to `wanted` when there is one, else to a repository below it.
pub(crate) fn targets(wanted: &str, images: &[BuiltImage]) -> Result<Vec<Reference>> {
    let reference: Reference = wanted.parse().map_err(Failure::usage)?;
    if let [_] = images {
        return Ok(vec![reference]);
    }
    Ok(images
        .iter()
        .map(|image| {
            let mut below = reference.clone();
            below.repository = format!("{}/{}", reference.repository, image.service);
            below
        })
        .collect())
}

fn failure(error: RegistryError) -> Failure {
    if matches!(error, RegistryError::Stopped) {
        return Failure::interrupted();
    }
    let transient = error.is_transient();
    let failure = Failure::usage(error);
    if transient {
        failure.advise("run the command again: what the registry has by now is not sent twice")
    } else {
        failure
    }
}
