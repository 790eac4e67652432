//! `plimsoll init`: a commented file that passes, whatever the folder holds.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use plimsoll_model::{App, parse};

use crate::folder::{Folder, has};

const PACKAGE: &str = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

/// What `init` writes, which nothing is to be said against in any environment.
fn written(folder: &Folder) -> (App, String) {
    let ended = folder.run(&["init"]).ends_with(0);
    assert!(ended.stdout.is_empty(), "{ended:?}");
    let text = folder.read("plimsoll.toml");
    assert!(text.contains("Files do not tell these"), "{text}");
    let parsed = parse("plimsoll.toml", &text, Some("development"));
    assert!(parsed.findings.is_empty(), "{:#?}\n{text}", parsed.findings);
    (parsed.app.unwrap(), text)
}

fn services(app: &App) -> Vec<&str> {
    app.services.keys().map(String::as_str).collect()
}

#[test]
fn a_workspace_gives_a_service_for_each_binary_and_none_for_what_is_for_development() {
    let folder = Folder::new()
        .with("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n")
        .with("crates/hello/Cargo.toml", PACKAGE)
        .with("crates/hello/src/main.rs", "fn main() {}")
        .with("crates/hello/src/bin/worker.rs", "fn main() {}")
        .with(
            "crates/tools/Cargo.toml",
            &PACKAGE.replace("hello", "tools"),
        )
        .with("crates/tools/src/lib.rs", "")
        .with(
            "crates/tools/examples/show/Cargo.toml",
            &PACKAGE.replace("hello", "show"),
        )
        .with("crates/tools/examples/show/src/main.rs", "fn main() {}");
    let (app, text) = written(&folder);
    assert_eq!(services(&app), ["hello", "worker"], "{text}");
}

#[test]
fn a_package_in_a_folder_of_its_own_is_built_there() {
    let folder = Folder::new()
        .with("server/Cargo.toml", PACKAGE)
        .with("server/src/main.rs", "fn main() {}");
    let (_, text) = written(&folder);
    assert!(text.contains("dir = \"server\""), "{text}");
}

#[test]
fn a_vite_app_is_built_by_its_own_tool_and_locked_versions_are_kept() {
    let manifest = "{\"scripts\":{\"build\":\"vite build\"},\"devDependencies\":{\"vite\":\"8\"}}";
    let folder = Folder::new().with("package.json", manifest);
    let (app, text) = written(&folder);
    assert_eq!(services(&app), ["web"]);
    assert!(text.contains("[\"npm\", \"install\"]"), "{text}");
    std::fs::remove_file(folder.app().join("plimsoll.toml")).unwrap();
    folder.write("package-lock.json", "{}");
    assert!(written(&folder).1.contains("[\"npm\", \"ci\"]"));
}

#[test]
fn a_dockerfile_and_a_compose_file_are_taken_as_far_as_they_tell() {
    let folder = Folder::new()
        .with("Dockerfile", "FROM scratch\nEXPOSE 3000/tcp\n")
        .with("compose.yaml", "services: {}\n");
    let (app, text) = written(&folder);
    assert_eq!(services(&app), ["app"]);
    assert!(text.contains("http = 3000"), "{text}");
    assert!(text.contains("compose.yaml was seen"), "{text}");
}

#[test]
fn an_empty_folder_is_shown_what_a_service_looks_like() {
    let (app, text) = written(&Folder::new());
    assert!(app.services.is_empty());
    assert!(text.contains("# [service.api]"), "{text}");
}

#[test]
fn the_reference_system_is_found_again_without_its_file() {
    let system = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systems/reconciliation");
    let folder = Folder::new();
    for path in [
        "api/Cargo.toml",
        "api/src/main.rs",
        "web/package.json",
        "web/package-lock.json",
    ] {
        let text = std::fs::read_to_string(system.join(path)).unwrap_or_default();
        folder.write(path, &text);
    }
    let (app, text) = written(&folder);
    assert!(app.services.len() >= 2, "{text}");
    assert!(app.resources.contains_key("db"), "{text}");
}

#[test]
fn hostile_names_many_files_loops_and_closed_folders_do_not_hurt() {
    let folder = Folder::new()
        .with(
            "a\n[app]\nname = \"b\"/Dockerfile",
            "FROM x\nEXPOSE 99999\n",
        )
        .with(
            "\"quoted\" '''/package.json",
            "{\"scripts\":{\"start\":\"node .\"}}",
        )
        .with("broken/Cargo.toml", "[package")
        .with("tab\t\u{7f}/Cargo.toml", PACKAGE)
        .with("tab\t\u{7f}/src/main.rs", "fn main() {}")
        .with("closed/Cargo.toml", PACKAGE);
    symlink("..", folder.app().join("loop")).unwrap();
    symlink("itself", folder.app().join("itself")).unwrap();
    let closed = folder.app().join("closed");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let many = folder.app().join("many");
    std::fs::create_dir(&many).unwrap();
    for index in 0..10_000 {
        std::fs::File::create(many.join(index.to_string())).unwrap();
    }
    let (app, _) = written(&folder);
    assert_eq!(app.about.name, "app");
    // So that the folder can be taken away.
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_is_there_is_never_overwritten() {
    let folder = Folder::new().with("plimsoll.toml", "mine");
    let ended = folder.run(&["init"]).ends_with(2);
    assert!(ended.stderr.contains("was not touched"), "{ended:?}");
    assert_eq!(folder.read("plimsoll.toml"), "mine");
    std::fs::remove_file(folder.app().join("plimsoll.toml")).unwrap();
    symlink("elsewhere", folder.app().join("plimsoll.toml")).unwrap();
    folder.run(&["init"]).ends_with(2);
    assert!(!folder.app().join("elsewhere").exists());
}

#[test]
fn a_tiny_cargo_service_is_built_from_what_init_wrote() {
    if !has("cargo") {
        return;
    }
    let folder = Folder::new()
        .with("Cargo.toml", PACKAGE)
        .with("src/main.rs", "fn main() { println!(\"hello\"); }");
    written(&folder);
    let built = folder.run(&["build", "--format", "json"]).ends_with(0);
    assert_eq!(built.json()[0]["service"], "hello");
    let layers = built.json()[0]["layers"].as_array().unwrap().len();
    assert_eq!(layers, 2, "what all apps share, and the program");
}
