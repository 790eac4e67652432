//! Data to standard output, all else to standard error, and escapes to terminals only.

use std::io::Read;
use std::process::Stdio;

use crate::exit_codes::{SITE, site};
use crate::folder::{Folder, has};

/// A secret that nothing reads: accepted, and worth a look.
const WARNING: &str = "[env.staging.secret.token]\nask = \"Token\"\n";

#[test]
fn what_goes_to_a_file_has_no_escapes() {
    let folder = site();
    for args in [vec!["build"], vec!["build", "nobody"], vec!["status"]] {
        let ended = folder.run(&args);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!all.contains('\u{1b}'), "{all:?}");
    }
}

#[test]
fn colour_can_be_asked_for() {
    let ended = site().run(&["build", "--color", "always"]).ends_with(0);
    assert!(ended.stderr.contains("\u{1b}[32m"), "{ended:?}");
}

#[test]
fn no_color_is_heard_on_a_terminal_and_long_lines_are_cut_to_its_width() {
    if !has("python3") {
        return;
    }
    let command = format!(
        "[[\"sh\", \"-c\", \"echo {}; sleep 0.5; mkdir -p out\"]]",
        "x".repeat(300)
    );
    let text = format!(
        "{SITE}[service.api]\nbuild = {{ command = {command}, out = \"out\" }}\nrun = [\"/app/x\"]\nport = {{ http = 80 }}\n"
    );
    let folder = site().with("plimsoll.toml", &text);
    for (no_color, colored) in [("", true), ("1", false)] {
        let _ = std::fs::remove_dir_all(folder.app().join(".plimsoll"));
        let output = folder
            .program("python3")
            .args(["-c", include_str!("terminal.py")])
            .args([env!("CARGO_BIN_EXE_plimsoll"), "build", "api"])
            .env("TERM", "xterm")
            .env("NO_COLOR", no_color)
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("build api"), "{shown:?}");
        assert_eq!(shown.contains("\u{1b}[32m"), colored, "{shown:?}");
        assert!(shown.contains("xxxxxxxx"), "{shown:?}");
        assert!(!shown.contains(&"x".repeat(80)), "{shown:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Folder::new()
        .command(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The schema is larger than a pipe holds, so the binary writes after this end is closed.
    let mut one = [0];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut one).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn build_shows_warnings_in_full_and_the_others_count_those_of_their_environment() {
    let folder = site().with("plimsoll.toml", &format!("{SITE}{WARNING}"));
    let here = |args: &[&str]| folder.run(args).stderr;
    assert!(here(&["build"]).contains("in the environment `staging`"));
    assert!(!here(&["status"]).contains("warning"));
    let staging = here(&["status", "--env", "staging"]);
    assert!(
        staging.contains("worth a look; `plimsoll build` shows them"),
        "{staging}"
    );
    assert_eq!(staging.lines().count(), 1, "{staging}");
}
