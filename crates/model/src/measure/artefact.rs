//! What was built: `image.` and `build.`.

use super::{Measure, claim};
use crate::units::Dimension::{Bytes, Number, Share, Text, Time, Truth};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("image.unpacked", Bytes, &["app", "service"],
        "Bytes of the image's files; of the app, the sum over its services."),
    claim("image.packed", Bytes, &["app", "service"],
        "Bytes of the image's compressed layers, as a registry stores them; of the app, the sum over its \
         services."),
    claim("image.reduction", Share, &["app", "service"],
        "How much smaller the packed image is than one built the plain way: one stage, a full base image, no \
         stripping. Both are really built."),
    claim("image.layers", Number, &["service"], "Layers that the manifest lists, those of a base image among them."),
    claim("image.stages", Number, &["service"], "Stages of the rendered Dockerfile that the same image is built by."),
    claim("image.build_tools", Number, &["service"],
        "Compilers, package managers and their caches among the image's files."),
    claim("image.foreign_programs", Number, &["service"],
        "Executables in the image that the app does not bring: shells and tools of a base."),
    claim("image.system_packages", Number, &["service"],
        "Packages of a distribution that the bill of materials lists."),
    claim("image.symbols", Number, &["service"], "Symbol tables and debug sections in the image's programs."),
    claim("image.user", Number, &["service"], "User id in the image's configuration."),
    claim("image.files", Truth, &["service"],
        "Whether the image has these files, and they run when they are programs.").with("paths, separated by blanks"),
    claim("image.secrets", Number, &["app", "service"],
        "Findings of the secret scan over every layer and the image's configuration."),
    claim("image.sbom", Truth, &["service"],
        "Whether the bill of materials parses as SPDX or CycloneDX and lists every file of the image."),
    claim("image.advisories", Number, &["app", "service"],
        "Advisories of severity high or critical that match the bill of materials. The list and its day are part \
         of the evidence; without one there is none."),
    claim("image.pull_saved", Share, &["app", "service"],
        "How much less time the layers take through a registry of limited rate than those of the plainly built \
         image."),
    claim("build.time", Time, &["app", "service"],
        "Wall time of a build with empty caches, dependencies fetched before."),
    claim("build.time_saved", Share, &["app", "service"],
        "How much less wall time that is than the plain build takes in the same run."),
    claim("build.dependencies_kept", Truth, &["service"],
        "Whether one changed source file leaves the layer of the dependencies as it was, and the build takes \
         less than a clean one."),
    claim("build.strays", Number, &["service"],
        "Paths in the build context that an image never needs: tests, documents, build output, `node_modules`, \
         editor settings."),
    claim("build.rust", Text, &["service"],
        "Version of the Rust compiler, major and minor, as the build recorded it."),
    claim("build.node", Text, &["service"], "Major version of Node, as the build recorded it."),
    claim("build.hashed_names", Truth, &["service"],
        "Whether every script and style that a page loads carries a hash of its content in its name."),
    claim("build.source_maps", Number, &["service"], "Source maps among the files for browsers."),
    claim("build.script_packed", Bytes, &["service"], "Compressed script that the first page loads."),
    claim("build.chunks", Number, &["service"], "Chunks of script that are loaded when a page needs them."),
    claim("build.unused_exports", Number, &["service"],
        "Marked exports that nothing imports and that the output still holds."),
    claim("build.test_coverage", Share, &["app"], "Line coverage of the app's tests."),
    claim("build.failed_tests", Number, &["app"], "Tests of the app's gates that failed."),
    claim("image.reproducible", Truth, &["app", "service"], "Whether two clean builds give the same digest."),
    claim("build.cpu", Time, &["app", "service"], "CPU time of such a build."),
];
