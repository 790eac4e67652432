//! What a runtime is told of one start: `config.json` as the runtime specification of the Open Container Initiative has
//! it. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::super::seccomp::profile::profile;
use super::super::{TOKEN_VARIABLE, masks, root, scratch, users};
use super::places::{IMAGE, INIT, places};
use crate::dispatch::INSIDE;
use crate::order::Order;

/// The oldest version of the specification with everything that is said here.
const VERSION: &str = "1.0.2";
/// Who root is outside, in the user namespace of a container. A runtime cannot do without one there, though only while
/// it builds; the program is another and never becomes it. Nobody else on this machine has the number.
const BUILDER: u32 = 2_100_000_000;
/// `/run` holds names to mount on, and `/dev` some devices.
const FEW: &str = "size=64k";

/// What a configuration is made of beside the orders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) order: &'a Order,
    pub(super) ports: &'a BTreeMap<String, u16>,
    pub(super) token: &'a str,
    /// Where everything is that the program sees.
    pub(super) stage: &'a Path,
    /// The program's network.
    pub(super) network: &'a Path,
    /// The path of the kernel group below each hierarchy.
    pub(super) group: &'a str,
}

#[derive(Debug, Serialize)]
struct Mount {
    destination: PathBuf,
    r#type: &'static str,
    source: PathBuf,
    options: Vec<String>,
}

/// The configuration. Fails for orders that no runtime can carry out.
pub(super) fn config(given: Given<'_>) -> Result<Value, String> {
    let order = given.order;
    let user = order
        .user
        .as_ref()
        .filter(|user| user.uid != BUILDER && user.gid != BUILDER)
        .ok_or("an OCI runtime starts programs of a user of their own, and the orders name none")?;
    let (uid, gid, _) = users::inside(order);
    Ok(json!({
        "ociVersion": VERSION,
        "hostname": order.id,
        "root": { "path": given.stage.join(IMAGE), "readonly": true },
        "process": {
            "terminal": false,
            "user": { "uid": uid, "gid": gid },
            "args": arguments(order),
            "env": variables(given)?,
            "cwd": order.workdir,
            "capabilities": {
                "bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []
            },
            "noNewPrivileges": true,
            "rlimits": [{ "type": "RLIMIT_CORE", "hard": 0, "soft": 0 }],
        },
        "mounts": mounts(given),
        "linux": {
            "namespaces": [
                { "type": "user" }, { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" },
                { "type": "cgroup" }, { "type": "network", "path": given.network }
            ],
            "uidMappings": mappings(uid, user.uid),
            "gidMappings": mappings(gid, user.gid),
            "cgroupsPath": format!("/{}", given.group),
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "seccomp": profile(),
            "maskedPaths": proc_paths(&[masks::FILES, masks::FOLDERS]),
            "readonlyPaths": proc_paths(&[masks::READ_ONLY]),
            "rootfsPropagation": "private",
        },
    }))
}

/// Process 1 is ours, and is told of the program by its own arguments.
fn arguments(order: &Order) -> Vec<&str> {
    let own = [INIT, INSIDE].into_iter();
    own.chain(order.command.iter().map(String::as_str))
        .collect()
}

/// All but secrets.
fn variables(given: Given<'_>) -> Result<Vec<String>, String> {
    let order = given.order;
    let numbers = given.ports.iter().filter_map(|(name, number)| {
        let variable = &order.ports.get(name)?.variable;
        Some((variable.as_str(), number.to_string()))
    });
    let mut variables: BTreeMap<&str, String> = order
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    variables.extend(numbers);
    variables.insert(TOKEN_VARIABLE, given.token.to_owned());
    let fits = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    match variables.keys().find(|name| !fits(name)) {
        Some(name) => Err(format!("`{name}` is no name of a variable")),
        None => Ok(variables
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()),
    }
}

/// Who is root inside, and who the program is. One who is root to itself is nobody else.
fn mappings(inside: u32, outside: u32) -> Value {
    let one =
        |inside: u32, outside: u32| json!({ "containerID": inside, "hostID": outside, "size": 1 });
    if inside == 0 {
        json!([one(inside, outside)])
    } else {
        json!([one(0, BUILDER), one(inside, outside)])
    }
}

fn proc_paths(names: &[&[&str]]) -> Vec<PathBuf> {
    let names = names.iter().copied().flatten();
    names.map(|name| Path::new("/proc").join(name)).collect()
}

/// Nearest to the root first: what is mounted hides what was mounted below it.
fn mounts(given: Given<'_>) -> Vec<Mount> {
    let order = given.order;
    let mut mounts = vec![
        Mount::new("/proc", "proc", "nosuid,noexec,nodev,hidepid=2"),
        Mount::new("/dev", "tmpfs", &format!("nosuid,noexec,ro,mode=755,{FEW}")),
        Mount::new(
            "/run",
            "tmpfs",
            &format!("nosuid,noexec,nodev,mode=755,{FEW}"),
        ),
    ];
    let (uid, gid, _) = users::inside(order);
    // Some runtimes give what they mount the mode of what was there, so it is the program's own as well.
    let memory = |path: &Path, size: u64| {
        let options = format!("nosuid,noexec,nodev,mode=1777,uid={uid},gid={gid},size={size}");
        Mount::new(path, "tmpfs", &options)
    };
    let shm = u64::from(root::SHM_MIB) << 20;
    mounts.push(memory(Path::new("/dev/shm"), shm));
    mounts.extend(scratch::folders(order).map(|(path, size)| memory(&path, size)));
    mounts.extend(places(order).into_iter().map(|place| {
        let mut options = "rbind,nosuid,nodev".to_owned();
        options.push_str(if place.writable { ",rw" } else { ",ro" });
        // What its source forbids stays forbidden.
        options.push_str(if place.executable { "" } else { ",noexec" });
        Mount {
            source: given.stage.join(place.name),
            ..Mount::new(place.target, "bind", &options)
        }
    }));
    mounts.sort_by_key(|mount| mount.destination.components().count());
    mounts
}

impl Mount {
    /// The source of what has none is its type.
    fn new(destination: impl Into<PathBuf>, kind: &'static str, options: &str) -> Self {
        Self {
            destination: destination.into(),
            r#type: kind,
            source: kind.into(),
            options: options.split(',').map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
