//! A layout in a folder of its own, and small apps to put into it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use plimsoll_image::assemble::Base;
use plimsoll_image::layer::{Content, Layer, Parents, Source};
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::package::{Checksum, Ecosystem, Origin, Package, Phase};
use plimsoll_image::sbom::Provenance;
use plimsoll_image::{BuiltImage, ImagePlan, assemble};

/// This machine.
pub(crate) fn machine() -> Platform {
    Platform::linux(std::env::consts::ARCH).unwrap()
}

/// An image of a program of `size` bytes that do not compress, with papers.
pub(crate) fn plan(size: usize) -> ImagePlan {
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    let mut app = Layer::new("app", Parents::All);
    let program = Source::Bytes(noise.take(size).collect());
    app.put("/app/run", Content::Program(program)).unwrap();
    let mut plan = ImagePlan::new("app/backend", machine(), Base::Own);
    plan.layers = vec![app];
    plan.settings.run = vec!["/app/run".into()];
    plan.packages = packages();
    plan.provenance = Some(Provenance::default());
    plan
}

/// One package of each kind of origin, licence and need.
pub(crate) fn packages() -> Vec<Package> {
    let package = |name: &str, ecosystem, phase, origin, license: &str, needs| Package {
        name: name.into(),
        version: "1.2.3+meta".into(),
        ecosystem,
        phase,
        is_root: origin == Origin::Local,
        checksum: (origin == Origin::Registry).then(|| Checksum::Sha256("ab".repeat(32))),
        origin,
        license: Some(license.into()),
        needs,
    };
    let git = Origin::Git("git+https://example.com/deep?rev=abc#abc".into());
    let other = Origin::OtherRegistry("https://crates.example.com/index".into());
    vec![
        package(
            "@scope/web",
            Ecosystem::Npm,
            Phase::Runtime,
            Origin::Registry,
            "MIT",
            vec![],
        ),
        package(
            "app",
            Ecosystem::Cargo,
            Phase::Runtime,
            Origin::Local,
            "Apache-2.0",
            vec![0, 2, 3],
        ),
        package(
            "deep",
            Ecosystem::Cargo,
            Phase::Build,
            git,
            "MIT/Apache-2.0",
            vec![],
        ),
        package(
            "own",
            Ecosystem::Cargo,
            Phase::Runtime,
            other,
            "see the file",
            vec![],
        ),
    ]
}

/// The image of `plan` in a new layout.
pub(crate) fn built(plan: &ImagePlan) -> (tempfile::TempDir, Layout, BuiltImage) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    let built = assemble("backend", plan, &layout).unwrap();
    (folder, layout, built)
}

/// Whether `argv` runs and succeeds.
pub(crate) fn succeeds(argv: &[&str]) -> bool {
    Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What `argv` prints; with its complaints where it fails.
pub(crate) fn output(argv: &[&str]) -> String {
    let output = Command::new(argv[0]).args(&argv[1..]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{argv:?}\n{complaints}");
    String::from_utf8(output.stdout).unwrap()
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    plimsoll_stdx::fs::write_atomic(path, text.as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}
