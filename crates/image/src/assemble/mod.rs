//! From a plan to an image in a layout: no daemon, no root, nothing half-written.
//!
//! Reading order: [`plan`] (what shall be in it), `base` (taking over another image's layers), [`adopt`] (an image
//! taken as it is), [`platforms`] (one name for several machines), [`result`].

pub mod adopt;
mod base;
pub mod error;
pub mod plan;
pub mod platforms;
pub mod result;

use std::time::Instant;

use plimsoll_stdx::clock::rfc3339;

pub use adopt::adopt;
pub use error::ImageError;
pub use plan::{Base, ImagePlan, Settings};
pub use platforms::join;
pub use result::BuiltImage;

use crate::layer::{self, BuiltLayer};
use crate::oci::manifest::MAX_LAYERS;
use crate::oci::{History, ImageConfig, Layout, Manifest, RuntimeConfig, media};
use crate::sbom;
use base::Ground;

/// Writes the image of `plan` for `service` into `layout`, attaches its bills of materials and its provenance, and
/// names it `plan.name` as the last step: a failure or a kill before that leaves the name where it was.
///
/// Equal plans over equal files give equal digests, in any folder, by any user, at any time.
pub fn assemble(
    service: &str,
    plan: &ImagePlan,
    layout: &Layout,
) -> Result<BuiltImage, ImageError> {
    let started = Instant::now();
    plan.ensure_program()?;
    let ground = base::lay(plan, layout)?;
    let mut layers = ground.layers.clone();
    for layer in plan.layers.iter().filter(|layer| !layer.is_empty()) {
        layers.push(layer::write(layer, layout, plan.compression, plan.epoch)?);
    }
    ensure_mountable(layers.len())?;
    let config = layout.put_json(media::CONFIG, &config(plan, &ground, &layers))?;
    let mut manifest = Manifest::image(config, layers.iter().map(BuiltLayer::descriptor).collect());
    manifest.annotations = annotations(plan, &ground);
    let mut descriptor = layout.put_json(media::MANIFEST, &manifest)?;
    let mut packages = plan.packages.clone();
    // Behind the app's own: those refer to one another by position.
    packages.extend(ground.packages);
    sbom::attach(plan, &packages, &descriptor, layout)?;
    descriptor.platform = Some(plan.platform.clone());
    layout.tag(&plan.name, &descriptor)?;
    Ok(BuiltImage {
        service: service.to_owned(),
        digest: descriptor.digest.clone(),
        unpacked_bytes: layers.iter().map(|layer| layer.unpacked).sum(),
        pulled_bytes: descriptor.size + manifest.blobs().map(|blob| blob.size).sum::<u64>(),
        seconds: result::seconds(started),
        layers,
        packages,
        descriptor,
    })
}

fn ensure_mountable(count: usize) -> Result<(), ImageError> {
    if count <= MAX_LAYERS {
        return Ok(());
    }
    Err(ImageError::TooManyLayers {
        count,
        limit: MAX_LAYERS,
    })
}

fn config(plan: &ImagePlan, ground: &Ground, layers: &[BuiltLayer]) -> ImageConfig {
    let created = Some(rfc3339(plan.epoch.saturating_mul(1000)));
    let own = &layers[ground.history_of..];
    let mut history = ground.history.clone();
    history.extend(own.iter().map(|layer| History {
        created: created.clone(),
        created_by: Some(format!("plimsoll build: {}", layer.what)),
        comment: None,
        empty_layer: false,
    }));
    let mut config = ImageConfig::new(&plan.platform);
    config.created = created;
    config.config = runtime(&plan.settings, &ground.config);
    config.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    config.history = history;
    config
}

/// The plan's settings over those of the base. Its volumes are left out: they would be folders that can be written
/// and that nobody declared.
fn runtime(settings: &Settings, base: &RuntimeConfig) -> RuntimeConfig {
    let mut config = RuntimeConfig {
        user: settings.user.clone(),
        env: environment(settings, &base.env),
        working_dir: settings.working_dir.clone(),
        stop_signal: settings.stop_signal.clone(),
        exposed_ports: base.exposed_ports.clone(),
        labels: base.labels.clone(),
        ..RuntimeConfig::default()
    };
    let ports = settings.ports.iter().map(|port| format!("{port}/tcp"));
    config.exposed_ports.extend(ports);
    config.labels.extend(settings.labels.clone());
    if settings.run.is_empty() {
        config.entrypoint.clone_from(&base.entrypoint);
        config.cmd.clone_from(&base.cmd);
    } else {
        config.entrypoint.clone_from(&settings.run);
    }
    config
}

/// The base's variables in its order, ours after them; where both have one, ours.
fn environment(settings: &Settings, base: &[String]) -> Vec<String> {
    let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    let mut lines: Vec<String> = base
        .iter()
        .filter(|line| !settings.env.contains_key(&name(line)))
        .cloned()
        .collect();
    let has_path = lines.iter().any(|line| name(line) == "PATH");
    if !has_path && !settings.env.contains_key("PATH") {
        lines.push(format!("PATH={}", plan::PATH));
    }
    lines.extend(
        settings
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    lines
}

fn annotations(plan: &ImagePlan, ground: &Ground) -> std::collections::BTreeMap<String, String> {
    let mut annotations = plan.settings.labels.clone();
    annotations.retain(|name, _| name.starts_with("org.opencontainers.image."));
    if let Some(digest) = &ground.digest {
        annotations.insert(
            "org.opencontainers.image.base.digest".to_owned(),
            digest.to_string(),
        );
    }
    annotations
}

#[cfg(test)]
mod tests;
