//! From the artefact of a service to the plan of its image: which file goes into which layer.
//!
//! Layers follow the rate of change. What is the same for all apps lies lowest, then what changes when a dependency
//! does, then the app: a change of one source file changes the last layer only.

use std::path::{Path, PathBuf};

use crate::assemble::{Base, ImageError, ImagePlan};
use crate::layer::{Content, Layer, Parents, Source};
use crate::oci::Platform;
use crate::tree::{Tree, TreeFile};

/// Where the files of an app lie.
const APP: &str = "/app";
/// Where the files of a front end lie.
const SITE: &str = "/srv";
/// The front end's server.
pub const SERVER: &str = "/app/server";
/// The settings of a deployment, answered by the server or the gateway from its environment. The file is there
/// so that it can be mounted over on a read-only root; the image is the same for every environment.
const SETTINGS: &str = "/srv/config.json";
/// What installers fill and nobody edits: of Node, of Python, of PHP and Ruby.
const DEPENDENCIES: [&str; 5] = ["node_modules", "site-packages", ".venv", "venv", "vendor"];

/// A finished build, as it lies in the store.
#[derive(Debug, Clone, Copy)]
pub struct Artefact<'a> {
    /// Its folder.
    pub dir: &'a Path,
    /// What it holds.
    pub tree: &'a Tree,
}

/// The program that serves a front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A static program of this machine.
    pub program: PathBuf,
    /// Its arguments: `--spa index.html`.
    pub arguments: Vec<String>,
    /// The TCP port on which it listens.
    pub port: u16,
}

/// The image of a program of a Cargo workspace: our base, its other files, the program `bin` as `/app/<bin>`.
pub fn cargo(
    name: &str,
    platform: Platform,
    artefact: Artefact<'_>,
    bin: &str,
) -> Result<ImagePlan, ImageError> {
    let (mut assets, mut app) = (
        Layer::new("assets", Parents::All),
        Layer::new("app", Parents::All),
    );
    for file in &artefact.tree.files {
        let layer = if file.path == bin {
            &mut app
        } else {
            &mut assets
        };
        layer.put(&format!("{APP}/{}", file.path), content(artefact.dir, file))?;
    }
    let mut plan = ImagePlan::new(name, platform, Base::Own);
    plan.layers = vec![assets, app];
    plan.settings.run = vec![format!("{APP}/{bin}")];
    Ok(plan)
}

/// The image of an app that is not compiled: the base image, its dependencies, the app as `/app`.
pub fn command(
    name: &str,
    platform: Platform,
    artefact: Artefact<'_>,
    base: Base,
) -> Result<ImagePlan, ImageError> {
    let parents = match &base {
        Base::Nothing | Base::Own | Base::Bare => Parents::All,
        Base::Image { .. } => Parents::Own,
    };
    let (mut dependencies, mut app) = (
        Layer::new("dependencies", parents),
        Layer::new("app", parents),
    );
    for file in &artefact.tree.files {
        let is_dependency = file
            .path
            .split('/')
            .any(|part| DEPENDENCIES.contains(&part));
        let layer = if is_dependency {
            &mut dependencies
        } else {
            &mut app
        };
        layer.put(&format!("{APP}/{}", file.path), content(artefact.dir, file))?;
    }
    let mut plan = ImagePlan::new(name, platform, base);
    plan.layers = vec![dependencies, app];
    Ok(plan)
}

/// The image of a front end: its files with their compressed siblings as `/srv`, and, with a `server`, our bare
/// base and that program (it calls nobody, so it needs no certificates). Without one it is a package of files for a
/// gateway to serve.
pub fn site(
    name: &str,
    platform: Platform,
    artefact: Artefact<'_>,
    server: Option<Server>,
) -> Result<ImagePlan, ImageError> {
    let files = site_files(artefact)?;
    let Some(server) = server else {
        let mut plan = ImagePlan::new(name, platform, Base::Nothing);
        SITE.clone_into(&mut plan.settings.working_dir);
        plan.layers = vec![files];
        return Ok(plan);
    };
    let mut program = Layer::new("server", Parents::All);
    program.put(SERVER, Content::Program(Source::Path(server.program)))?;
    let mut plan = ImagePlan::new(name, platform, Base::Bare);
    SITE.clone_into(&mut plan.settings.working_dir);
    plan.layers = vec![program, files];
    plan.settings.run = vec![SERVER.to_owned()];
    plan.settings.run.extend(server.arguments);
    plan.settings.ports.insert(server.port);
    Ok(plan)
}

fn site_files(artefact: Artefact<'_>) -> Result<Layer, ImageError> {
    let mut files = Layer::new("files", Parents::All);
    files.put(SETTINGS, Content::File(Source::Bytes(b"{}".to_vec())))?;
    for file in &artefact.tree.files {
        let path = format!("{SITE}/{}", file.path);
        // Siblings of settings that are made at start-up would be stale.
        let is_stale = path
            .strip_prefix(SETTINGS)
            .is_some_and(|rest| [".br", ".gz", ".zst"].contains(&rest));
        if !is_stale {
            files.put(&path, content(artefact.dir, file))?;
        }
    }
    Ok(files)
}

/// The refusal of a service that is a Dockerfile; its advice names the ways forward.
pub fn dockerfile(service: &str, file: &Path) -> ImageError {
    ImageError::Dockerfile {
        service: service.to_owned(),
        file: file.to_owned(),
    }
}

fn content(dir: &Path, file: &TreeFile) -> Content {
    if let Some(target) = &file.link {
        return Content::Link(target.clone());
    }
    let source = Source::Path(dir.join(&file.path));
    if file.executable {
        Content::Program(source)
    } else {
        Content::File(source)
    }
}
