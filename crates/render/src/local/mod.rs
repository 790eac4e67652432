//! The bundle of the local target.

mod command;
mod edge;
mod resource;
mod service;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use plimsoll_bundle::local::{Header, LocalBundle};
use plimsoll_model::App;

pub use source::{Image, Source};

/// A bundle, and what of the app it leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What runs and is routed.
    pub bundle: LocalBundle,
    /// What the app's file asks for and this target does not do. Shown, so that nothing is dropped in silence.
    pub omitted: Vec<Omitted>,
}

/// A key of the file that the local target does not act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    /// The key, `limit.partner.when`.
    pub key: String,
    /// What happens instead.
    pub effect: &'static str,
}

/// Why an app has no local bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The service comes in a form that this target cannot run.
    #[error(
        "service `{service}` is {form}, which this target does not run; build it with cargo, a command or as static files, or name an image"
    )]
    Form {
        /// The service.
        service: String,
        /// What it is.
        form: &'static str,
    },
    /// The caller built too little.
    #[error("service `{0}` has neither artefact nor image: it was not built")]
    NotBuilt(String),
    /// There is no program to start: neither the file nor the image names one.
    #[error("service `{0}` does not say what to run: add `run = [\"/app/PROGRAM\"]`")]
    NoCommand(String),
}

/// The bundle of `app`, whose services are made of `sources`, by name.
///
/// Pure and deterministic: equal input gives equal canonical bytes.
pub fn render(app: &App, sources: &BTreeMap<String, Source>) -> Result<Rendered, RenderError> {
    let mut omitted = Vec::new();
    let services = app
        .services
        .iter()
        .map(|(name, service)| {
            let source = sources
                .get(name)
                .ok_or_else(|| RenderError::NotBuilt(name.clone()))?;
            Ok((name.clone(), service::render(app, name, service, source)?))
        })
        .collect::<Result<_, RenderError>>()?;
    let resources = app
        .resources
        .iter()
        .map(|(name, found)| (name.clone(), resource::render(name, found, &mut omitted)))
        .collect();
    let jobs = app
        .jobs
        .iter()
        .map(|(name, job)| (name.clone(), service::job(job)))
        .collect();
    let bundle = LocalBundle {
        header: Header::new(LocalBundle::FORMAT, LocalBundle::VERSION),
        app: app.about.name.clone(),
        environment: app.environment.clone(),
        services,
        resources,
        jobs,
        gateway: edge::render(app, sources, &mut omitted),
    };
    Ok(Rendered { bundle, omitted })
}
