//! What is in force in an environment, read from its documents: no daemon is asked.

use plimsoll_bundle::local::GatewayTable;
use plimsoll_deploy::ReleaseId;

use crate::daemon::intent::Intent;
use crate::{EnvDir, LocalError, release};

/// The release that was last brought into force. Outlives `down`.
pub fn in_force(env: &EnvDir) -> Result<Option<ReleaseId>, LocalError> {
    Ok(Intent::load(env)?.release)
}

/// The table that the gateway routes by; nothing when it is down.
pub fn routes_in_force(env: &EnvDir) -> Result<Option<GatewayTable>, LocalError> {
    let routed = Intent::load(env)?.routed;
    let kept = routed.map(|id| release::load(env, &id)).transpose()?;
    Ok(kept.map(|kept| kept.bundle.gateway))
}
