//! The text of a new file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::detect::{Facts, Program, Site, slug};

/// What no file says.
const UNKNOWN: &str = "\
#
# Files do not tell these, so look at them: the owner, which binaries are tools and no services, ports, paths that say
# \"ready\" and \"alive\", variables and secrets that programs read, how much CPU and memory they need.
";

/// Writes what was found, with a word on each part.
pub(super) fn write(facts: &Facts) -> String {
    let mut text = String::new();
    add(&mut text, &head(facts));
    let mut taken = BTreeSet::new();
    let mut routes = String::new();
    let needs = facts.postgres || facts.redis;
    for program in &facts.programs {
        let name = program_name(&mut taken, program);
        add(
            &mut text,
            &service(&name, program, (facts.postgres, facts.redis)),
        );
        let path = if routes.is_empty() && facts.sites.is_empty() {
            "/".to_owned()
        } else {
            format!("/{name}")
        };
        add(
            &mut routes,
            &format!(
                "[route.{name}]\npath = \"{path}\"                # this path and all below it\nto = \"{name}:http\"\n"
            ),
        );
    }
    for site in &facts.sites {
        let name = unique(&mut taken, &site.name);
        add(&mut text, &static_service(&name, site));
        let path = if routes.contains("path = \"/\" ") || taken.len() > facts.programs.len() + 1 {
            format!("/{name}")
        } else {
            "/".to_owned()
        };
        add(
            &mut routes,
            &format!("[route.{name}]\npath = \"{path}\"\nto = \"{name}\"\n"),
        );
    }
    if taken.is_empty() {
        add(
            &mut text,
            "# Nothing was found that could be a service. One looks like this:\n#\n# [service.api]\n# build = { cargo = \"api\" }\n# port = { http = 8080 }\n#\n# [route.api]\n# path = \"/\"\n# to = \"api:http\"\n",
        );
    }
    if needs && !facts.programs.is_empty() {
        add(&mut text, &resources(facts));
    }
    add(&mut text, &routes);
    if !taken.is_empty() {
        add(
            &mut text,
            "# `plimsoll up` uses this environment, on ports that need no rights.\n[env.development.edge]\nhttp = 8080\nhttps = 8443\ntls = { redirect = false }\n",
        );
    }
    text
}

fn add(text: &mut String, part: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(part);
}

fn head(facts: &Facts) -> String {
    let mut text = format!(
        "# What this app is, what it needs and what it promises. Every key: docs/reference/plimsoll-toml.md\nplimsoll = 1                        # version of this grammar\n\n[app]\nname = \"{}\"\nowner = \"team@example.com\"          # whom certificates and alerts name: change it\n",
        facts.name
    );
    text.push_str(UNKNOWN);
    for remark in &facts.remarks {
        // Writing to a String does not fail; a remark holds paths, which may hold anything but must stay one line.
        let _ = writeln!(text, "# {}", remark.escape_debug());
    }
    text
}

fn program_name(taken: &mut BTreeSet<String>, program: &Program) -> String {
    match program {
        Program::Cargo { bin, .. } => unique(taken, &slug(bin, "api")),
        Program::Docker { name, .. } | Program::Node { name, .. } => unique(taken, name),
    }
}

fn unique(taken: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut count = 2;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}-{count}");
        count += 1;
    }
    name
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn service(name: &str, program: &Program, (postgres, redis): (bool, bool)) -> String {
    let (build, port) = match program {
        Program::Cargo { dir, package, bin } => {
            let dir = if dir == "." {
                String::new()
            } else {
                format!(", dir = {}", quoted(dir))
            };
            let (package, bin) = (quoted(package), quoted(bin));
            (
                format!("build = {{ cargo = {package}, bin = {bin}{dir} }}"),
                8080,
            )
        }
        Program::Docker { path, port, .. } => (
            format!(
                "build = {{ dockerfile = {} }}     # only targets with a container runtime can build it",
                quoted(path)
            ),
            port.unwrap_or(8080),
        ),
        Program::Node { dir, locked, .. } => (
            // An artefact holds no links, and npm makes some for the commands of packages.
            format!(
                "build = {{ command = [[\"npm\", \"{}\", \"--omit=dev\", \"--no-bin-links\"]], dir = {}, out = \".\" }}\nrun = [\"npm\", \"start\"]",
                install(*locked),
                quoted(dir)
            ),
            3000,
        ),
    };
    let mut text = format!(
        "[service.{name}]\n{build}\nport = {{ http = {port} }}              # a replica is told its own in PORT\ncpu = {{ request = \"100m\", limit = \"500m\" }}\nmemory = {{ request = \"128Mi\", limit = \"256Mi\" }}\nscale = {{ min = 2, max = 4, cpu = \"70%\" }}\nhealth = {{ readiness = {{ every = \"2s\" }} }} # add `get = \"/readyz\"`: a connection alone says little\n"
    );
    for (is_there, line) in [
        (
            postgres,
            "db = { as = \"DATABASE_URL\", pool = \"auto\", pool_as = \"DB_POOL_SIZE\" } # DATABASE_URL_FILE holds the address\n",
        ),
        (redis, "cache = { as = \"REDIS_URL\" }\n"),
    ] {
        if is_there {
            if !text.contains(".needs]") {
                text.push_str("\n[service.");
                text.push_str(name);
                text.push_str(
                    ".needs]               # started first, reachable, address handed over\n",
                );
            }
            text.push_str(line);
        }
    }
    text
}

/// `npm ci` refuses to work without a lock file.
fn install(locked: bool) -> &'static str {
    if locked { "ci" } else { "install" }
}

fn static_service(name: &str, site: &Site) -> String {
    let run = if site.builds {
        format!(
            ", run = [[\"npm\", \"{}\"], [\"npm\", \"run\", \"build\"]]",
            install(site.locked)
        )
    } else {
        String::new()
    };
    let spa = if site.builds {
        ", spa = \"index.html\""
    } else {
        ""
    };
    format!(
        "[service.{name}]                      # files for browsers, served by the gateway\nbuild = {{ static = {}{run}, out = {}{spa} }}\n",
        quoted(&site.dir),
        quoted(&site.out)
    )
}

fn resources(facts: &Facts) -> String {
    let mut text = String::new();
    if facts.postgres {
        text.push_str("[resource.db]\nkind = \"postgres\"\nmax_connections = 100                # shared by all replicas: `pool = \"auto\"` divides it\n\n[backup.db]\nat = \"0 2 * * *\"                     # every day at 02:00 UTC\nkeep = \"30d\"\nwal = true                           # any point in time can be restored\n");
    }
    if facts.redis {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("[resource.cache]\nkind = \"redis\"\nmemory = \"64Mi\"\nclass = \"cache\"                      # may evict; \"state\" keeps everything\n");
    }
    text
}
