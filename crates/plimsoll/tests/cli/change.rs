//! Changing a site of static files: what clients noticed, the way back, what is kept, who did it.

use serde_json::Value;

use crate::exit_codes::SITE;
use crate::folder::{Ended, Folder, free_port};

/// A site that is up, and goes down with the test.
struct Site {
    folder: Folder,
    port: u16,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.folder.run(&["down"]);
    }
}

impl Site {
    fn up() -> Self {
        let (port, https) = (free_port(), free_port());
        let folder = Folder::new();
        let site = Self { folder, port };
        site.page("one");
        site.folder.write(
            "plimsoll.toml",
            &SITE.replace(
                "[service.web]",
                &format!("[edge]\nhttp = {port}\nhttps = {https}\ntls = {{ redirect = false }}\n[service.web]"),
            ),
        );
        site.run(&["up", "--detach"]).ends_with(0);
        site
    }

    fn page(&self, text: &str) {
        self.folder.write("site/index.html", text);
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.folder.run(args)
    }

    fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--format", "json"]].concat();
        self.run(&args).ends_with(0).json()
    }

    fn get(&self) -> String {
        use std::io::{Read, Write};

        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

#[test]
fn a_deploy_shows_its_plan_counts_requests_and_can_be_rolled_back() {
    let site = Site::up();
    site.page("two");
    let planned = site.run(&["deploy", "--plan"]).ends_with(0);
    assert!(planned.stdout.contains("is in force"), "{planned:?}");
    assert_eq!(site.get(), "one", "a plan changes nothing");

    let deployed = site.json(&["deploy"]);
    assert_eq!(site.get(), "two");
    assert_eq!(deployed["ending"], "in-force");
    assert!(deployed["requests"].as_u64().unwrap() > 0, "{deployed}");
    assert_eq!(
        (&deployed["failed"], &deployed["broken"]),
        (&0.into(), &0.into())
    );

    let same = site.run(&["deploy"]).ends_with(0);
    let last = same.stdout.lines().last().unwrap();
    assert!(
        last.contains(" requests, 0 failed, 0 sockets broken, "),
        "{last}"
    );

    let back = site.json(&["rollback"]);
    assert_eq!(
        (site.get().as_str(), &back["ending"]),
        ("one", &"in-force".into())
    );
    assert_ne!(back["release"], deployed["release"]);
}

#[test]
fn releases_are_listed_and_cleaned_but_never_the_one_to_go_back_to() {
    let site = Site::up();
    for text in ["two", "three", "four"] {
        site.page(text);
        site.run(&["deploy"]).ends_with(0);
    }
    let releases = site.json(&["releases"]);
    assert_eq!(releases["releases"].as_array().unwrap().len(), 4);
    assert_eq!(releases["releases"][0]["in_force"], true);
    let planned = site.json(&["cleanup", "--keep", "1", "--plan"]);
    // The first one opened the ports, and what is open is described there.
    assert_eq!(planned["removed"].as_array().unwrap().len(), 1);
    assert_eq!(site.json(&["releases"]), releases, "a plan deletes nothing");
    site.run(&["cleanup", "--keep", "1"]).ends_with(0);
    let left = site.json(&["releases"]);
    assert_eq!(left["releases"].as_array().unwrap().len(), 3);
    site.run(&["rollback"]).ends_with(0);
    assert_eq!(site.get(), "three");
}

#[test]
fn the_audit_log_says_who_changed_what_and_shows_that_it_was_changed() {
    let site = Site::up();
    site.page("two");
    site.run(&["deploy"]).ends_with(0);
    let shown = site.run(&["audit"]).ends_with(0).stdout;
    for words in ["up", "begun", "deploy", "done", "0 failed"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let verified = site.json(&["audit", "verify"]);
    assert_eq!(
        (&verified["intact"], &verified["records"]),
        (&true.into(), &4.into())
    );

    let log = ".plimsoll/env/development/audit.jsonl";
    let forged = site.folder.read(log).replacen("\"deploy\"", "\"scale\"", 1);
    site.folder.write(log, &forged);
    let broken = site.run(&["audit", "verify"]).ends_with(1);
    assert!(broken.stdout.contains("broken at line"), "{broken:?}");
}

#[test]
fn a_release_says_what_it_consists_of_and_who_brought_it() {
    let site = Site::up();
    let first = site.json(&["status", "--release"]);
    site.page("two");
    let second = site.json(&["deploy"]);
    let shown = site.json(&["status", "--release"]);
    assert_eq!(shown["release"], second["release"]);
    assert_eq!(shown["state"], "in-force");
    assert_eq!(shown["tool"], env!("CARGO_PKG_VERSION"));
    for digest in [&shown["bundle"], &shown["images"]["web"]] {
        let digest = digest.as_str().unwrap();
        assert!(
            digest.starts_with("sha256:") && digest.len() == 71,
            "{shown}"
        );
    }
    let event = &shown["history"][0];
    assert_eq!(
        (&event["action"], &event["outcome"]),
        (&"deploy".into(), &"done".into())
    );
    assert!(!event["who"].as_str().unwrap().is_empty());

    let id = first["release"].as_str().unwrap();
    assert_ne!(first["bundle"], shown["bundle"]);
    let kept = site.json(&["status", "--release", id]);
    assert_eq!(
        (&kept["release"], &kept["state"]),
        (&id.into(), &"kept".into())
    );
    let text = site.run(&["status", "--release", id]).ends_with(0).stdout;
    for words in [id, "kept", "bundle", "image     web", "up done"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let unknown = site
        .run(&["status", "--release", "r000000000000"])
        .ends_with(2);
    assert!(
        unknown.stderr.contains("there is no release"),
        "{unknown:?}"
    );
}

#[test]
fn a_sign_off_that_nobody_gave_stops_a_deploy_before_anything_is_changed() {
    let folder = Folder::new();
    folder.write("site/index.html", "one");
    let open = "[env.production.approval.cto]\nrole = \"CTO\"\n";
    folder.write("plimsoll.toml", &format!("{SITE}\n{open}"));
    for command in ["deploy", "up"] {
        let refused = folder.run(&[command, "--env", "production"]).ends_with(1);
        for words in [
            "waits for 1 sign-off",
            "approval.cto (CTO): not signed",
            "[env.production.approval.cto]",
        ] {
            assert!(refused.stderr.contains(words), "{words}: {refused:?}");
        }
    }
    assert!(!folder.app().join(".plimsoll/env/production").exists());
}

#[test]
fn a_plan_shows_sign_offs_and_development_does_not_wait_for_them() {
    let site = Site::up();
    let file = site.folder.read("plimsoll.toml");
    let open = "[approval.cto]\nrole = \"CTO\"\n";
    site.folder
        .write("plimsoll.toml", &format!("{file}\n{open}"));
    let planned = site.run(&["deploy", "--plan"]).ends_with(0);
    assert!(
        planned.stdout.contains("approval.cto (CTO): not signed"),
        "{planned:?}"
    );
    let planned = site.json(&["deploy", "--plan"]);
    assert_eq!(planned["approvals"][0]["objection"], "not signed");
    site.page("two");
    let deployed = site.run(&["deploy"]).ends_with(0);
    assert!(
        deployed.stderr.contains("a deploy would wait for it"),
        "{deployed:?}"
    );
    assert_eq!(site.get(), "two");
}
