//! Running a recipe: tools make the output, the output becomes an artefact.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use plimsoll_bundle::Digest;
use plimsoll_stdx::fs::write_atomic;
use serde::{Deserialize, Serialize};

use crate::cargo::Target;
use crate::cargo::compile::compile;
use crate::package::Package;
use crate::recipe::FolderRecipe;
use crate::store::Staging;
use crate::tool::{self, For};
use crate::{ArtefactStore, BuildError, Recipe};
use crate::{inputs, npm, precompress, python, tree};

/// A finished build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The artefact's name.
    pub digest: Digest,
    /// Bytes of its files.
    pub bytes: u64,
    /// How many files it has.
    pub files: usize,
    /// Whether the source was unchanged and no tool ran. (Cargo always runs: it knows best what is fresh.)
    pub unchanged: bool,
    /// What it is made of: the crates of a binary, the locked packages of a front end; empty where nothing says so.
    pub packages: Vec<Package>,
}

/// Who hears the tools' lines, and who says that they shall stop.
pub(crate) type Watch<'a> = (&'a mut dyn FnMut(&str), &'a dyn Fn() -> bool);

/// Remembers which source gave which artefact.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    format: String,
    version: u32,
    inputs: Digest,
    artefact: Digest,
}

/// Builds `recipe` into `store`. `cache` is a file that remembers the last build of this recipe; `listen` gets the
/// tools' lines as they come; a tool that runs is ended soon after `stop` says so.
///
/// A build that fails or is killed leaves the store and the last artefact as they were.
pub fn build(
    recipe: &Recipe,
    store: &ArtefactStore,
    cache: &Path,
    listen: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Built, BuildError> {
    build_for(recipe, &Target::host(), store, cache, (listen, stop))
}

/// [`build`] for another machine. What is not compiled is the same on all.
pub fn build_for(
    recipe: &Recipe,
    target: &Target,
    store: &ArtefactStore,
    cache: &Path,
    (listen, stop): Watch<'_>,
) -> Result<Built, BuildError> {
    if !recipe.dir().is_dir() {
        return Err(BuildError::NoSource(recipe.dir().to_owned()));
    }
    match recipe {
        Recipe::Cargo(recipe) => compile(recipe, target, store, (listen, stop)),
        Recipe::Folder(recipe) => build_folder(recipe, store, cache, (listen, stop)),
    }
}

fn build_folder(
    folder: &FolderRecipe,
    store: &ArtefactStore,
    cache: &Path,
    (listen, stop): Watch<'_>,
) -> Result<Built, BuildError> {
    let inputs = inputs::fingerprint(&folder.dir, &folder.out, &folder.run)?;
    if let Some(built) = inputs
        .as_ref()
        .and_then(|inputs| remembered(cache, inputs, store))
    {
        return with_packages(built, folder, store);
    }
    for argv in &folder.run {
        let mut on_line = |_, line: &str| {
            listen(line);
            For::People
        };
        tool::run(argv, &folder.dir, &[], &mut on_line, stop)?;
    }
    let built = with_packages(collect(folder, store)?, folder, store)?;
    if let Some(inputs) = inputs {
        remember(cache, inputs, &built.digest)?;
    }
    Ok(built)
}

/// What the lock file of its source and the files of the artefact say that it is made of.
fn with_packages(
    built: Built,
    folder: &FolderRecipe,
    store: &ArtefactStore,
) -> Result<Built, BuildError> {
    let mut packages = npm::packages(&folder.dir)?;
    if let Some(tree) = store.tree(&built.digest) {
        packages.extend(python::packages(&store.path(&built.digest), &tree)?);
    }
    Ok(Built { packages, ..built })
}

fn collect(folder: &FolderRecipe, store: &ArtefactStore) -> Result<Built, BuildError> {
    let out = folder.dir.join(&folder.out);
    let staging = store.stage()?;
    if out.is_dir() {
        let is_source = out.canonicalize().ok() == folder.dir.canonicalize().ok();
        let wanted = |path: &Path| !is_source || is_output(path, folder.is_static);
        for path in tree::list_wanted(&out, &wanted)? {
            if folder.is_static && tree::is_link(&out.join(&path)) {
                return Err(BuildError::Unsupported {
                    path: out.join(path),
                    what: "a symbolic link, which no web server should follow,",
                });
            }
            copy(&out.join(&path), &staging.path().join(&path))?;
        }
    } else if out.is_file() {
        let name = out.file_name().unwrap_or_default();
        copy(&out, &staging.path().join(name))?;
    } else {
        return Err(BuildError::NoOutput {
            dir: folder.dir.clone(),
            out: folder.out.clone(),
        });
    }
    if folder.is_static {
        precompress::add_siblings(staging.path())?;
    }
    finish(&staging, store)
}

/// Where the source folder itself is the output: what tools and people keep beside the files is not published, our own
/// state and the app's file least of all. `.well-known` is there to be asked for (RFC 8615).
fn is_output(path: &Path, is_static: bool) -> bool {
    let Some(name) = path.file_name() else {
        return true;
    };
    if name == ".plimsoll" || name == ".git" {
        return false;
    }
    let is_hidden = name.as_encoded_bytes().starts_with(b".") && name != ".well-known";
    let is_kept_back = is_hidden || name == "node_modules" || path == Path::new("plimsoll.toml");
    !is_static || !is_kept_back
}

pub(crate) fn finish(staging: &Staging, store: &ArtefactStore) -> Result<Built, BuildError> {
    let (digest, tree) = store.keep(staging)?;
    Ok(Built {
        digest,
        bytes: tree.bytes(),
        files: tree.files.len(),
        unchanged: false,
        packages: Vec::new(),
    })
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(BuildError::io("create", parent))?;
    }
    if tree::is_link(from) {
        let target = fs::read_link(from).map_err(BuildError::io("read the link", from))?;
        return symlink(target, to).map_err(BuildError::io("link", to));
    }
    fs::copy(from, to)
        .map(drop)
        .map_err(BuildError::io("copy", from))
}

fn remembered(cache: &Path, inputs: &Digest, store: &ArtefactStore) -> Option<Built> {
    let text = fs::read(cache).ok()?;
    let remembered: Remembered = serde_json::from_slice(&text).ok()?;
    if remembered.inputs != *inputs {
        return None;
    }
    // Reading the bytes again costs a millisecond per megabyte, and a damaged artefact is built anew.
    store.verify(&remembered.artefact).ok()?;
    let tree = store.tree(&remembered.artefact)?;
    Some(Built {
        digest: remembered.artefact,
        bytes: tree.bytes(),
        files: tree.files.len(),
        unchanged: true,
        packages: Vec::new(),
    })
}

fn remember(cache: &Path, inputs: Digest, artefact: &Digest) -> Result<(), BuildError> {
    let remembered = Remembered {
        format: "plimsoll.build-cache".into(),
        version: 1,
        inputs,
        artefact: artefact.clone(),
    };
    if let Some(parent) = cache.parent() {
        fs::create_dir_all(parent).map_err(BuildError::io("create", parent))?;
    }
    let text = serde_json::to_vec(&remembered)
        .map_err(std::io::Error::other)
        .map_err(BuildError::io("encode", cache))?;
    Ok(write_atomic(cache, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        store: ArtefactStore,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("web")).unwrap();
            let store = ArtefactStore::open(folder.path().join("rootfs")).unwrap();
            Self { folder, store }
        }

        fn source(&self, path: &str, text: &str) {
            let path = self.folder.path().join("web").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_atomic(&path, text.as_bytes()).unwrap();
        }

        fn build(&self, script: &str) -> Result<Built, BuildError> {
            let run = if script.is_empty() {
                vec![]
            } else {
                vec![["sh", "-c", script].map(str::to_owned).to_vec()]
            };
            let recipe = Recipe::Folder(FolderRecipe {
                dir: self.folder.path().join("web"),
                run,
                out: "dist".into(),
                is_static: true,
            });
            build(
                &recipe,
                &self.store,
                &self.folder.path().join("cache/web.json"),
                &mut |_| {},
                &|| false,
            )
        }
    }

    #[test]
    fn a_static_folder_is_built_once_and_again_only_when_its_source_changes() {
        let bench = Bench::new();
        bench.source("index.src", "one");
        let script = "mkdir -p dist && cp index.src dist/index.html";
        let first = bench.build(script).unwrap();
        assert!(!first.unchanged);
        assert!(bench.build(script).unwrap().unchanged);
        bench.source("index.src", "two");
        let second = bench.build(script).unwrap();
        assert!(!second.unchanged);
        assert_ne!(first.digest, second.digest);
    }

    #[test]
    fn a_source_folder_that_is_its_own_output_publishes_no_state_and_no_secret_of_its_tools() {
        let bench = Bench::new();
        for path in [
            "index.html",
            ".well-known/security.txt",
            "plimsoll.toml",
            ".env",
            ".git/config",
            ".plimsoll/state.json",
            "node_modules/x/index.js",
        ] {
            bench.source(path, "x");
        }
        let socket = bench.folder.path().join("web/.plimsoll/socket");
        let _socket = std::os::unix::net::UnixListener::bind(socket).unwrap();
        let recipe = Recipe::Folder(FolderRecipe {
            dir: bench.folder.path().join("web"),
            run: vec![],
            out: ".".into(),
            is_static: true,
        });
        let cache = bench.folder.path().join("cache.json");
        let built = build(&recipe, &bench.store, &cache, &mut |_| {}, &|| false).unwrap();
        let mut files = tree::list(&bench.store.path(&built.digest)).unwrap();
        files.sort();
        assert_eq!(
            files,
            [".well-known/security.txt", "index.html"].map(std::path::PathBuf::from)
        );
    }

    #[test]
    fn an_app_keeps_the_links_of_its_modules_and_a_front_end_has_none() {
        let bench = Bench::new();
        bench.source("dist/node_modules/x/cli.js", "x");
        let bin = bench.folder.path().join("web/dist/node_modules/.bin");
        fs::create_dir(&bin).unwrap();
        symlink("../x/cli.js", bin.join("x")).unwrap();
        let make = |is_static| {
            let recipe = Recipe::Folder(FolderRecipe {
                dir: bench.folder.path().join("web"),
                run: vec![],
                out: "dist".into(),
                is_static,
            });
            let cache = bench.folder.path().join(format!("{is_static}.json"));
            build(&recipe, &bench.store, &cache, &mut |_| {}, &|| false)
        };
        let kept_links = make(false).unwrap();
        bench.store.verify(&kept_links.digest).unwrap();
        let kept = bench
            .store
            .path(&kept_links.digest)
            .join("node_modules/.bin/x");
        assert_eq!(fs::read_link(kept).unwrap(), Path::new("../x/cli.js"));
        assert!(matches!(make(true), Err(BuildError::Unsupported { .. })));
    }

    #[test]
    fn a_damaged_artefact_is_built_anew() {
        let bench = Bench::new();
        bench.source("dist/index.html", "one");
        let first = bench.build("").unwrap();
        write_atomic(&bench.store.path(&first.digest).join("index.html"), b"bad").unwrap();
        let again = bench.build("");
        assert!(again.is_ok_and(|built| !built.unchanged && built.digest == first.digest));
        bench.store.verify(&first.digest).unwrap();
    }

    #[test]
    fn a_build_that_leaves_nothing_says_where_it_looked() {
        let bench = Bench::new();
        let error = bench.build("true").unwrap_err();
        assert!(error.to_string().contains("dist"), "{error}");
        assert!(error.is_users_fault());
    }

    #[test]
    fn a_failing_build_keeps_the_tools_last_words() {
        let bench = Bench::new();
        let BuildError::ToolFailed { tail, .. } = bench.build("echo oops >&2; exit 1").unwrap_err()
        else {
            panic!("expected the tool's failure")
        };
        assert_eq!(tail, ["oops"]);
    }
}
