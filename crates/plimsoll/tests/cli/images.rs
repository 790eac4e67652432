//! `build` as it makes images, and `image diff`.

use std::fs;

use crate::exit_codes::site;
use crate::folder::Folder;

fn digest(folder: &Folder) -> String {
    let built = folder.run(&["build", "--format", "json"]).ends_with(0);
    built.json()[0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_front_end_becomes_an_image_with_a_server_and_says_what_it_costs() {
    let folder = site();
    let built = folder.run(&["build", "--format", "json"]).ends_with(0);
    let image = built.json()[0].clone();
    assert_eq!(image["service"], "web");
    for number in ["unpacked_bytes", "pulled_bytes"] {
        assert!(image[number].as_u64().unwrap() > 0, "{number}: {image}");
    }
    assert!(image["pulled_bytes"].as_u64() < image["unpacked_bytes"].as_u64());
    assert!(image["seconds"].as_f64().unwrap() > 0.0);
    assert!(image["packages"].is_array());
    let what: Vec<&str> = image["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["base", "server", "files"]);
}

#[test]
fn the_same_source_gives_the_same_image_in_another_folder_and_at_another_time() {
    let (one, other) = (site(), site());
    let first = digest(&one);
    assert_eq!(first, digest(&other));
    let page = one.app().join("site/index.html");
    let text = fs::read(&page).unwrap();
    plimsoll_stdx::fs::write_atomic(&page, &text).unwrap();
    assert_eq!(first, digest(&one));
}

#[test]
fn the_difference_of_two_images_is_the_file_that_changed() {
    let folder = site();
    let before = digest(&folder);
    folder.write("site/index.html", "<h1>Another page</h1>");
    digest(&folder);
    let args = ["image", "diff", &before, "web", "--format", "json"];
    let diff = folder.run(&args).ends_with(0).json();
    let files = diff["files"].as_object().unwrap();
    assert_eq!(files["/srv/index.html"]["change"], "changed", "{diff}");
    let others = files.keys().filter(|path| !path.contains("index.html"));
    assert_eq!(others.count(), 0, "{diff}");
    let shown = folder.run(&["image", "diff", &before, "web"]).ends_with(0);
    assert!(shown.stdout.contains("~ /srv/index.html"), "{shown:?}");
    let unknown = folder.run(&["image", "diff", "wbe", "web"]).ends_with(1);
    assert!(unknown.stderr.contains("web"), "{unknown:?}");
}

#[test]
fn an_archive_holds_one_image_and_nothing_half_written_stays() {
    let folder = site();
    folder
        .run(&["build", "web", "--archive", "web.tar"])
        .ends_with(0);
    let archive = fs::read(folder.app().join("web.tar")).unwrap();
    assert!(archive.windows(10).any(|bytes| bytes == b"oci-layout"));
    let nowhere = folder
        .run(&["build", "web", "--archive", "no/web.tar"])
        .ends_with(2);
    assert!(nowhere.stderr.contains("no/web.tar"), "{nowhere:?}");
}

#[test]
fn a_dockerfile_is_refused_with_the_way_forward() {
    let text = "plimsoll = 1\n[app]\nname = \"x\"\nowner = \"a@example.com\"\n[service.api]\n\
        build = { dockerfile = \"Dockerfile\" }\nrun = [\"/x\"]\nport = { http = 80 }\n\
        [route.api]\npath = \"/\"\nto = \"api\"\n";
    let folder = Folder::new()
        .with("plimsoll.toml", text)
        .with("Dockerfile", "FROM scratch\n");
    let refused = folder.run(&["build"]).ends_with(1);
    assert!(refused.stderr.contains("push the result"), "{refused:?}");
}

#[test]
fn a_registry_that_is_not_there_is_named_and_the_image_is_kept() {
    let folder = site();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let reference = format!("127.0.0.1:{port}/shop/web:1");
    let refused = folder
        .run(&["build", "web", "--push", &reference])
        .ends_with(2);
    assert!(
        refused.stderr.contains(&format!("127.0.0.1:{port}")),
        "{refused:?}"
    );
    assert!(folder.app().join(".plimsoll/images/index.json").is_file());
}
