//! Unpacked images: made when something is about to run in one, removed when nothing will.

use std::collections::BTreeSet;

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::{LocalBundle, ServiceSpec};
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::unpack::{Image, Limits, Rootfs, UnpackError};

use crate::daemon::intent::Intent;
use crate::lease::Lease;
use crate::{EnvDir, LocalError, StateDir, release, unattended};

/// Unpacks the image `digest` where it is not unpacked, or not as it should be. Takes as long as the image is large.
pub(crate) fn unpack(env: &EnvDir, digest: &Digest) -> Result<(), UnpackError> {
    let root = env.rootfs();
    if Rootfs::intact(&root, digest).is_some() {
        return Ok(());
    }
    let layout = Layout::open(env.images())?;
    let named = layout.resolve(digest.as_str())?;
    let unpacked = Image::open(&layout, &named, &machine())
        .and_then(|image| Rootfs::ensure(&layout, &image, &root, &Limits::default()));
    match unpacked {
        Ok(_) => Ok(()),
        Err(error) => {
            if error.is_damage() {
                // Without its damaged parts the next build or pull makes them anew.
                layout.mend(&named)?;
            }
            Err(error)
        }
    }
}

fn machine() -> Platform {
    let arch = std::env::consts::ARCH;
    // What has no name in OCI's list goes by its own.
    Platform::linux(arch).unwrap_or_else(|| Platform {
        architecture: arch.to_owned(),
        os: "linux".to_owned(),
        variant: None,
    })
}

/// The images of a bundle's services, by name.
pub(crate) fn of(bundle: &LocalBundle) -> impl Iterator<Item = (&String, &Digest)> {
    bundle.services.iter().filter_map(|(name, service)| {
        let digest = match service {
            ServiceSpec::Program(program) => program.image.as_ref().map(|image| &image.digest),
            ServiceSpec::Static(files) => files.image.as_ref(),
        };
        Some((name, digest?))
    })
}

/// Removes unpacked images that no environment of the project needs: neither for the release in force, nor for what it
/// is asked to run, nor for what still runs. They can be unpacked again.
///
/// The caller holds the lock of `own`. While somebody changes another environment nothing is removed, because what that
/// change is about to run is not written down yet.
pub(crate) fn prune(state: &StateDir, own: &EnvDir) -> Result<(), LocalError> {
    let mut leases: Vec<Lease> = Vec::new();
    let mut needed = BTreeSet::new();
    for env in state.environments()? {
        if env != *own {
            match env.lock_for_change() {
                Ok(lease) => leases.push(lease),
                Err(LocalError::Busy(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        needed.extend(needed_by(&env)?);
    }
    Rootfs::prune(&state.rootfs(), &needed).map_err(LocalError::Images)?;
    Ok(())
}

fn needed_by(env: &EnvDir) -> Result<BTreeSet<Digest>, LocalError> {
    let mut needed: BTreeSet<Digest> = unattended::images(env).collect();
    let intent = Intent::load(env)?;
    // The releases that listeners and routes came with may be older; they need none of their images.
    let groups = intent.services.values().flatten();
    let releases: BTreeSet<_> = groups
        .map(|group| &group.release)
        .chain(&intent.release)
        .collect();
    for id in releases {
        let kept = release::load(env, id)?;
        needed.extend(of(&kept.bundle).map(|(_, digest)| digest.clone()));
    }
    Ok(needed)
}
