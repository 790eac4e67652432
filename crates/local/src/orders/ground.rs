//! What a process of a service stands on: the service's image, or its artefact among this machine's programs.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::{ImageSpec, ProgramSpec};
use plimsoll_supervisor::order::{Bind, ImageRoot, Isolation, Order, Root, StopSignal};

use super::layout::Layout;
use super::program::PATH;
use super::{inside, uids};
use crate::LocalError;

/// What one process stands on.
#[derive(Debug)]
pub(super) enum Ground<'a> {
    /// The unpacked image, and the full path of the program in it.
    Image {
        spec: &'a ImageSpec,
        root: ImageRoot,
        program: String,
    },
    /// The artefact.
    Artefact(&'a Digest),
}

impl<'a> Ground<'a> {
    /// The ground of `command`, a program of `service`; a bare name is looked for where programs are.
    ///
    /// It is the image where there is one, unless the machine or the service's network does not let the process be
    /// contained: then it is the artefact, where there is one. A program that our own image does not hold is one of
    /// this machine (`sh` in a job, say). An image that stands on another holds everything that it needs.
    pub(super) fn of(
        (service, program): (&str, &'a ProgramSpec),
        command: &[String],
        is_closed: bool,
        layout: &Layout,
    ) -> Result<Self, LocalError> {
        let root = |spec: &ImageSpec| layout.image_root(&spec.digest).filter(|_| is_closed);
        let image = program
            .image
            .as_ref()
            .and_then(|spec| Some((spec, root(spec)?)));
        let is_whole = |spec: &ImageSpec| spec.base.is_some() || program.artefact.is_none();
        if let Some((spec, root)) = image {
            let path = program.env.get("PATH").or_else(|| spec.env.get("PATH"));
            let path = path.map_or(PATH, String::as_str);
            let name = command.first().map_or("", String::as_str);
            if let Some(program) = inside::program(&root.rootfs, name, (path, &spec.workdir)) {
                return Ok(Self::Image {
                    spec,
                    root,
                    program,
                });
            }
            if !root.rootfs.is_dir() {
                // Never in silence among this machine's programs instead.
                return Err(LocalError::Unknown {
                    what: "unpacked image",
                    name: spec.digest.to_string(),
                });
            }
            if is_whole(spec) {
                return Err(LocalError::NoProgram {
                    service: service.to_owned(),
                    program: name.to_owned(),
                });
            }
        }
        match &program.artefact {
            Some(artefact) => Ok(Self::Artefact(artefact)),
            None => Err(LocalError::Uncontained {
                service: service.to_owned(),
                why: if is_closed {
                    "this machine cannot contain it"
                } else {
                    "one of its needs has no address in the file, so nothing says what it may connect to"
                },
            }),
        }
    }

    /// The file tree, the namespaces, the program, and what else of `order` follows from the ground.
    pub(super) fn put_into(&self, order: &mut Order, is_closed: bool, layout: &Layout) {
        match self {
            Self::Image {
                spec,
                root,
                program,
            } => {
                if let Some(first) = order.command.first_mut() {
                    first.clone_from(program);
                }
                order.workdir = match spec.workdir.as_str() {
                    "" => "/".to_owned(),
                    workdir => workdir.to_owned(),
                };
                let user = uids::app_known_as(inside::user(&root.rootfs, &spec.user));
                order.user = layout.user(user);
                order.stop_signal = stop_signal(&spec.stop_signal);
                order.root = Root::Image(root.clone());
                order.isolation = Isolation::Contained;
            }
            Self::Artefact(artefact) => {
                order.command = layout.command(&order.command, artefact);
                if let Some(first) = order.command.first_mut()
                    && !first.contains('/')
                    && let Some(found) = inside::program(Path::new("/"), first, (PATH, "/"))
                {
                    *first = found;
                }
                order.workdir = layout.workdir(artefact);
                order.user = layout.user(uids::app());
                (order.root, order.isolation) = if is_closed {
                    let root = layout.program_root(artefact, &order.command);
                    (root, layout.closed())
                } else {
                    (layout.tools(), Isolation::Shared)
                };
            }
        }
    }

    /// Variables that it brings.
    pub(super) fn env(&self) -> BTreeMap<String, String> {
        match self {
            Self::Image { spec, .. } => spec.env.clone(),
            Self::Artefact(_) => BTreeMap::new(),
        }
    }

    /// Files that it brings.
    pub(super) fn binds(&self, layout: &Layout) -> Vec<Bind> {
        match self {
            Self::Image { .. } => Vec::new(),
            Self::Artefact(artefact) => vec![layout.app_bind(artefact)],
        }
    }
}

/// By name or by number, as images say it. One that we do not send is SIGTERM's business.
fn stop_signal(name: &str) -> StopSignal {
    match name {
        "SIGINT" | "INT" | "2" => StopSignal::Int,
        "SIGQUIT" | "QUIT" | "3" => StopSignal::Quit,
        _ => StopSignal::Term,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_that_images_ask_for_are_sent_and_others_are_sigterm() {
        let of = |name| format!("{:?}", stop_signal(name));
        assert_eq!(
            ["SIGQUIT", "2", "", "SIGUSR1"].map(of),
            ["Quit", "Int", "Term", "Term"]
        );
    }
}
