//! Services that run from their images, where this machine can contain them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::{ImageSpec, ProgramSpec, VolumeSpec};
use plimsoll_image::layer::{Content, Layer, Parents, Source};
use plimsoll_image::oci::{Layout, Platform};
use plimsoll_image::{ImagePlan, assemble};
use plimsoll_local::{Data, Ending, ProcessKind};
use plimsoll_stdx::fs::write_atomic;
use plimsoll_supervisor::ProcessRunner;

use crate::project::{FIXTURE, Project, Spec, kill, wait};

/// Whether anything here can run, with a line that says why not.
fn can_contain() -> bool {
    let contained = ProcessRunner::new(FIXTURE.into())
        .capabilities()
        .contained
        .clone();
    if let Err(reason) = &contained {
        eprintln!("skipped: needs namespaces ({reason})");
    }
    contained.is_ok()
}

fn images(project: &Project) -> PathBuf {
    project.local.state().images()
}

/// An image with the fixture where no artefact would have it, and `text` in a file.
fn image(project: &Project, text: &str) -> Digest {
    let layout = Layout::create(images(project)).unwrap();
    let platform = Platform::linux(std::env::consts::ARCH).unwrap();
    let mut plan = ImagePlan::new("api", platform, assemble::Base::Bare);
    let mut layer = Layer::new("app", Parents::All);
    for (path, content) in [
        (
            "/opt/bin/fixture",
            Content::Program(Source::Path(FIXTURE.into())),
        ),
        (
            "/opt/text",
            Content::File(Source::Bytes(text.as_bytes().to_vec())),
        ),
    ] {
        layer.put(path, content).unwrap();
    }
    plan.layers = vec![layer];
    assemble("api", &plan, &layout).unwrap().digest
}

/// The service is that image as somebody gave it, without an artefact.
fn given(digest: Digest) -> Box<dyn Fn(&mut ProgramSpec) + Sync> {
    Box::new(move |program| {
        program.artefact = None;
        program.command = ["fixture", "serve"].map(str::to_owned).to_vec();
        program.image = Some(ImageSpec {
            digest: digest.clone(),
            base: None,
            env: BTreeMap::from([
                ("PATH".to_owned(), "/usr/bin:/opt/bin".to_owned()),
                ("FROM_IMAGE".to_owned(), "yes".to_owned()),
                ("RELEASE".to_owned(), "the image's".to_owned()),
            ]),
            workdir: "/opt".to_owned(),
            user: "4242:4242".to_owned(),
            stop_signal: "SIGTERM".to_owned(),
        });
    })
}

fn up_with(text: &str) -> Option<Project> {
    let mut project = Project::new(&Spec::plain())?;
    project.edit = given(image(&project, text));
    assert_eq!(project.up().ending, Ending::InForce);
    Some(project)
}

/// The folders of unpacked images.
fn unpacked(project: &Project) -> Vec<PathBuf> {
    let root = project.local.state().rootfs();
    let entries = std::fs::read_dir(root).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_image = |path: &PathBuf| path.file_name().unwrap().len() == 64;
    paths.filter(is_image).collect()
}

#[test]
fn a_given_image_runs_contained_as_it_says_and_the_file_wins() {
    if !can_contain() {
        return;
    }
    let Some(project) = up_with("one") else {
        return;
    };
    assert_eq!(project.process("api-1").isolation, "contained");
    assert_eq!(project.get("/cwd"), "/opt");
    assert_eq!(project.get("/user"), "4242");
    assert_eq!(project.get("/read/opt/text"), "one");
    assert_eq!(project.get("/env/FROM_IMAGE"), "yes");
    assert_eq!(project.get("/release"), "one", "the service's own variable");
    assert!(!project.get("/secret").is_empty());
    assert_ne!(project.get("/write/opt/text"), "written");
    assert_eq!(project.get("/write/tmp/x"), "written");
    assert!(project.get("/read/usr/bin/env").contains("No such file"));

    let status = project.local.status().unwrap();
    assert_eq!(status.images.len(), 1);
    assert_eq!(status.images[0].service, "api");
    let release = status.release.unwrap();
    let file = project.read(&format!("releases/{release}/release.json"));
    assert!(file.contains(status.images[0].digest.as_str()), "{file}");
    assert_eq!(unpacked(&project).len(), 1, "one for both replicas");
}

#[test]
fn a_volume_has_its_place_in_an_image_that_lacks_it() {
    if !can_contain() {
        return;
    }
    let mut project = Project::new(&Spec::plain()).unwrap();
    let give = given(image(&project, "one"));
    project.edit = Box::new(move |program| {
        give(program);
        let volume = VolumeSpec {
            mount: "/var/lib/shop".into(),
            size_bytes: 1 << 20,
            variable: Some("DATA".into()),
        };
        program.volumes.insert("data".into(), volume);
    });
    assert_eq!(project.up().ending, Ending::InForce);
    assert_eq!(project.get("/env/DATA"), "/var/lib/shop");
    assert_eq!(project.get("/write/var/lib/shop/x"), "written");
}

#[test]
fn what_was_changed_in_an_unpacked_image_never_runs() {
    if !can_contain() {
        return;
    }
    let Some(project) = up_with("true") else {
        return;
    };
    project.local.down(Data::Keep, &mut |_| {}).unwrap();
    let folder = unpacked(&project).remove(0);
    write_atomic(&folder.join("opt/text"), b"liar").unwrap();
    assert_eq!(project.up().ending, Ending::InForce);
    assert_eq!(project.get("/read/opt/text"), "true");
}

#[test]
fn a_damaged_layer_is_a_clear_error_once_and_made_again_afterwards() {
    if !can_contain() {
        return;
    }
    let mut project = Project::new(&Spec::plain()).unwrap();
    let digest = image(&project, "one");
    project.edit = given(digest);
    let blobs = images(&project).join("blobs/sha256");
    let largest = std::fs::read_dir(&blobs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    write_atomic(&largest, &bytes).unwrap();

    let outcome = project.up();
    let Ending::Undone { message, hint, .. } = outcome.ending else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("is damaged"), "{message}");
    assert!(hint.unwrap_or_default().contains("again"));
    assert_eq!(unpacked(&project), Vec::<PathBuf>::new());
    // What a build or a pull does.
    image(&project, "one");
    assert_eq!(project.up().ending, Ending::InForce);
}

#[test]
fn a_program_that_the_image_lacks_is_named_and_none_of_this_machine_runs() {
    if !can_contain() {
        return;
    }
    let mut project = Project::new(&Spec::plain()).unwrap();
    let give = given(image(&project, "one"));
    project.edit = Box::new(move |program| {
        give(program);
        program.command = vec!["/usr/bin/env".into()];
    });
    let Ending::Undone { message, .. } = project.up().ending else {
        panic!("there is no such program")
    };
    assert!(message.contains("no program `/usr/bin/env`"), "{message}");
}

#[test]
fn unpacked_images_stay_as_long_as_something_needs_them() {
    if !can_contain() {
        return;
    }
    let Some(mut project) = up_with("one") else {
        return;
    };
    let first = unpacked(&project);
    project.edit = given(image(&project, "two"));
    assert_eq!(project.up().ending, Ending::InForce);
    assert_eq!(project.get("/read/opt/text"), "two");
    let second = unpacked(&project);
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);

    project.local.down(Data::Keep, &mut |_| {}).unwrap();
    assert_eq!(unpacked(&project), second, "it will come up again");
    project.local.down(Data::Delete, &mut |_| {}).unwrap();
    assert_eq!(unpacked(&project), Vec::<PathBuf>::new());
}

#[test]
fn a_daemon_that_was_killed_while_it_unpacked_leaves_nothing_in_the_way() {
    if !can_contain() {
        return;
    }
    let mut project = Project::new(&Spec::plain()).unwrap();
    project.edit = given(image(&project, "one"));
    let root = project.local.state().rootfs();
    // As a kill leaves it: a folder that nobody locks, and a list whose folder never got its name.
    std::fs::create_dir_all(root.join(".unpack-0123456789abcdef/half")).unwrap();
    let hex = "0".repeat(64);
    write_atomic(&root.join(format!("{hex}.rootfs.json")), b"{}").unwrap();
    assert_eq!(project.up().ending, Ending::InForce);
    let left: Vec<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".unpack-") || name.starts_with(&hex))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_replica_that_was_killed_is_back_from_the_same_image() {
    if !can_contain() {
        return;
    }
    let Some(project) = up_with("one") else {
        return;
    };
    let before = project.pids(ProcessKind::Replica);
    kill(before[0]);
    wait("another process", || {
        let now = project.pids(ProcessKind::Replica);
        now.len() == 2 && now != before
    });
    assert_eq!(project.get("/read/opt/text"), "one");
    assert!(Path::new(&unpacked(&project)[0]).is_dir());
}
