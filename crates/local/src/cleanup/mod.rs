//! Deleting releases that nobody needs, and what only they needed: artefacts, images.

mod choice;
mod disk;

use std::collections::BTreeSet;
use std::time::Duration;

use plimsoll_bundle::Digest;
use plimsoll_deploy::{Executor, ReleaseId};
use plimsoll_image::oci::Layout;
use plimsoll_stdx::fs::at;
use serde::Serialize;

use crate::daemon::intent::Intent;
use crate::lease::Lease;
use crate::{EnvDir, LocalError, StateDir, images, release, releases};
use choice::{Aged, choose};

/// What was written within this time may belong to a build in progress, which has no release yet. Longer than any
/// build takes.
const YOUNG: Duration = Duration::from_hours(1);

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Releases beside those that are in use: at least one, the one to roll back to.
    pub releases: usize,
    /// Most that the artefacts and images of all kept releases may take, in bytes. Releases in use and the one to roll
    /// back to stay whatever they take.
    pub quota: Option<u64>,
}

/// What a cleaning did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Releases that stay, newest first.
    pub kept: Vec<ReleaseId>,
    /// Releases that go, newest first.
    pub removed: Vec<ReleaseId>,
    /// Folders of artefacts that go.
    pub artefacts: usize,
    /// Names of images that go.
    pub images: usize,
    /// Bytes on disk that were given back; of a plan, those of artefacts alone, because images share layers.
    pub bytes: u64,
    /// Bytes that artefacts and images of the kept releases take.
    pub kept_bytes: u64,
}

/// Cleans the environment `env` of `state`, or says what it would do (`plan`). Nobody may change an environment of the
/// project meanwhile. Killed at any moment it leaves whole releases and nothing that they lack; the next one goes on.
pub fn cleanup(
    state: &StateDir,
    env: &EnvDir,
    keep: Keep,
    plan: bool,
) -> Result<Cleaned, LocalError> {
    let _locks = lock_all(state)?;
    let used = in_use(env)?;
    let releases = aged(env)?;
    let elsewhere = elsewhere(state, env)?;
    let measure = |kept: &[&Aged]| -> Result<u64, LocalError> {
        disk::bytes_of(state, &needed(kept, &elsewhere))
    };
    // Where nothing was in force before, there is nothing to go back to.
    let back = releases::before(env).ok();
    let (kept, removed) = choose(&releases, (&used, back.as_ref()), keep, measure)?;
    let needed = needed(&kept, &elsewhere);
    let ids = |aged: &[&Aged]| aged.iter().map(|one| one.id.clone()).collect();
    let mut cleaned = Cleaned {
        kept: ids(&kept),
        removed: ids(&removed),
        kept_bytes: disk::bytes_of(state, &needed)?,
        ..Cleaned::default()
    };
    if !plan {
        for gone in &removed {
            forget(env, &gone.id)?;
        }
    }
    disk::artefacts(state, &needed, (YOUNG, plan), &mut cleaned)?;
    if !plan {
        prune_images(state, &needed, &mut cleaned)?;
    }
    Ok(cleaned)
}

fn prune_images(
    state: &StateDir,
    needed: &BTreeSet<Digest>,
    cleaned: &mut Cleaned,
) -> Result<(), LocalError> {
    if !state.images().exists() {
        return Ok(());
    }
    let layout = Layout::open(state.images()).map_err(LocalError::Layouts)?;
    let forgotten = layout.forget_others(needed, YOUNG);
    cleaned.images = forgotten.map_err(LocalError::Layouts)?;
    let pruned = layout.prune(YOUNG).map_err(LocalError::Layouts)?;
    cleaned.bytes += pruned.bytes;
    Ok(())
}

/// Digests of artefacts and images.
fn needed(kept: &[&Aged], elsewhere: &BTreeSet<Digest>) -> BTreeSet<Digest> {
    let own = kept.iter().flat_map(|aged| aged.needs.iter().cloned());
    own.chain(elsewhere.iter().cloned()).collect()
}

/// What the releases of the other environments need: all of them, because each is cleaned by its own rules.
fn elsewhere(state: &StateDir, own: &EnvDir) -> Result<BTreeSet<Digest>, LocalError> {
    let mut needs = BTreeSet::new();
    for env in state.environments()? {
        if env != *own {
            needs.extend(aged(&env)?.into_iter().flat_map(|aged| aged.needs));
        }
    }
    Ok(needs)
}

fn lock_all(state: &StateDir) -> Result<Vec<Lease>, LocalError> {
    let environments = state.environments()?;
    environments.iter().map(EnvDir::lock_for_change).collect()
}

/// Releases that run, that are asked for, or that a change which was left half done leads from or to.
fn in_use(env: &EnvDir) -> Result<BTreeSet<ReleaseId>, LocalError> {
    let intent = Intent::load(env)?;
    let groups = intent.services.values().flatten();
    let mut used: BTreeSet<ReleaseId> = groups.map(|group| group.release.clone()).collect();
    used.extend(intent.resources.into_values());
    used.extend(
        [intent.release, intent.listening, intent.routed]
            .into_iter()
            .flatten(),
    );
    let executor = Executor::open(&env.journal(), None)?;
    if let Some(open) = executor.unfinished() {
        used.insert(open.plan.to.clone());
        used.extend(open.plan.from.clone());
    }
    Ok(used)
}

/// The releases of an environment, newest first.
fn aged(env: &EnvDir) -> Result<Vec<Aged>, LocalError> {
    let mut found = Vec::new();
    for id in release::all(env)? {
        let path = env.release(id.as_str()).join("release.json");
        let made = path.metadata().and_then(|data| data.modified());
        let made = made.map_err(at("look at", &path))?;
        // One that cannot be read needs nothing that could be named, and stays until somebody looks at it.
        let kept = release::load(env, &id)?;
        let parts = &kept.release.parts;
        let images = images::of(&kept.bundle).map(|(_, digest)| digest);
        let needs = parts.artefacts.values().chain(images).cloned();
        let needs = needs.collect();
        found.push(Aged { id, made, needs });
    }
    found.sort_by(|one, other| (other.made, &other.id).cmp(&(one.made, &one.id)));
    Ok(found)
}

/// The release file goes first: without it the folder is no release any more.
fn forget(env: &EnvDir, id: &ReleaseId) -> Result<(), LocalError> {
    let dir = env.release(id.as_str());
    let file = dir.join("release.json");
    std::fs::remove_file(&file).map_err(at("remove", &file))?;
    Ok(std::fs::remove_dir_all(&dir).map_err(at("remove", &dir))?)
}
