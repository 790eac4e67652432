//! Pulls from a registry that breaks off, lies and never ends.

use std::ops::ControlFlow;
use std::process::Command;

use plimsoll_image::oci::{Descriptor, Index, Layout, Platform, media, to_bytes};
use plimsoll_image::registry::RegistryError;

use super::fake::{Act, Fake};
use super::support::{
    assert_only, assert_whole, image, layout, machine, noise, pull, puller, pusher, quick,
    unwatched,
};

/// A registry with an image of one layer of `length` bytes.
fn stocked(length: usize) -> (Fake, Descriptor) {
    let fake = Fake::new();
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(length, 1)]);
    pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    fake.forget_requests();
    (fake, image)
}

fn fails(fake: &Fake, name: &str) -> RegistryError {
    let (_folder, layout) = layout();
    let error = puller(&fake.name(name), quick())
        .pull(&layout, &machine(), &mut unwatched)
        .unwrap_err();
    assert!(layout.index().unwrap().manifests.is_empty());
    error
}

#[test]
fn a_pull_goes_on_where_the_connection_broke() {
    let (fake, image) = stocked(1 << 20);
    let mut count = 0;
    fake.rule(move |seen| {
        count += usize::from(seen.is("GET", "/blobs/"));
        (seen.is("GET", "/blobs/") && count < 4).then_some(Act::Cut(300_000))
    });
    let (_folder, layout) = layout();
    let pulled = pull(&puller(&fake.name("a:1"), quick()), &layout, &mut unwatched).unwrap();
    assert_eq!(pulled.digest, image.digest);
    assert_whole(&layout, &pulled);
    let ranges: Vec<String> = fake
        .seen("GET", "/blobs/")
        .iter()
        .map(|seen| seen.header("range").to_owned())
        .collect();
    assert!(ranges.contains(&"bytes=300000-".to_owned()), "{ranges:?}");
}

#[test]
fn a_registry_without_ranges_serves_as_well() {
    let (fake, _) = stocked(1 << 20);
    let mut count = 0;
    let whole = noise(1 << 20, 1);
    fake.rule(move |seen| {
        let is_layer = seen.is("GET", "/blobs/") && !seen.header("range").is_empty();
        count += usize::from(seen.is("GET", "/blobs/"));
        if is_layer {
            return Some(Act::Answer(200, vec![], whole.clone()));
        }
        (seen.is("GET", "/blobs/") && count == 2).then_some(Act::Cut(300_000))
    });
    let (_folder, layout) = layout();
    let pulled = pull(&puller(&fake.name("a:1"), quick()), &layout, &mut unwatched).unwrap();
    assert_whole(&layout, &pulled);
    assert_eq!(fake.seen("GET", "/blobs/").len(), 3);
}

#[test]
fn a_registry_that_always_ends_early_is_given_up() {
    let (fake, _) = stocked(10_000);
    fake.rule(|seen| seen.is("GET", "/blobs/").then_some(Act::Cut(10)));
    let error = fails(&fake, "a:1");
    assert!(
        matches!(error, RegistryError::Unreachable { attempts: 6, .. }),
        "{error:?}"
    );
    // With an honest length that is too short, too.
    fake.rule(|seen| {
        seen.is("GET", "/blobs/").then_some(Act::Change(|mut body| {
            body.truncate(10);
            body
        }))
    });
    let error = fails(&fake, "a:1");
    assert!(
        matches!(error, RegistryError::Unreachable { .. }),
        "{error:?}"
    );
}

#[test]
fn a_corrupt_layer_is_named_and_the_next_pull_needs_no_cleaning() {
    let (fake, image) = stocked(10_000);
    fake.rule(|seen| {
        let corrupt = Act::Change(|mut body| {
            if body.len() == 10_000 {
                body[5000] ^= 1;
            }
            body
        });
        seen.is("GET", "/blobs/").then_some(corrupt)
    });
    let (_folder, layout) = layout();
    let registry = puller(&fake.name("a:1"), quick());
    let error = pull(&registry, &layout, &mut unwatched).unwrap_err();
    for part in [
        "layer 1 of 1",
        &fake.address(),
        "should be sha256:",
        "and is sha256:",
    ] {
        assert!(error.contains(part), "{error}");
    }
    // The configuration arrived whole; the layer and the manifest are not there.
    assert_only(&layout, 1);
    fake.rule(|_| None);
    assert_eq!(
        pull(&registry, &layout, &mut unwatched).unwrap().digest,
        image.digest
    );
    assert_only(&layout, 3);
}

#[test]
fn bytes_beyond_the_stated_size_are_not_taken() {
    let (fake, _) = stocked(10_000);
    fake.rule(|seen| {
        seen.is("GET", "/blobs/").then_some(Act::Change(|mut body| {
            body.extend([0; 1000]);
            body
        }))
    });
    assert!(matches!(
        fails(&fake, "a:1"),
        RegistryError::Mismatch { .. }
    ));
}

#[test]
fn a_manifest_that_lies_about_its_digest_is_refused() {
    let (fake, image) = stocked(100);
    fake.rule(|seen| {
        seen.is("GET", "/manifests/")
            .then_some(Act::Change(|mut body| {
                body.push(b' ');
                body
            }))
    });
    // By tag, the registry's own header gives it away; by digest, the reference does.
    for name in ["a:1".to_owned(), format!("a@{}", image.digest)] {
        assert!(matches!(
            fails(&fake, &name),
            RegistryError::Mismatch { .. }
        ));
    }
}

#[test]
fn a_manifest_of_any_length_is_read_to_its_bound() {
    let (fake, _) = stocked(100);
    fake.rule(|seen| {
        seen.is("GET", "/manifests/")
            .then(|| Act::Answer(200, vec![], vec![b' '; (4 << 20) + 1]))
    });
    assert!(matches!(
        fails(&fake, "a:1"),
        RegistryError::Protocol { .. }
    ));
    for body in [
        &b"no json"[..],
        b"{}",
        br#"{"schemaVersion":2,"mediaType":"text/html"}"#,
    ] {
        let body = body.to_vec();
        fake.rule(move |seen| {
            seen.is("GET", "/manifests/")
                .then(|| Act::Answer(200, vec![], body.clone()))
        });
        assert!(matches!(
            fails(&fake, "a:1"),
            RegistryError::Protocol { .. }
        ));
    }
}

#[test]
fn redirects_are_followed_a_few_times_and_never_into_the_clear() {
    let (fake, _) = stocked(100);
    fake.rule(|seen| {
        seen.is("GET", "/manifests/")
            .then(|| Act::Answer(307, vec![("location", seen.path.clone())], vec![]))
    });
    assert!(matches!(
        fails(&fake, "a:1"),
        RegistryError::Protocol { .. }
    ));
    assert_eq!(fake.seen("GET", "/manifests/").len(), 6);
    for location in ["http://example.com/x", "ftp://127.0.0.1/x", "http://[", ""] {
        fake.rule(move |seen| {
            seen.is("GET", "/manifests/")
                .then(|| Act::Answer(302, vec![("location", location.to_owned())], vec![]))
        });
        assert!(
            matches!(fails(&fake, "a:1"), RegistryError::Protocol { .. }),
            "{location}"
        );
    }
}

#[test]
fn an_index_gives_the_image_of_this_machine() {
    let (fake, image) = stocked(100);
    let of = |arch: &str, one: &Descriptor| Descriptor {
        platform: Platform::linux(arch),
        ..one.clone()
    };
    let other = Descriptor::of(media::MANIFEST, b"another machine's");
    let index = to_bytes(&Index::new(vec![
        of("aarch64", &other),
        of("x86_64", &image),
    ]))
    .unwrap();
    fake.put_manifest("many", media::INDEX, &index);
    let (_folder, layout) = layout();
    let registry = puller(&fake.name("a:many"), quick());
    assert_eq!(
        pull(&registry, &layout, &mut unwatched).unwrap().digest,
        image.digest
    );
    let none = to_bytes(&Index::new(vec![of("aarch64", &other)])).unwrap();
    fake.put_manifest("arm", media::INDEX, &none);
    assert!(fails(&fake, "a:arm").to_string().contains("linux/arm64"));
}

#[test]
fn an_image_that_is_not_there_is_said_by_name() {
    let fake = Fake::new();
    let error = fails(&fake, "a/b:none");
    assert!(
        matches!(error, RegistryError::NotFound { .. }) && error.to_string().contains("a/b:none"),
        "{error}"
    );
}

#[test]
fn a_registry_that_is_down_is_quoted_without_its_control_characters() {
    let fake = Fake::with(|_| {
        Some(Act::Answer(
            502,
            vec![],
            b"<html>\x1b[2Jdown</html>".to_vec(),
        ))
    });
    let error = fails(&fake, "a:1").to_string();
    assert!(
        error.contains("502") && error.contains("<html> [2Jdown"),
        "{error}"
    );
}

#[test]
fn a_pull_stops_when_it_is_told_and_leaves_nothing_half_written() {
    let (fake, _) = stocked(1 << 20);
    let (_folder, layout) = layout();
    let mut watch = |progress: plimsoll_image::registry::Progress| {
        if progress.done > 100_000 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let error = pull(&puller(&fake.name("a:1"), quick()), &layout, &mut watch).unwrap_err();
    assert!(error.contains("stopped"), "{error}");
    assert_only(&layout, 1);
}

/// Set for the process whose disk is full: the folder of its layout, and the image.
const ORDERS: &str = "PLIMSOLL_TEST_PULL";

/// Does nothing unless it is the process that the test below starts.
#[test]
fn pull_as_told() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let (folder, name) = orders.split_once('\n').unwrap();
    let layout = Layout::open(folder).unwrap();
    pull(&puller(name, quick()), &layout, &mut unwatched).unwrap();
}

#[test]
fn a_disk_that_fills_up_is_an_error_that_leaves_nothing_and_the_next_pull_succeeds() {
    let (fake, _) = stocked(1 << 20);
    let (_folder, layout) = layout();
    // As a full disk does it: the write fails, and no signal comes. 128 blocks of 512 bytes fit.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "pull::pull_as_told", "--nocapture"])
        .env(
            ORDERS,
            format!("{}\n{}", layout.root().display(), fake.name("a:1")),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert!(
        !limited.status.success() && said.contains("too large"),
        "{said}"
    );
    assert_only(&layout, 1);
    pull(&puller(&fake.name("a:1"), quick()), &layout, &mut unwatched).unwrap();
}
