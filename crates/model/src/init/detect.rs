//! What an app is made of, by the files that it has.

use std::collections::BTreeSet;

use super::Listing;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The app's name, as the grammar wants it.
    pub name: String,
    /// Programs.
    pub programs: Vec<Program>,
    /// Folders of files for browsers.
    pub sites: Vec<Site>,
    /// Whether anything speaks of PostgreSQL.
    pub postgres: bool,
    /// Whether anything speaks of Redis.
    pub redis: bool,
    /// What was seen and not taken over, as sentences.
    pub remarks: Vec<String>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A binary of a Cargo package.
    Cargo {
        /// The folder of the workspace, or of the package where there is none.
        dir: String,
        /// The package.
        package: String,
        /// The binary.
        bin: String,
    },
    /// A Dockerfile.
    Docker {
        /// The service's name.
        name: String,
        /// The Dockerfile.
        path: String,
        /// The port that it exposes.
        port: Option<u16>,
    },
    /// A Node program that is started by `npm start`.
    Node {
        /// The service's name.
        name: String,
        /// Its folder.
        dir: String,
        /// Whether exact versions are locked.
        locked: bool,
    },
}

/// A folder of files for browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The service's name.
    pub name: String,
    /// The folder.
    pub dir: String,
    /// Whether `npm run build` makes it.
    pub builds: bool,
    /// Whether exact versions of what it builds with are locked.
    pub locked: bool,
    /// Where the result is, below the folder.
    pub out: String,
}

/// Reads a listing.
pub fn detect(listing: &Listing) -> Facts {
    let mut facts = Facts {
        name: slug(&listing.name, "app"),
        ..Facts::default()
    };
    for (path, text) in &listing.texts {
        let (dir, file) = path.rsplit_once('/').unwrap_or((".", path));
        let lower = text.to_ascii_lowercase();
        facts.postgres |=
            lower.contains("postgres") || (lower.contains("sqlx") && !lower.contains("sqlite"));
        facts.redis |= lower.contains("redis");
        if path.chars().any(char::is_control) {
            facts.remarks.push(format!(
                "{path} was seen, but its name cannot be written here"
            ));
            continue;
        }
        if let Some(part) = for_development(dir) {
            facts.remarks.push(format!(
                "{path} was seen and is no service: `{part}` is for development"
            ));
            continue;
        }
        match file {
            "Cargo.toml" => cargo(&mut facts, listing, dir, text),
            "package.json" => node(&mut facts, listing, dir, text),
            _ if file == "Dockerfile" || file.starts_with("Dockerfile.") => {
                docker(&mut facts, dir, path, text);
            }
            _ if is_compose(file) => facts.remarks.push(format!(
                "{path} was seen: its services, addresses and variables are not carried over"
            )),
            _ => {}
        }
    }
    let has_page = listing
        .files
        .iter()
        .any(|file| file == "index.html" || file == "public/index.html");
    if facts.sites.is_empty() && has_page {
        let dir = if listing.files.iter().any(|file| file == "index.html") {
            "."
        } else {
            "public"
        };
        facts.sites.push(Site {
            name: "web".to_owned(),
            dir: dir.to_owned(),
            builds: false,
            locked: false,
            out: ".".to_owned(),
        });
    }
    // A Dockerfile beside a program of the same kind says how it was packed before; the program itself is built.
    if facts
        .programs
        .iter()
        .any(|program| !matches!(program, Program::Docker { .. }))
        || !facts.sites.is_empty()
    {
        facts.programs.retain(|program| match program {
            Program::Docker { path, .. } => {
                facts.remarks.push(format!(
                    "{path} was seen and is not needed: images are built without it"
                ));
                false
            }
            Program::Cargo { .. } | Program::Node { .. } => true,
        });
    }
    facts
}

fn is_compose(file: &str) -> bool {
    matches!(
        file,
        "docker-compose.yml" | "docker-compose.yaml" | "compose.yml" | "compose.yaml"
    )
}

fn cargo(facts: &mut Facts, listing: &Listing, dir: &str, text: &str) {
    let Ok(manifest) = text.parse::<toml::Table>() else {
        facts
            .remarks
            .push(format!("{dir}/Cargo.toml could not be read"));
        return;
    };
    let package = manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    let Some(package) = package else {
        return;
    };
    for bin in binaries(&manifest, listing, (dir, package)) {
        facts.programs.push(Program::Cargo {
            dir: workspace(listing, dir),
            package: package.to_owned(),
            bin,
        });
    }
}

/// What Cargo takes for binaries: those with an entry, `src/main.rs`, and what is in `src/bin`.
fn binaries(
    manifest: &toml::Table,
    listing: &Listing,
    (dir, package): (&str, &str),
) -> BTreeSet<String> {
    let entries = manifest.get("bin").and_then(toml::Value::as_array);
    let entries = || entries.into_iter().flatten();
    let text = |entry: &toml::Value, key| entry.get(key)?.as_str().map(str::to_owned);
    let mut found: BTreeSet<String> = entries().filter_map(|entry| text(entry, "name")).collect();
    let paths: Vec<String> = entries().filter_map(|entry| text(entry, "path")).collect();
    let source = |path: &str| join(dir, &format!("src/{path}"));
    let is_named = |path: &str| paths.iter().any(|named| join(dir, named) == path);
    let (main, bin) = (source("main.rs"), source("bin/"));
    if listing.files.contains(&main) && !is_named(&main) {
        found.insert(package.to_owned());
    }
    for file in listing.files.iter().filter(|file| !is_named(file)) {
        let Some(rest) = file.strip_prefix(&bin) else {
            continue;
        };
        let name = rest.strip_suffix("/main.rs").or(rest.strip_suffix(".rs"));
        found.extend(name.filter(|name| !name.contains('/')).map(str::to_owned));
    }
    found
}

/// The nearest folder at or above `dir` that says it is a workspace; `dir` itself where none does.
fn workspace(listing: &Listing, dir: &str) -> String {
    let mut folder = dir;
    loop {
        let manifest = listing.texts.get(&join(folder, "Cargo.toml"));
        let manifest = manifest.and_then(|text| text.parse::<toml::Table>().ok());
        if manifest.is_some_and(|manifest| manifest.contains_key("workspace")) {
            return folder.to_owned();
        }
        folder = match folder.rsplit_once('/') {
            Some((above, _)) => above,
            None if folder != "." => ".",
            None => return dir.to_owned(),
        };
    }
}

fn join(dir: &str, path: &str) -> String {
    if dir == "." {
        path.to_owned()
    } else {
        format!("{dir}/{path}")
    }
}

/// The part of a path by which people say that what is below runs at their desks only.
fn for_development(dir: &str) -> Option<&str> {
    dir.split('/').find(|part| {
        matches!(
            *part,
            "bench"
                | "benches"
                | "e2e"
                | "example"
                | "examples"
                | "fuzz"
                | "test"
                | "tests"
                | "xtask"
        )
    })
}

fn node(facts: &mut Facts, listing: &Listing, dir: &str, text: &str) {
    let locked = listing.files.contains(&join(dir, "package-lock.json"));
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(text) else {
        facts
            .remarks
            .push(format!("{dir}/package.json could not be read"));
        return;
    };
    let depends = |name: &str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|key| manifest.get(key).and_then(|map| map.get(name)).is_some())
    };
    let script = |name: &str| {
        manifest
            .get("scripts")
            .and_then(|scripts| scripts.get(name))
            .is_some()
    };
    let name = slug(
        if dir == "." {
            "web"
        } else {
            dir.rsplit('/').next().unwrap_or(dir)
        },
        "web",
    );
    if depends("next") {
        facts.remarks.push(format!(
            "{dir} is a Next.js app: it is taken as static files (`output: \"export\"`), in `out`"
        ));
        facts.sites.push(Site {
            name,
            dir: dir.to_owned(),
            builds: true,
            locked,
            out: "out".to_owned(),
        });
    } else if depends("vite") || (script("build") && !script("start")) {
        facts.sites.push(Site {
            name,
            dir: dir.to_owned(),
            builds: true,
            locked,
            out: "dist".to_owned(),
        });
    } else if script("start") {
        facts.programs.push(Program::Node {
            name,
            dir: dir.to_owned(),
            locked,
        });
    }
}

fn docker(facts: &mut Facts, dir: &str, path: &str, text: &str) {
    let port = text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("EXPOSE ")?;
        rest.split([' ', '/'])
            .next()?
            .parse()
            .ok()
            .filter(|port| *port > 0)
    });
    let own = if dir == "." {
        facts.name.clone()
    } else {
        slug(dir.rsplit('/').next().unwrap_or(dir), "app")
    };
    facts.programs.push(Program::Docker {
        name: own,
        path: path.to_owned(),
        port,
    });
}

/// A name as the grammar wants it.
pub(super) fn slug(text: &str, otherwise: &str) -> String {
    let plain: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let trimmed = plain.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
    if trimmed.is_empty() {
        otherwise.to_owned()
    } else {
        trimmed.to_owned()
    }
}
