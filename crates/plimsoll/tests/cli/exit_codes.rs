//! 0 done, 1 the app falls short, 2 wrong usage, 3 our own failure.

use crate::folder::Folder;

pub(crate) const SITE: &str = "plimsoll = 1\n[app]\nname = \"shop\"\nowner = \"a@example.com\"\n\
    [service.web]\nbuild = { static = \"site\" }\n[route.web]\npath = \"/\"\nto = \"web\"\n";

/// A mistake in the syntax of a value, an unknown key, and a route that leads nowhere.
const BROKEN: &str = "plimsoll = 1\n[app]\nname = \"shop\"\nowner = \"a@example.com\"\ncolour = 1\n\
    [service.web]\nbuild = { static = \"site\" }\ncpu = { request = \"many\" }\n\
    [route.web]\npath = \"/\"\nto = \"nobody\"\n";

pub(crate) fn site() -> Folder {
    Folder::new()
        .with("plimsoll.toml", SITE)
        .with("site/index.html", "<h1>Shop</h1>\n")
}

#[test]
fn a_folder_without_a_file_is_wrong_usage_and_is_told_what_to_do() {
    let folder = Folder::new();
    for command in ["build", "up", "down", "status", "logs"] {
        let ended = folder.run(&[command]).ends_with(2);
        assert!(ended.stderr.contains("plimsoll.toml"), "{ended:?}");
        assert!(
            ended.stderr.contains("help: run `plimsoll init`"),
            "{ended:?}"
        );
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
    let nowhere = folder.run(&["-C", "no/where", "build"]).ends_with(2);
    assert!(nowhere.stderr.contains("no/where"), "{nowhere:?}");
}

#[test]
fn a_broken_file_is_the_apps_fault_and_all_its_mistakes_are_shown() {
    let folder = Folder::new().with("plimsoll.toml", BROKEN);
    for command in ["build", "up", "status"] {
        let ended = folder.run(&[command]).ends_with(1);
        for word in ["colour", "many", "nobody", "nothing was changed"] {
            assert!(ended.stderr.contains(word), "{word}: {ended:?}");
        }
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
    assert!(!folder.app().join(".plimsoll").exists());
}

#[test]
fn a_broken_file_is_one_document_for_programs() {
    let folder = Folder::new().with("plimsoll.toml", BROKEN);
    let ended = folder.run(&["build", "--format", "json"]).ends_with(1);
    let document = ended.json();
    let findings = document["findings"].as_array().unwrap();
    assert!(findings.len() >= 3, "{document}");
    assert_eq!(document["errors"], findings.len());
    for finding in findings {
        assert!(finding["rule"].is_string(), "{finding}");
        assert!(finding["span"]["line"].is_u64(), "{finding}");
    }
}

#[test]
fn text_that_is_no_text_is_the_files_fault() {
    let folder = Folder::new();
    let file = folder.app().join("plimsoll.toml");
    plimsoll_stdx::fs::write_atomic(&file, b"plimsoll = \xff").unwrap();
    let ended = folder.run(&["build"]).ends_with(1);
    assert!(ended.stderr.contains("UTF-8"), "{ended:?}");
}

#[test]
fn an_unknown_service_is_wrong_usage_and_the_known_ones_are_named() {
    let folder = site();
    for args in [["build", "wbe"], ["scale", "wbe=2"]] {
        let ended = folder.run(&args).ends_with(2);
        assert!(ended.stderr.contains("no service `wbe`"), "{ended:?}");
        assert!(ended.stderr.contains("the app has: web"), "{ended:?}");
    }
}

#[test]
fn an_unknown_command_an_unknown_option_and_a_bad_wish_are_wrong_usage() {
    let folder = site();
    for args in [
        vec!["frobnicate"],
        vec!["build", "--frobnicate"],
        vec!["scale", "web"],
        vec!["scale", "web=many"],
        vec![],
    ] {
        folder.run(&args).ends_with(2);
    }
}

#[test]
fn a_build_that_fails_is_the_apps_fault_and_repeats_the_tools_last_words() {
    let command = "[[\"sh\", \"-c\", \"seq 1 100 >&2; printf '\\\\033[31mthe reason\\\\033[0m\\\\n' >&2; exit 7\"]]";
    let text = format!(
        "{SITE}[service.api]\nbuild = {{ command = {command}, out = \"out\" }}\nrun = [\"/app/x\"]\nport = {{ http = 80 }}\n"
    );
    let folder = site().with("plimsoll.toml", &text);
    let ended = folder.run(&["build", "api"]).ends_with(1);
    assert!(ended.stderr.contains("exit status: 7"), "{ended:?}");
    assert!(ended.stderr.contains("\nthe reason\n"), "{ended:?}");
    assert!(ended.stderr.contains("\n100\n") && !ended.stderr.contains("\n1\n"));
    assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
    assert!(ended.stdout.is_empty(), "{ended:?}");
}

#[test]
fn what_is_not_up_has_a_status_and_can_be_stopped_all_the_same() {
    let folder = site();
    let status = folder.run(&["status", "--format", "json"]).ends_with(1);
    assert_eq!(status.json()["phase"], "down");
    folder.run(&["down"]).ends_with(0);
}

#[test]
fn deleting_data_where_nobody_can_be_asked_takes_the_name_as_an_option() {
    let folder = site();
    for args in [
        vec!["down", "--data"],
        vec!["down", "--data", "--confirm", "another"],
        vec!["down", "--confirm", "shop"],
    ] {
        let ended = folder.run(&args).ends_with(2);
        assert!(ended.stderr.contains("--data"), "{ended:?}");
    }
    folder
        .run(&["down", "--data", "--confirm", "shop"])
        .ends_with(0);
}
