//! `service.NAME.build`.

use super::{Fill, Form, Kind, Table, key};

const ALIASES: Kind = Kind::Map(Form::Mount, &Kind::List(&Kind::Text(Form::Text)));
const FILES: Kind = Kind::Map(Form::Mount, &Kind::Text(Form::File));

const CARGO: Table = Table {
    doc: "A binary of a Cargo workspace, linked statically.",
    keys: &[
        key("cargo", Kind::Text(Form::Text), Fill::Required, "Name of the package."),
        key("bin", Kind::Text(Form::Text), Fill::Same("cargo"), "Name of the binary."),
        key("dir", Kind::Text(Form::File), Fill::Value("\".\""), "Folder of the workspace."),
        key("features", Kind::List(&Kind::Text(Form::Text)), Fill::Empty, "Cargo features that are switched on."),
        key("profile", Kind::Text(Form::Text), Fill::Value("\"release\""), "Cargo profile."),
        key("files", FILES, Fill::Empty, "More files for the image: path in the image to path in the project."),
        key("alias", ALIASES, Fill::Empty, "More paths under which the binary is found in the image, each with arguments put first."),
    ],
};

const COMMAND: Table = Table {
    doc: "Commands that leave files in a folder.",
    keys: &[
        key("command", Kind::Commands, Fill::Required, "Commands, one after the other. No shell."),
        key("out", Kind::Text(Form::File), Fill::Required, "Folder whose content becomes `/app`."),
        key("dir", Kind::Text(Form::File), Fill::Value("\".\""), "Folder in which they run."),
        key("base", Kind::Text(Form::Image), Fill::Absent, "Image that the result stands on (Node, Python), by digest: from a registry, or `oci:FOLDER@sha256:…` for an OCI layout in the project. Left out: the program is linked statically, or runs with this machine's programs."),
    ],
};

const STATIC: Table = Table {
    doc: "A folder of files for browsers.",
    keys: &[
        key("static", Kind::Text(Form::File), Fill::Required, "Folder of the source."),
        key("run", Kind::Commands, Fill::Empty, "Commands, one after the other. No shell. None: nothing to build."),
        key("out", Kind::Text(Form::File), Fill::Value("\".\""), "Folder with the result, below `static`."),
        key("spa", Kind::Text(Form::File), Fill::Absent, "Page for paths that no file answers."),
    ],
};

const DOCKER: Table = Table {
    doc: "A Dockerfile that the app already has. Only targets with a container runtime can build it.",
    keys: &[
        key("dockerfile", Kind::Text(Form::File), Fill::Required, "The Dockerfile."),
        key("context", Kind::Text(Form::File), Fill::Value("\".\""), "Folder of the context."),
        key("args", Kind::Map(Form::Variable, &Kind::Text(Form::Free)), Fill::Empty, "Build arguments."),
    ],
};

const IMAGE: Table = Table {
    doc: "An image that somebody else built.",
    keys: &[key("image", Kind::Text(Form::Image), Fill::Required, "The image, by digest: `REPOSITORY@sha256:…` from a registry, or `oci:FOLDER@sha256:…` for an OCI layout in the project.")],
};

/// The first key of each tells them apart.
pub(super) const BUILD: Kind = Kind::OneOf(&[&CARGO, &COMMAND, &STATIC, &DOCKER, &IMAGE]);
