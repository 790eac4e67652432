//! What a service starts with.

use plimsoll_model::app::{Build, Service};

use super::RenderError;

/// Program and arguments of a service.
pub(super) fn of(name: &str, service: &Service) -> Result<Vec<String>, RenderError> {
    let form = |form| {
        Err(RenderError::Form {
            service: name.to_owned(),
            form,
        })
    };
    match &service.build {
        Build::Docker(_) => form("built from a Dockerfile"),
        Build::Image(_) => form("given as an image"),
        Build::Static(_) => Ok(Vec::new()),
        Build::Cargo(_) | Build::Command(_) if !service.run.is_empty() => Ok(service.run.clone()),
        Build::Cargo(cargo) => Ok(vec![format!("/app/{}", cargo.bin)]),
        Build::Command(_) => Err(RenderError::NoCommand(name.to_owned())),
    }
}
