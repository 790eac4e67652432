//! The releases that are kept, and which of them is the way back.

use std::time::UNIX_EPOCH;

use plimsoll_deploy::{Executor, ReleaseId};
use plimsoll_stdx::fs::at;

use crate::daemon::intent::Intent;
use crate::outcome::KeptRelease;
use crate::{EnvDir, LocalError, release};

/// All of them, the newest first.
pub(crate) fn kept(env: &EnvDir) -> Result<Vec<KeptRelease>, LocalError> {
    let intent = Intent::load(env)?;
    let is_warm = |id: &ReleaseId| {
        let mut groups = intent.services.values().flatten();
        intent.keeps_warm()
            && intent.release.as_ref() != Some(id)
            && groups.any(|group| group.release == *id)
    };
    let mut kept = Vec::new();
    for id in release::all(env)? {
        let release = release::load(env, &id)?.release;
        let path = env.release(id.as_str()).join("release.json");
        let made = path.metadata().and_then(|about| about.modified());
        let since = made
            .map_err(at("look at", &path))?
            .duration_since(UNIX_EPOCH);
        let made_ms = since.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
        kept.push(KeptRelease {
            in_force: intent.release.as_ref() == Some(&id),
            warm: is_warm(&id),
            release,
            made_ms,
        });
    }
    kept.sort_by(|one, other| {
        let key = |kept: &KeptRelease| (kept.made_ms, kept.release.id.clone());
        key(other).cmp(&key(one))
    });
    Ok(kept)
}

/// Where a way back leads that nobody has given a goal: to the release in force, where a change that failed was left
/// standing beside it, and to the one before it otherwise.
pub(crate) fn back(env: &EnvDir) -> Result<ReleaseId, LocalError> {
    let left = Executor::open(&env.journal(), None)?.standing();
    match left.and(Intent::load(env)?.release) {
        Some(in_force) => Ok(in_force),
        None => before(env),
    }
}

/// The release that was in force before the one that is.
pub(crate) fn before(env: &EnvDir) -> Result<ReleaseId, LocalError> {
    let intent = Intent::load(env)?;
    let in_force = intent.release.as_ref();
    let mut earlier = intent.history.iter().rev();
    let before = earlier.find(|id| Some(*id) != in_force && env.release(id.as_str()).is_dir());
    before.cloned().ok_or_else(|| LocalError::Unknown {
        what: "release before",
        name: in_force.map_or_else(|| "the first".to_owned(), ToString::to_string),
    })
}
