//! Programs compiled by Cargo: the same bytes from every folder, with the list of their crates inside.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use plimsoll_image::cargo::{deps, elf};
use plimsoll_image::oci::Layout;
use plimsoll_image::package::Phase;
use plimsoll_image::recipe::CargoRecipe;
use plimsoll_image::service::{self, Artefact};
use plimsoll_image::{ArtefactStore, BuildError, Built, BuiltImage, Recipe, assemble, build};

use crate::world::{machine, write};

const MAIN: &str = "fn main() { let n: usize = std::env::args().count(); \
    assert!(n < 9, \"too many\"); std::process::exit(lib::answer(n)) }";
const LIB: &str = "pub fn answer(n: usize) -> i32 { [7, 8][n - 1] }";

/// A workspace of a program, a library, a generator that only its build needs, and a helper of its tests.
fn workspace(folder: &Path) {
    let package = |name: &str, more: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n{more}"
        )
    };
    let members = "members = [\"app\", \"lib\", \"generator\", \"helper\"]";
    write(
        &folder.join("Cargo.toml"),
        &format!("[workspace]\nresolver = \"3\"\n{members}\n"),
    );
    let needs = "[dependencies]\nlib = { path = \"../lib\" }\n[build-dependencies]\ngenerator = { path = \"../generator\" }\n\
        [dev-dependencies]\nhelper = { path = \"../helper\" }\n";
    write(&folder.join("app/Cargo.toml"), &package("app", needs));
    write(&folder.join("app/src/main.rs"), MAIN);
    write(
        &folder.join("app/build.rs"),
        "fn main() { generator::generate() }",
    );
    write(&folder.join("lib/Cargo.toml"), &package("lib", ""));
    write(&folder.join("lib/src/lib.rs"), LIB);
    write(
        &folder.join("generator/Cargo.toml"),
        &package("generator", ""),
    );
    write(&folder.join("generator/src/lib.rs"), "pub fn generate() {}");
    write(&folder.join("helper/Cargo.toml"), &package("helper", ""));
    write(&folder.join("helper/src/lib.rs"), "");
}

struct Place {
    folder: tempfile::TempDir,
    store: ArtefactStore,
    layout: Layout,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        workspace(&folder.path().join("source"));
        Self {
            store: ArtefactStore::open(folder.path().join("artefacts")).unwrap(),
            layout: Layout::create(folder.path().join("images")).unwrap(),
            folder,
        }
    }

    fn build(&self) -> Result<Built, BuildError> {
        let recipe = Recipe::Cargo(CargoRecipe {
            dir: self.folder.path().join("source"),
            package: "app".into(),
            bin: "app".into(),
            features: vec![],
            profile: "release".into(),
            files: vec![],
        });
        let cache = self.folder.path().join("cache.json");
        build(&recipe, &self.store, &cache, &mut |_| {}, &|| false)
    }

    fn image(&self) -> BuiltImage {
        let built = self.build().unwrap();
        let tree = self.store.tree(&built.digest).unwrap();
        let artefact = Artefact {
            dir: &self.store.path(&built.digest),
            tree: &tree,
        };
        let mut plan = service::cargo("app", machine(), artefact, "app").unwrap();
        plan.packages = built.packages;
        assemble("app", &plan, &self.layout).unwrap()
    }

    fn program(&self) -> std::path::PathBuf {
        self.store.path(&self.build().unwrap().digest).join("app")
    }
}

#[test]
fn two_folders_a_touch_and_a_change_give_the_digests_that_they_should() {
    let (here, there) = (Place::new(), Place::new());
    let first = here.image();
    assert_eq!(first.digest, there.image().digest, "another folder");
    let main = here.folder.path().join("source/app/src/main.rs");
    write(&main, MAIN);
    assert_eq!(first.digest, here.image().digest, "a touch");
    write(&main, &MAIN.replace("too many", "far too many"));
    let changed = here.image();
    assert_ne!(first.digest, changed.digest);
    assert_eq!(first.layers[0], changed.layers[0], "the base");
}

#[test]
fn the_program_is_static_runs_and_shows_neither_folder_nor_user() {
    let place = Place::new();
    let program = place.program();
    let status = Command::new(&program).status().unwrap();
    assert_eq!(status.code(), Some(7));
    let bytes = std::fs::read(&program).unwrap();
    let interpreter = elf::section(&mut Cursor::new(&bytes), ".interp");
    assert_eq!(interpreter.unwrap(), None, "no loader");
    let shows = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(shows("app/src/main.rs"), "the panic's place is there");
    assert!(!shows(place.folder.path().to_str().unwrap()));
}

#[test]
fn the_list_inside_names_what_runs_and_what_builds_and_no_test_helper() {
    let place = Place::new();
    let mut program = File::open(place.program()).unwrap();
    let section = elf::section(&mut program, deps::SECTION).unwrap().unwrap();
    let listed: Vec<(String, Phase)> = deps::decode(&section)
        .unwrap()
        .into_iter()
        .map(|package| (package.name, package.phase))
        .collect();
    let expected = [
        ("app", Phase::Runtime),
        ("generator", Phase::Build),
        ("lib", Phase::Runtime),
    ];
    assert_eq!(
        listed,
        expected.map(|(name, phase)| (name.to_owned(), phase))
    );
}

#[test]
fn a_manifest_that_cargo_cannot_read_is_its_authors_to_mend() {
    let place = Place::new();
    write(
        &place.folder.path().join("source/app/Cargo.toml"),
        "[package",
    );
    let error = place.build().unwrap_err();
    assert!(error.is_users_fault());
    assert!(
        matches!(&error, BuildError::ToolFailed { tail, .. } if !tail.is_empty()),
        "{error}"
    );
}
