//! What a service starts with.

use plimsoll_model::app::{Build, Service};

use super::{RenderError, Source};

/// Program and arguments of a service: the file's word, else what its build or its image names.
pub(super) fn of(
    name: &str,
    service: &Service,
    source: &Source,
) -> Result<Vec<String>, RenderError> {
    let of_the_image = || match &source.image {
        Some(image) if !image.command.is_empty() => Ok(image.command.clone()),
        _ => Err(RenderError::NoCommand(name.to_owned())),
    };
    match &service.build {
        Build::Docker(_) => Err(RenderError::Form {
            service: name.to_owned(),
            form: "built from a Dockerfile",
        }),
        Build::Static(_) => Ok(Vec::new()),
        Build::Cargo(_) | Build::Command(_) | Build::Image(_) if !service.run.is_empty() => {
            Ok(service.run.clone())
        }
        Build::Cargo(cargo) => Ok(vec![format!("/app/{}", cargo.bin)]),
        Build::Command(_) | Build::Image(_) => of_the_image(),
    }
}
