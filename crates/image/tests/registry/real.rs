//! Docker's own registry (Debian's `docker-registry`), with a login, killed in the middle, and over TLS.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use plimsoll_image::oci::{Layout, Manifest};
use plimsoll_image::registry::{Access, Credentials, Progress, RegistryError, Settings, Transport};
use plimsoll_stdx::backoff::Backoff;

use super::support::{
    assert_whole, full, image, layout, machine, noise, puller, pusher, registry, unwatched,
};

const USER: &str = "plimsoll";
const PASSWORD: &str = "open sesame";
/// `htpasswd -Bbn plimsoll "open sesame"`; the registry reads no other hash.
const HTPASSWD: &str = "plimsoll:$2y$05$vqfZVz3w8yht9zs4SrTo0e1X2Q4npScvsWnFVWl7KHiS/XTA1TRsu\n";

/// A registry whose storage outlives it.
struct Real {
    child: Child,
    address: String,
}

impl Real {
    /// Starts one with its storage in `folder`; nothing where it is not installed. `more` is added to its `http` section.
    fn start(folder: &Path, address: &str, more: &str) -> Option<Self> {
        let write = |name: &str, text: &str| {
            plimsoll_stdx::fs::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
        };
        let shown = folder.display();
        write("htpasswd", HTPASSWD);
        write(
            "config.yml",
            &format!(
                "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {shown}/storage}}}}\n\
                 auth: {{htpasswd: {{realm: plimsoll, path: {shown}/htpasswd}}}}\n\
                 http: {{addr: \"{address}\", secret: not-a-secret{more}}}\n"
            ),
        );
        let child = Command::new("docker-registry")
            .args(["serve", "config.yml"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: needs docker-registry");
            return None;
        };
        let mut log = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let listening = log.find_map(|line| line.split("listening on ").nth(1).map(str::to_owned));
        let line = listening.expect("the registry does not listen");
        let address = line.split(['"', ',']).next().unwrap().trim().to_owned();
        // Read to its end, so that the registry never waits for us.
        std::thread::spawn(move || log.for_each(drop));
        Some(Self { child, address })
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn known() -> Settings {
    Settings {
        credentials: Some(Credentials::new(USER, PASSWORD)),
        backoff: Backoff {
            base_ms: 50,
            cap_ms: 200,
        },
        chunk: 1 << 20,
        ..Settings::default()
    }
}

#[test]
fn dockers_registry_takes_and_gives_what_was_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(real) = Real::start(folder.path(), "127.0.0.1:0", "") else {
        return;
    };
    let (_from, from) = layout();
    let image = image(&from, &[noise(5_000_000, 1), noise(70_000, 2)]);
    let bill = from
        .put("application/spdx+json", b"a bill of materials")
        .unwrap();
    from.attach(&Manifest::artefact(
        "application/spdx+json",
        bill,
        image.bare(),
    ))
    .unwrap();
    let pushed = pusher(&real.name("team/app:1"), known())
        .push(&from, &image, &mut unwatched)
        .unwrap();
    assert_eq!((pushed.uploaded, pushed.attached), (5, 1));
    let again = pusher(&real.name("team/app:2"), known())
        .push(&from, &image, &mut unwatched)
        .unwrap();
    assert_eq!((again.uploaded, again.present), (0, 5));
    let access = Access::Push {
        mount_from: Some("team/app".into()),
    };
    let other = registry(&real.name("team/other:1"), access, known())
        .push(&from, &image, &mut unwatched)
        .unwrap();
    assert_eq!(other.uploaded, 0, "{other:?}");
    for name in [
        "team/app:1".to_owned(),
        format!("team/other@{}", image.digest),
    ] {
        let (_to, to) = layout();
        let pulled = puller(&real.name(&name), known())
            .pull(&to, &machine(), &mut unwatched)
            .unwrap();
        assert_eq!(pulled.digest, image.digest);
        assert_whole(&to, &pulled);
    }
    let listed = puller(&real.name("team/app:1"), known())
        .referrers(&image.digest)
        .unwrap();
    assert_eq!(listed.len(), 1);
}

#[test]
fn dockers_registry_lets_nobody_in_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let Some(real) = Real::start(folder.path(), "127.0.0.1:0", "") else {
        return;
    };
    let (_layout, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    for credentials in [None, Some(Credentials::new(USER, "wrong-password"))] {
        let settings = Settings {
            credentials,
            ..known()
        };
        let error = pusher(&real.name("a:1"), settings)
            .push(&layout, &image, &mut unwatched)
            .unwrap_err();
        assert!(
            matches!(error, RegistryError::Unauthorized { status: 401, .. }),
            "{error:?}"
        );
        assert!(!format!("{} {error:?}", full(&error)).contains("wrong-password"));
    }
}

/// Pushes, and calls `at_third` once when a third of the bytes are there.
fn push_with(
    real: &str,
    layout: &Layout,
    settings: Settings,
    mut at_third: impl FnMut(),
) -> Result<(), RegistryError> {
    let image = image(layout, &[noise(12_000_000, 3)]);
    let mut is_done = false;
    let mut watch = |progress: Progress| {
        if !is_done && progress.done > progress.total / 3 {
            is_done = true;
            at_third();
        }
        ControlFlow::Continue(())
    };
    pusher(real, settings)
        .push(layout, &image, &mut watch)
        .map(drop)
}

#[test]
fn a_push_survives_a_registry_that_is_killed_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut real) = Real::start(folder.path(), "127.0.0.1:0", "") else {
        return;
    };
    let (_layout, from) = layout();
    let name = real.name("a:1");
    push_with(&name, &from, known(), || {
        real.kill();
        real = Real::start(folder.path(), &real.address, "").unwrap();
    })
    .unwrap();
    let (_to, to) = layout();
    let pulled = puller(&name, known())
        .pull(&to, &machine(), &mut unwatched)
        .unwrap();
    assert_whole(&to, &pulled);
}

#[test]
fn a_push_to_a_registry_that_stays_dead_fails_and_the_next_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut real) = Real::start(folder.path(), "127.0.0.1:0", "") else {
        return;
    };
    let (_layout, from) = layout();
    let name = real.name("a:1");
    let error = push_with(&name, &from, known(), || real.kill()).unwrap_err();
    assert!(
        matches!(error, RegistryError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(
        error.is_transient() && full(&error).contains(&real.address),
        "{error}"
    );
    let real = Real::start(folder.path(), &real.address, "").unwrap();
    let (_to, to) = layout();
    let absent = puller(&name, known())
        .pull(&to, &machine(), &mut unwatched)
        .unwrap_err();
    assert!(
        matches!(absent, RegistryError::NotFound { .. }),
        "half an image is there: {absent:?}"
    );
    push_with(&real.name("a:1"), &from, known(), || {}).unwrap();
    assert_whole(
        &to,
        &puller(&name, known())
            .pull(&to, &machine(), &mut unwatched)
            .unwrap(),
    );
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_given_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let write = |name: &str, text: &str| {
        plimsoll_stdx::fs::write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
    };
    write("cert.pem", &pair.cert.pem());
    write("key.pem", &pair.signing_key.serialize_pem());
    let shown = folder.path().display();
    let tls = format!(", tls: {{certificate: {shown}/cert.pem, key: {shown}/key.pem}}");
    let Some(real) = Real::start(folder.path(), "127.0.0.1:0", &tls) else {
        return;
    };
    let (_layout, layout) = layout();
    let image = image(&layout, &[noise(2_000_000, 1)]);
    let settings = |authorities: &str| Settings {
        transport: Transport::Encrypted,
        extra_authorities: authorities.as_bytes().to_vec(),
        ..known()
    };
    let push = |settings| pusher(&real.name("a:1"), settings).push(&layout, &image, &mut unwatched);
    push(settings(&pair.cert.pem())).unwrap();
    let error = push(Settings {
        attempts: 2,
        ..settings("")
    })
    .unwrap_err();
    assert!(full(&error).contains("certificate"), "{}", full(&error));
}

#[test]
fn skopeo_reads_what_was_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(real) = Real::start(folder.path(), "127.0.0.1:0", "") else {
        return;
    };
    let (_layout, layout) = layout();
    let image = image(&layout, &[noise(100_000, 1)]);
    pusher(&real.name("a:1"), known())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    let inspect = Command::new("skopeo")
        .args([
            "inspect",
            "--tls-verify=false",
            "--creds",
            &format!("{USER}:{PASSWORD}"),
        ])
        .arg(format!("docker://{}", real.name("a:1")))
        .output();
    let Ok(output) = inspect else {
        println!("skipped: needs skopeo");
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains(image.digest.as_str()));
}
