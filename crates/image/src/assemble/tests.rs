use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::layer::{Compression, read};
use crate::oci::{Descriptor, Index, Layout, MAX_DOCUMENT, OciError, Platform};
use crate::service::{self, Artefact};
use crate::tree::Tree;

fn machine() -> Platform {
    Platform::linux("x86_64").unwrap()
}

/// A folder as a build leaves it behind.
fn artefact(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(&folder.path().join(path), text);
    }
    folder
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    plimsoll_stdx::fs::write_atomic(path, text.as_bytes()).unwrap();
    if path.ends_with("recon") {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn plan(folder: &Path) -> ImagePlan {
    let tree = Tree::read(folder).unwrap();
    let artefact = Artefact {
        dir: folder,
        tree: &tree,
    };
    let mut plan = service::cargo("app/backend", machine(), artefact, "recon").unwrap();
    plan.settings.run.push("serve".into());
    plan.settings.ports.insert(2000);
    let title = (
        "org.opencontainers.image.title".to_owned(),
        "Backend".to_owned(),
    );
    plan.settings.labels.extend([title]);
    plan
}

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    (folder, layout)
}

const APP: [(&str, &str); 2] = [("recon", "the program"), ("rules/a.toml", "a = 1")];

fn config_of(layout: &Layout, image: &Descriptor) -> ImageConfig {
    let manifest = layout.manifest(image).unwrap();
    let bytes = layout.read(&manifest.config, MAX_DOCUMENT).unwrap();
    ImageConfig::parse(&bytes, "test").unwrap()
}

#[test]
fn the_same_files_give_the_same_image_in_any_folder_at_any_time() {
    let (_one, first) = layout();
    let (_two, second) = layout();
    let (here, there) = (artefact(&APP), artefact(&APP));
    let touched = there.path().join("recon");
    std::fs::File::open(&touched)
        .and_then(|file| file.set_modified(std::time::UNIX_EPOCH))
        .unwrap();
    let one = assemble("backend", &plan(here.path()), &first).unwrap();
    let two = assemble("backend", &plan(there.path()), &second).unwrap();
    assert_eq!(one.digest, two.digest);
    assert_eq!(one.layers, two.layers);
}

#[test]
fn a_changed_source_file_changes_the_last_layer_and_no_other() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    let before = assemble("backend", &plan(source.path()), &layout).unwrap();
    write(&source.path().join("recon"), "the changed program");
    let after = assemble("backend", &plan(source.path()), &layout).unwrap();
    let whats: Vec<&str> = after.layers.iter().map(|layer| &*layer.what).collect();
    assert_eq!(whats, ["base", "assets", "app"]);
    assert_eq!(before.layers[..2], after.layers[..2]);
    assert_ne!(before.layers[2].diff_id, after.layers[2].diff_id);
}

#[test]
fn the_image_runs_as_nobody_special_and_says_how_it_came_to_be() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    let built = assemble("backend", &plan(source.path()), &layout).unwrap();
    let config = config_of(&layout, &built.descriptor);
    let runtime = &config.config;
    assert_eq!(runtime.user, "1001:1001");
    assert_eq!(runtime.entrypoint, ["/app/recon", "serve"]);
    assert_eq!(runtime.working_dir, "/app");
    assert_eq!(runtime.stop_signal, "SIGTERM");
    assert!(runtime.exposed_ports.contains("2000/tcp"));
    assert!(
        runtime
            .env
            .iter()
            .any(|line| line.starts_with("PATH=/app:/usr/"))
    );
    assert!(
        runtime
            .env
            .contains(&"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned())
    );
    assert_eq!(config.created.as_deref(), Some("1970-01-01T00:00:00.000Z"));
    assert_eq!(config.history.len(), config.rootfs.diff_ids.len());
    let manifest = layout.manifest(&built.descriptor).unwrap();
    assert_eq!(
        manifest.annotations["org.opencontainers.image.title"],
        "Backend"
    );
    assert!(manifest.blobs().all(|blob| layout.has(blob)));
    assert_eq!(layout.resolve("app/backend").unwrap().digest, built.digest);
}

#[test]
fn sizes_and_digests_are_those_of_the_bytes_that_were_written() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    for compression in [
        Compression::Fast,
        Compression::Small,
        Compression::Compatible,
    ] {
        let mut plan = plan(source.path());
        plan.compression = compression;
        let built = assemble("backend", &plan, &layout).unwrap();
        let mut pulled = built.descriptor.size;
        let manifest = layout.manifest(&built.descriptor).unwrap();
        pulled += manifest.blobs().map(|blob| blob.size).sum::<u64>();
        assert_eq!(built.pulled_bytes, pulled);
        for (layer, blob) in built.layers.iter().zip(&manifest.layers) {
            let measured = read::measure(&layout, blob).unwrap();
            assert_eq!(measured, (layer.diff_id.clone(), layer.unpacked));
            assert_eq!(blob.media_type, compression.media_type());
        }
    }
}

#[test]
fn every_entry_is_roots_of_one_time_and_of_a_mode_that_nobody_may_write() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    let mut plan = plan(source.path());
    plan.epoch = 86_400;
    let built = assemble("backend", &plan, &layout).unwrap();
    let mut modes = BTreeMap::new();
    for layer in &built.layers {
        let mut archive = tar::Archive::new(read::open(&layout, &layer.descriptor()).unwrap());
        let mut last = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path_bytes().into_owned();
            assert!(path > last, "in one order");
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), 86_400);
            modes.insert(
                String::from_utf8(path.clone()).unwrap(),
                header.mode().unwrap(),
            );
            last = path;
        }
    }
    for (path, mode) in [
        ("app/", 0o755),
        ("app/recon", 0o555),
        ("app/rules/a.toml", 0o444),
        ("etc/passwd", 0o444),
        ("proc/", 0o755),
        ("tmp/", 0o1777),
    ] {
        assert_eq!(modes.get(path), Some(&mode), "{path}: {modes:?}");
    }
    let writable = modes
        .iter()
        .filter(|(path, mode)| !path.ends_with('/') && *mode & 0o222 != 0);
    assert_eq!(writable.count(), 0);
}

#[test]
fn a_long_path_survives_the_tar() {
    let (_folder, layout) = layout();
    let long = format!("{}/{}.toml", "folder/".repeat(30), "n".repeat(120));
    let source = artefact(&[("recon", "the program"), (&long, "a = 1")]);
    let built = assemble("backend", &plan(source.path()), &layout).unwrap();
    let mut archive =
        tar::Archive::new(read::open(&layout, &built.layers[1].descriptor()).unwrap());
    let wanted = format!("app/{}", long.replace("//", "/"));
    let mut found = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path_bytes() == wanted.as_bytes())
        .unwrap();
    let mut text = String::new();
    found.read_to_string(&mut text).unwrap();
    assert_eq!(text, "a = 1");
}

#[test]
fn a_program_that_is_not_in_the_image_is_refused_before_anything_is_written() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    for (program, word) in [
        ("/app/other", "none of its layers"),
        ("recon", "full path"),
        ("/app/rules/a.toml", "executed"),
        ("/app/rules", "folder"),
    ] {
        let mut plan = plan(source.path());
        plan.settings.run = vec![program.into()];
        let error = assemble("backend", &plan, &layout).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.is_users_fault() && error.advice().is_some());
    }
    assert!(layout.index().unwrap().manifests.is_empty());
    assert_eq!(
        std::fs::read_dir(layout.root().join("blobs/sha256"))
            .unwrap()
            .count(),
        0
    );
}

/// An image as somebody else built it, in a layout of its own.
fn foreign(change: impl Fn(&mut ImageConfig)) -> (tempfile::TempDir, Layout) {
    let (folder, layout) = layout();
    let mut plan = ImagePlan::new("node", machine(), Base::Nothing);
    let mut layer = layer::Layer::new("debian", layer::Parents::All);
    let text = |text: &str| layer::Content::File(layer::Source::Bytes(text.into()));
    layer.put("/etc/os-release", text("ID=debian\n")).unwrap();
    let stanza = "Package: libc6\nVersion: 2.36\n";
    layer
        .put("/var/lib/dpkg/status.d/libc6", text(stanza))
        .unwrap();
    plan.layers = vec![layer];
    plan.settings.env.extend([
        ("PATH".into(), "/usr/bin".into()),
        ("NODE_VERSION".into(), "24".into()),
    ]);
    let built = assemble("node", &plan, &layout).unwrap();
    let mut config = config_of(&layout, &built.descriptor);
    config.config.user = String::new();
    config.config.cmd = vec!["node".into()];
    config.config.volumes.insert("/data".into());
    change(&mut config);
    let config = layout.put_json(media::CONFIG, &config).unwrap();
    let mut manifest = layout.manifest(&built.descriptor).unwrap();
    manifest.config = config;
    let image = layout.put_json(media::MANIFEST, &manifest).unwrap();
    layout.tag("node", &image).unwrap();
    (folder, layout)
}

fn on_base(base: &Layout, source: &Path) -> ImagePlan {
    let tree = Tree::read(source).unwrap();
    let artefact = Artefact {
        dir: source,
        tree: &tree,
    };
    let base = Base::Image {
        layout: base.root().to_owned(),
        reference: "node".into(),
    };
    service::command("app/api", machine(), artefact, base).unwrap()
}

const NODE: [(&str, &str); 2] = [("main.js", "run()"), ("node_modules/x/index.js", "x")];

#[test]
fn an_app_on_a_base_takes_its_layers_over_and_tightens_how_it_starts() {
    let (_base, base) = foreign(|_| {});
    let (_folder, layout) = layout();
    let source = artefact(&NODE);
    let mut plan = on_base(&base, source.path());
    plan.settings.run = vec!["node".into(), "/app/main.js".into()];
    plan.settings.env.insert("PATH".into(), "/opt/bin".into());
    let built = assemble("api", &plan, &layout).unwrap();
    let below = base.resolve("node").unwrap();
    let taken = base.manifest(&below).unwrap().layers;
    let manifest = layout.manifest(&built.descriptor).unwrap();
    assert_eq!(manifest.layers[..1], taken);
    let whats: Vec<&str> = built.layers.iter().map(|layer| &*layer.what).collect();
    assert_eq!(whats, ["of node", "dependencies", "app"]);
    assert_eq!(
        manifest.annotations["org.opencontainers.image.base.digest"],
        below.digest.as_str()
    );
    let config = config_of(&layout, &built.descriptor);
    assert_eq!(config.config.user, "1001:1001");
    assert_eq!(config.config.env, ["NODE_VERSION=24", "PATH=/opt/bin"]);
    assert_eq!(config.config.entrypoint, ["node", "/app/main.js"]);
    assert!(config.config.cmd.is_empty() && config.config.volumes.is_empty());
    assert_eq!(config.history.len(), 3);
    let names: Vec<&str> = built.packages.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["libc6"], "the base's packages");
    assert!(!layout.referrers(&built.digest).unwrap().is_empty());
}

#[test]
fn links_of_an_app_are_links_in_its_image() {
    let (_folder, layout) = layout();
    let source = artefact(&NODE);
    std::os::unix::fs::symlink("node_modules/x/index.js", source.path().join("run")).unwrap();
    let tree = Tree::read(source.path()).unwrap();
    let artefact = Artefact {
        dir: source.path(),
        tree: &tree,
    };
    let plan = service::command("app/api", machine(), artefact, Base::Own).unwrap();
    let built = assemble("api", &plan, &layout).unwrap();
    let manifest = layout.manifest(&built.descriptor).unwrap();
    let tree = crate::diff::files::of_image(&layout, &manifest).unwrap();
    let target = "node_modules/x/index.js".to_owned();
    assert_eq!(tree["/app/run"].kind, crate::diff::Kind::Link { target });
}

#[test]
fn a_base_for_another_machine_or_with_layers_that_it_does_not_own_up_to_is_refused() {
    let (_folder, layout) = layout();
    let source = artefact(&NODE);
    let (_arm, arm) = foreign(|config| config.architecture = "arm64".into());
    let error = assemble("api", &on_base(&arm, source.path()), &layout).unwrap_err();
    assert!(error.to_string().contains("linux/arm64"), "{error}");
    let (_lie, lie) =
        foreign(|config| config.rootfs.diff_ids = vec![plimsoll_bundle::Digest::of(b"x")]);
    let error = assemble("api", &on_base(&lie, source.path()), &layout).unwrap_err();
    assert!(error.to_string().contains("unpacks to"), "{error}");
    let (_short, short) = foreign(|config| config.rootfs.diff_ids.clear());
    let error = assemble("api", &on_base(&short, source.path()), &layout).unwrap_err();
    assert!(matches!(error, ImageError::BadBase { .. }), "{error}");
    assert!(layout.index().unwrap().manifests.is_empty());
}

#[test]
fn a_damaged_layer_of_a_base_is_named_and_nothing_is_made_of_it() {
    let (_base, base) = foreign(|_| {});
    let (_folder, layout) = layout();
    let blob = base
        .manifest(&base.resolve("node").unwrap())
        .unwrap()
        .layers[0]
        .clone();
    let mut bytes = std::fs::read(base.blob_path(&blob.digest)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    plimsoll_stdx::fs::write_atomic(&base.blob_path(&blob.digest), &bytes).unwrap();
    let source = artefact(&NODE);
    let error = assemble("api", &on_base(&base, source.path()), &layout).unwrap_err();
    assert!(error.to_string().contains(blob.digest.as_str()), "{error}");
    assert!(!layout.has(&blob));
}

#[test]
fn a_service_given_as_an_image_keeps_its_digest() {
    let (_base, base) = foreign(|_| {});
    let (_folder, layout) = layout();
    let built = adopt("node", (&base, "node"), (&layout, "app/node"), &machine()).unwrap();
    assert_eq!(built.digest, base.resolve("node").unwrap().digest);
    assert_eq!(layout.resolve("app/node").unwrap().digest, built.digest);
    let manifest = layout.manifest(&built.descriptor).unwrap();
    assert!(manifest.blobs().all(|blob| layout.has(blob)));
}

#[test]
fn images_of_two_machines_have_one_name_and_each_machine_finds_its_own() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    let arm = Platform::linux("aarch64").unwrap();
    let x86 = assemble("backend", &plan(source.path()), &layout).unwrap();
    let mut for_arm = plan(source.path());
    for_arm.platform = arm.clone();
    let for_arm = assemble("backend", &for_arm, &layout).unwrap();
    let index = join("app/backend", &[x86.clone(), for_arm.clone()], &layout).unwrap();
    let bytes = layout.read(&index, MAX_DOCUMENT).unwrap();
    let index = Index::parse(&bytes, "test").unwrap();
    assert_eq!(index.select(&machine()).unwrap().digest, x86.digest);
    assert_eq!(index.select(&arm).unwrap().digest, for_arm.digest);
    let adopted = adopt("b", (&layout, "app/backend"), (&layout, "b"), &arm).unwrap();
    assert_eq!(adopted.digest, for_arm.digest);
}

#[test]
fn a_front_end_is_its_files_and_settings_are_not_in_it() {
    let (_folder, layout) = layout();
    let files = [
        ("index.html", "<p>"),
        ("config.json", "{\"A\":1}"),
        ("config.json.br", "stale"),
        ("app.js.br", "b"),
    ];
    let source = artefact(&files);
    let server = artefact(&[("server", "static server")]);
    let tree = Tree::read(source.path()).unwrap();
    let artefact = Artefact {
        dir: source.path(),
        tree: &tree,
    };
    let bare = service::site("app/web", machine(), artefact, None).unwrap();
    let bare = assemble("web", &bare, &layout).unwrap();
    assert_eq!(bare.layers.len(), 1);
    let tree =
        crate::diff::files::of_image(&layout, &layout.manifest(&bare.descriptor).unwrap()).unwrap();
    let paths: Vec<&str> = tree.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "/srv",
            "/srv/app.js.br",
            "/srv/config.json",
            "/srv/index.html"
        ]
    );

    let server = service::Server {
        program: server.path().join("server"),
        arguments: vec!["--spa".into(), "index.html".into()],
        port: 8080,
    };
    let with_server = service::site("app/web", machine(), artefact, Some(server)).unwrap();
    let whole = assemble("web", &with_server, &layout).unwrap();
    let whats: Vec<&str> = whole.layers.iter().map(|layer| &*layer.what).collect();
    assert_eq!(whats, ["base", "server", "files"]);
    assert_eq!(whole.layers[2].diff_id, bare.layers[0].diff_id);
    assert_eq!(
        config_of(&layout, &whole.descriptor).config.entrypoint,
        [service::SERVER, "--spa", "index.html"]
    );
}

#[test]
fn a_dockerfile_is_refused_with_the_ways_forward() {
    let error = service::dockerfile("api", Path::new("api/Dockerfile"));
    let advice = error.advice().unwrap();
    for word in ["cargo", "command", "static", "image = "] {
        assert!(advice.contains(word), "{advice}");
    }
}

#[test]
fn a_source_that_vanishes_is_named_and_leaves_no_image() {
    let (_folder, layout) = layout();
    let source = artefact(&APP);
    let plan = plan(source.path());
    std::fs::remove_file(source.path().join("recon")).unwrap();
    let error = assemble("backend", &plan, &layout).unwrap_err();
    assert!(
        matches!(&error, ImageError::Source { path, .. } if path.ends_with("recon")),
        "{error}"
    );
    assert!(matches!(
        layout.resolve("app/backend"),
        Err(OciError::UnknownName { .. })
    ));
    assert_eq!(
        std::fs::read_dir(layout.root().join(".partial"))
            .unwrap()
            .count(),
        0
    );
}
