//! Pushes to a registry that breaks, forgets, is busy and lies.

use std::ops::ControlFlow;

use plimsoll_image::oci::{Index, Manifest, media};
use plimsoll_image::registry::{Access, RegistryError};

use super::fake::{Act, Fake};
use super::support::{
    assert_whole, full, image, layout, machine, noise, puller, pusher, quick, registry, unwatched,
};

#[test]
fn what_is_pushed_comes_back_and_is_not_sent_twice() {
    let fake = Fake::new();
    let (_from, layout_from) = layout();
    let image = image(&layout_from, &[noise(3500, 1), noise(500, 2)]);
    let name = fake.name("a/b:1");
    let mut last = None;
    let mut watch = |progress| {
        last = Some(progress);
        ControlFlow::Continue(())
    };
    let pushed = pusher(&name, quick())
        .push(&layout_from, &image, &mut watch)
        .unwrap();
    assert_eq!(
        (pushed.uploaded, pushed.present, &pushed.digest),
        (3, 0, &image.digest)
    );
    let last = last.unwrap();
    assert_eq!(last.done, last.total);
    // 3500 bytes in four parts; the smaller blobs in one request each.
    assert_eq!(fake.seen("PATCH", "/uploads/").len(), 4);
    let again = pusher(&name, quick())
        .push(&layout_from, &image, &mut unwatched)
        .unwrap();
    assert_eq!((again.uploaded, again.present), (0, 3));
    let (_to, layout_to) = layout();
    let pulled = puller(&name, quick())
        .pull(&layout_to, &machine(), &mut unwatched)
        .unwrap();
    assert_eq!(pulled.digest, image.digest);
    assert_whole(&layout_to, &pulled);
}

#[test]
fn a_push_goes_on_where_the_connection_broke() {
    let mut breaks = 0;
    let fake = Fake::with(move |seen| {
        breaks += usize::from(seen.is("PATCH", "/uploads/"));
        (seen.is("PATCH", "") && [2, 5].contains(&breaks)).then_some(Act::BreakAfter(300))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(3500, 1)]);
    pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    let parts = fake.seen("PATCH", "");
    let ranges: Vec<&str> = parts
        .iter()
        .map(|seen| seen.header("content-range"))
        .collect();
    // The second part broke after 300 bytes; of the last one all arrived.
    assert_eq!(
        ranges,
        ["0-999", "1000-1999", "1300-2299", "2300-3299", "3300-3499"]
    );
    assert_eq!(fake.seen("GET", "/uploads/").len(), 2);
}

#[test]
fn a_push_that_the_registry_forgot_begins_again() {
    let mut count = 0;
    let fake = Fake::with(move |seen| {
        count += usize::from(seen.is("PATCH", ""));
        if seen.is("GET", "/uploads/") {
            return Some(Act::Answer(404, vec![], vec![]));
        }
        (seen.is("PATCH", "") && count == 2).then_some(Act::BreakAfter(10))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(3500, 1)]);
    let pushed = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    assert_eq!(pushed.uploaded, 2);
    assert_eq!(fake.seen("POST", "/uploads/").len(), 3);
}

#[test]
fn a_registry_that_always_breaks_is_given_up_and_no_tag_moves() {
    let fake = Fake::with(|seen| seen.is("PATCH", "").then_some(Act::BreakAfter(0)));
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(3500, 1)]);
    let error = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Unreachable { attempts: 6, .. }),
        "{error:?}"
    );
    assert!(
        error.is_transient() && error.to_string().contains("layer 1 of 1"),
        "{error}"
    );
    assert_eq!(fake.seen("PATCH", "").len(), 6);
    assert!(fake.manifest("1").is_none());
    fake.rule(|_| None);
    pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    assert!(fake.manifest("1").is_some());
}

#[test]
fn a_busy_registry_is_asked_again_as_it_says() {
    let mut count = 0;
    let fake = Fake::with(move |_| {
        count += 1;
        let status = if count % 2 == 0 { 429 } else { 503 };
        (count <= 4).then(|| Act::Answer(status, vec![("retry-after", "0".into())], vec![]))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    fake.forget_requests();
    fake.rule(|_| Some(Act::Answer(503, vec![], b"<html>down</html>".to_vec())));
    let error = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap_err();
    assert!(
        matches!(
            error,
            RegistryError::Unavailable {
                status: 503,
                attempts: 6,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(fake.seen("HEAD", "").len(), 6);
    fake.forget_requests();
    // One that wants us gone for an hour is taken at its word.
    fake.rule(|_| {
        Some(Act::Answer(
            429,
            vec![("retry-after", "3600".into())],
            vec![],
        ))
    });
    let error = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap_err();
    assert!(
        matches!(
            error,
            RegistryError::Unavailable {
                status: 429,
                attempts: 1,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_registry_that_stored_something_else_is_found_out() {
    let fake = Fake::with(|seen| {
        let other = format!("sha256:{}", "0".repeat(64));
        seen.is("PUT", "/uploads/")
            .then_some(Act::Add("docker-content-digest", other))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    let error = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap_err();
    assert!(matches!(error, RegistryError::Mismatch { .. }), "{error:?}");
}

#[test]
fn a_blob_that_is_damaged_in_the_layout_is_never_sent() {
    let fake = Fake::new();
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    let path = layout.blob_path(&layout.manifest(&image).unwrap().layers[0].digest);
    plimsoll_stdx::fs::write_atomic(&path, &noise(100, 2)).unwrap();
    let error = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Blob { .. }) && full(&error).contains("should be"),
        "{error:?}"
    );
}

#[test]
fn an_upload_is_led_nowhere_in_the_clear() {
    for location in [
        "http://example.com/upload",
        "http://169.254.169.254/",
        "http://user:pw@127.0.0.1/x",
        "",
    ] {
        let fake = Fake::with(move |seen| {
            let headers = vec![("location", location.to_owned())];
            seen.is("POST", "/uploads/")
                .then(|| Act::Answer(202, headers, vec![]))
        });
        let (_folder, layout) = layout();
        let image = image(&layout, &[]);
        let error = pusher(&fake.name("a:1"), quick())
            .push(&layout, &image, &mut unwatched)
            .unwrap_err();
        assert!(
            matches!(error, RegistryError::Protocol { .. }),
            "{location}: {error:?}"
        );
    }
}

#[test]
fn a_blob_of_another_repository_is_taken_over_from_there() {
    let fake = Fake::with(|seen| {
        seen.path
            .contains("mount=")
            .then(|| Act::Answer(201, vec![], vec![]))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    let access = Access::Push {
        mount_from: Some("base/image".into()),
    };
    let pushed = registry(&fake.name("a:1"), access, quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    assert_eq!((pushed.mounted, pushed.uploaded), (2, 0));
    assert!(fake.seen("POST", "from=base/image").len() == 2);
}

#[test]
fn a_blob_that_the_registry_keeps_elsewhere_is_there() {
    let fake = Fake::with(|seen| {
        let headers = vec![("location", "https://storage.example.com/x".to_owned())];
        seen.is("HEAD", "/blobs/")
            .then_some(Act::Answer(307, headers, vec![]))
    });
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    let pushed = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut unwatched)
        .unwrap();
    assert_eq!((pushed.present, pushed.uploaded), (2, 0));
}

#[test]
fn attached_artefacts_go_along_and_are_listed_in_a_tag_where_the_registry_keeps_no_list() {
    let fake = Fake::new();
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(100, 1)]);
    let bill = layout.put("application/spdx+json", b"{}").unwrap();
    layout
        .attach(&Manifest::artefact(
            "application/spdx+json",
            bill,
            image.bare(),
        ))
        .unwrap();
    let registry = pusher(&fake.name("a:1"), quick());
    for _ in 0..2 {
        assert_eq!(
            registry
                .push(&layout, &image, &mut unwatched)
                .unwrap()
                .attached,
            1
        );
    }
    let list = fake
        .manifest(&format!("sha256-{}", image.digest.hex()))
        .unwrap();
    assert_eq!(Index::parse(&list, "there").unwrap().manifests.len(), 1);
    let listed = registry.referrers(&image.digest).unwrap();
    assert_eq!(
        listed[0].artifact_type.as_deref(),
        Some("application/spdx+json")
    );
}

#[test]
fn an_index_is_pushed_after_its_images() {
    let fake = Fake::new();
    let (_folder, layout) = layout();
    let one = image(&layout, &[noise(100, 1)]);
    let index = layout
        .put_json(media::INDEX, &Index::new(vec![one.clone()]))
        .unwrap();
    pusher(&fake.name("a:1"), quick())
        .push(&layout, &index, &mut unwatched)
        .unwrap();
    let puts: Vec<String> = fake
        .seen("PUT", "/manifests/")
        .iter()
        .map(|seen| seen.path.clone())
        .collect();
    assert_eq!(
        puts,
        [
            format!("/v2/a/manifests/{}", one.digest),
            "/v2/a/manifests/1".to_owned()
        ]
    );
}

#[test]
fn a_push_stops_when_it_is_told() {
    let fake = Fake::new();
    let (_folder, layout) = layout();
    let image = image(&layout, &[noise(3500, 1)]);
    let mut watch = |progress: plimsoll_image::registry::Progress| {
        if progress.done > 2000 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let error = pusher(&fake.name("a:1"), quick())
        .push(&layout, &image, &mut watch)
        .unwrap_err();
    assert!(matches!(error, RegistryError::Stopped));
    assert!(fake.manifest("1").is_none());
}
