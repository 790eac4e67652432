//! Services that are images, and services that stand on one: from an OCI layout and from a registry.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plimsoll_supervisor::ProcessRunner;

use crate::exit_codes::site;
use crate::folder::{Folder, free_port};

/// Whether anything can run from an image here, with a line that says why not.
pub(crate) fn can_contain() -> bool {
    let runner = ProcessRunner::new(env!("CARGO_BIN_EXE_plimsoll").into());
    let contained = runner.capabilities().contained.clone();
    if let Err(reason) = &contained {
        println!("skipped: needs namespaces ({reason})");
    }
    contained.is_ok()
}

/// An image that somebody else made: our server of static files, which stands in for Node or Python. Its own pages
/// say `theirs`.
pub(crate) fn theirs() -> (Folder, String) {
    let folder = site();
    folder.write("site/index.html", "theirs");
    let built = folder.run(&["build", "--format", "json"]).ends_with(0);
    let digest = built.json()[0]["digest"].as_str().unwrap().to_owned();
    (folder, digest)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &name);
        } else {
            fs::copy(&path, &name).unwrap();
        }
    }
}

/// An app of one service, with ports of its own; down when it goes.
pub(crate) struct App {
    pub(crate) folder: Folder,
    port: u16,
}

impl App {
    pub(crate) fn new(service: &str) -> Self {
        let app = Self {
            folder: Folder::new(),
            port: free_port(),
        };
        app.say(service);
        app
    }

    fn say(&self, service: &str) {
        let text = format!(
            "plimsoll = 1\n[app]\nname = \"shop\"\nowner = \"a@example.com\"\n\
             [service.api]\n{service}\nport = {{ http = 8000 }}\nscale = {{ min = 1 }}\n\
             [edge]\nhttp = {}\nhttps = 0\ntls = {{ issuer = \"local\", redirect = false }}\n\
             [route.api]\npath = \"/\"\nto = \"api\"\n",
            self.port
        );
        self.folder.write("plimsoll.toml", &text);
    }

    fn up(&self) -> crate::folder::Ended {
        self.folder.run(&["up", "--detach"])
    }

    pub(crate) fn get(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{text}");
        body.to_owned()
    }

    fn images(&self) -> PathBuf {
        self.folder.app().join(".plimsoll/images")
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Nothing may run in a folder that is about to go.
        let _ = self.folder.run(&["down"]);
    }
}

#[test]
fn a_service_given_as_an_image_of_a_layout_is_built_and_runs_contained_as_it_is() {
    let (maker, digest) = theirs();
    let app = App::new(&format!("image = \"oci:vendor/theirs@{digest}\""));
    copy(
        &maker.app().join(".plimsoll/images"),
        &app.folder.app().join("vendor/theirs"),
    );
    let built = app.folder.run(&["build", "--format", "json"]).ends_with(0);
    assert_eq!(built.json()[0]["digest"], digest.as_str(), "byte for byte");
    if !can_contain() {
        return;
    }
    app.up().ends_with(0);
    assert_eq!(app.get(), "theirs");
    let status = app.folder.run(&["status", "--format", "json"]).json();
    assert_eq!(status["images"][0]["digest"], digest.as_str());
    let processes = status["processes"].as_array().unwrap();
    let replica = processes.iter().find(|one| one["kind"] == "replica");
    assert_eq!(replica.unwrap()["isolation"], "contained", "{status}");
}

#[test]
fn an_app_on_a_base_image_runs_with_what_the_base_has() {
    let (maker, base) = theirs();
    let app = App::new(&format!(
        "build = {{ command = [\"sh\", \"-c\", \"mkdir -p out && cp page out/index.html\"], out = \"out\", \
         base = \"oci:vendor/base@{base}\" }}\nrun = [\"/app/server\", \"--root\", \"/app\"]"
    ));
    app.folder.write("page", "ours");
    let layout = app.folder.app().join("vendor/base");
    copy(&maker.app().join(".plimsoll/images"), &layout);
    let built = app.folder.run(&["build", "--format", "json"]).ends_with(0);
    let layers = built.json()[0]["layers"].as_array().unwrap().len();
    assert_eq!(layers, 4, "three of the base and the app's");
    if !can_contain() {
        return;
    }
    app.up().ends_with(0);
    assert_eq!(app.get(), "ours");

    // What is built is remembered; what the file names is still checked when it changes.
    app.folder.write("page", "ours again");
    app.up().ends_with(0);
    assert_eq!(app.get(), "ours again");
    fs::remove_dir_all(&layout).unwrap();
    app.folder.run(&["down"]).ends_with(0);
    app.up().ends_with(0);
    app.folder.write("page", "ours at last");
    let refused = app.up().ends_with(1);
    assert!(refused.stderr.contains("vendor/base"), "{refused:?}");
    assert_eq!(app.get(), "ours again");
}

#[test]
fn a_static_program_needs_no_base_and_its_volume_has_a_folder_in_its_image() {
    let (maker, _) = theirs();
    let app = App::new(
        "build = { command = [\"true\"], out = \"out\" }\nrun = [\"/app/server\", \"--root\", \"/app\"]\n\
         volume = { data = { mount = \"/var/lib/shop\", size = \"1Mi\" } }",
    );
    app.folder.write("out/index.html", "ours");
    let server = maker.app().join(".plimsoll/cache/static-server");
    fs::copy(server, app.folder.app().join("out/server")).unwrap();
    if !can_contain() {
        return;
    }
    let up = app.up().ends_with(0);
    assert!(up.stderr.contains("image of api"), "{up:?}");
    assert_eq!(app.get(), "ours");
    let status = app.folder.run(&["status", "--format", "json"]).json();
    let digest = status["images"][0]["digest"].as_str().unwrap();
    let hex = digest.strip_prefix("sha256:").unwrap();
    let unpacked = app.folder.app().join(".plimsoll/rootfs").join(hex);
    assert!(unpacked.join("var/lib/shop").is_dir());

    let again = app.up().ends_with(0);
    assert!(!again.stderr.contains("image of api"), "{again:?}");
}

#[test]
fn a_program_of_this_machine_has_no_image_and_is_told_so() {
    if !crate::folder::has("python3") {
        return;
    }
    let app = App::new(
        "build = { command = [\"true\"], out = \"out\" }\nrun = [\"python3\", \"/app/serve.py\"]",
    );
    let serve = "import http.server, os\nos.chdir('/app')\nhttp.server.HTTPServer(('127.0.0.1', \
        int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler).serve_forever()\n";
    app.folder.write("out/serve.py", serve);
    app.folder.write("out/index.html", "by python");
    let up = app.up().ends_with(0);
    assert!(up.stderr.contains("names no base image"), "{up:?}");
    assert_eq!(app.get(), "by python");
    let status = app.folder.run(&["status", "--format", "json"]).json();
    assert_eq!(status["images"].as_array().unwrap().len(), 0, "{status}");
}

#[test]
fn damage_in_the_layout_and_in_the_unpacked_image_is_mended_by_the_next_up() {
    if !can_contain() {
        return;
    }
    let (maker, digest) = theirs();
    let app = App::new(&format!("image = \"oci:vendor/theirs@{digest}\""));
    copy(
        &maker.app().join(".plimsoll/images"),
        &app.folder.app().join("vendor/theirs"),
    );
    app.up().ends_with(0);
    app.folder.run(&["down"]).ends_with(0);
    for entry in fs::read_dir(app.images().join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        plimsoll_stdx::fs::write_atomic(&path, &bytes).unwrap();
    }
    let hex = digest.strip_prefix("sha256:").unwrap();
    let unpacked = app.folder.app().join(".plimsoll/rootfs").join(hex);
    plimsoll_stdx::fs::write_atomic(&unpacked.join("srv/index.html"), b"a lie").unwrap();
    app.up().ends_with(0);
    assert_eq!(app.get(), "theirs");
}

#[test]
fn a_dockerfile_does_not_come_up_either_and_a_tag_is_no_image() {
    let app = App::new("build = { dockerfile = \"Dockerfile\" }\nrun = [\"/x\"]");
    let refused = app.up().ends_with(1);
    assert!(refused.stderr.contains("push the result"), "{refused:?}");

    app.say(
        "build = { command = [\"true\"], out = \"out\", base = \"node:24\", bsae = 1 }\nimage = 1",
    );
    let refused = app.up().ends_with(1);
    for mistake in ["node:24@sha256:", "did you mean `base`"] {
        assert!(refused.stderr.contains(mistake), "{refused:?}");
    }
}

/// Docker's own registry, in its own process.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(folder: &Path) -> Option<Self> {
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}/storage}}}}\n\
             http: {{addr: \"127.0.0.1:0\", secret: not-a-secret}}\n",
            folder.display()
        );
        plimsoll_stdx::fs::write_atomic(&folder.join("config.yml"), config.as_bytes()).unwrap();
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
        let line = log.find_map(|line| line.split("listening on ").nth(1).map(str::to_owned));
        let line = line.expect("the registry does not listen");
        let address = line.split(['"', ',']).next().unwrap().trim().to_owned();
        // Read to its end, so that the registry never waits for us.
        std::thread::spawn(move || log.for_each(drop));
        Some(Self { child, address })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_image_of_a_registry_is_pulled_once_and_needed_no_more() {
    if !can_contain() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start(place.path()) else {
        return;
    };
    let (maker, digest) = theirs();
    let reference = format!("{}/team/web", registry.address);
    maker.run(&["build", "--push", &reference]).ends_with(0);
    let app = App::new(&format!("image = \"{reference}@{digest}\""));
    app.up().ends_with(0);
    assert_eq!(app.get(), "theirs");
    app.folder.run(&["down"]).ends_with(0);
    drop(registry);
    app.up().ends_with(0);
    assert_eq!(app.get(), "theirs");

    app.say(&format!(
        "image = \"{reference}@sha256:{}\"",
        "0".repeat(64)
    ));
    let refused = app.up().ends_with(2);
    assert!(refused.stderr.contains(&reference[..12]), "{refused:?}");
    assert_eq!(app.get(), "theirs", "what ran goes on");
}
