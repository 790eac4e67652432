//! Who changed what, and whether anybody changed that.

use crate::exit_codes::SITE;
use crate::folder::{Folder, free_port};

const LOG: &str = ".plimsoll/env/development/audit.jsonl";

fn changed_twice() -> Folder {
    let (http, https) = (free_port(), free_port());
    let edge = format!("[edge]\nhttp = {http}\nhttps = {https}\n[service.web]");
    let folder = Folder::new()
        .with("plimsoll.toml", &SITE.replace("[service.web]", &edge))
        .with("site/index.html", "one");
    let up = folder.run(&["up", "--detach"]);
    let down = folder.run(&["down"]);
    assert_eq!((up.code, down.code), (0, 0), "{up:?}\n{down:?}");
    folder
}

#[test]
fn every_change_has_an_entry_for_its_beginning_and_one_for_its_end() {
    let folder = changed_twice();
    let shown = folder.run(&["audit"]).ends_with(0).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    for (line, words) in lines.iter().zip(["up", "up", "down", "down"]) {
        assert!(line.contains(words), "{line}");
    }
    assert!(
        lines[0].contains("begun") && lines[1].contains("done"),
        "{shown}"
    );
    let newest = folder
        .run(&["audit", "-n", "1", "--format", "json"])
        .ends_with(0);
    assert_eq!(newest.json()["seq"], 4);
    assert_eq!(newest.json()["action"], "down");
}

#[test]
fn a_log_that_was_changed_is_found_out_and_nothing_is_added_to_a_shortened_one() {
    let folder = changed_twice();
    let verified = folder
        .run(&["audit", "verify", "--format", "json"])
        .ends_with(0);
    assert_eq!(verified.json()["intact"], true);
    assert_eq!(verified.json()["records"], 4);

    let log = folder.read(LOG);
    folder.write(LOG, &log.replacen("\"up\"", "\"scale\"", 1));
    let broken = folder.run(&["audit", "verify"]).ends_with(1);
    assert!(broken.stdout.contains("broken at line 3"), "{broken:?}");
    assert_eq!(
        folder.run(&["audit"]).code,
        1,
        "a list that cannot be trusted"
    );

    let lines: Vec<&str> = log.lines().collect();
    folder.write(LOG, &(lines[..3].join("\n") + "\n"));
    let refused = folder.run(&["up", "--detach"]).ends_with(3);
    assert!(refused.stderr.contains("audit"), "{refused:?}");
}

#[test]
fn without_a_log_there_is_nothing_to_show() {
    let folder = Folder::new()
        .with("plimsoll.toml", SITE)
        .with("site/index.html", "one");
    let ended = folder.run(&["audit"]).ends_with(2);
    assert!(
        ended.stderr.contains("nothing was ever changed"),
        "{ended:?}"
    );
}
