//! Folders in memory that cannot be where they are wanted, or not of that size.

use super::{Context, Rule, path};
use crate::app::Service;
use crate::draft::Draft;
use crate::units::Bytes;

pub(super) const RULE: Rule = Rule {
    code: "P225",
    title: "a folder in memory that cannot be",
    explain: "What is written to a folder of `writable` is memory of the replica. Folders that may hold more than \
              `memory.limit` end it before they are full; those of the system, of Plimsoll and of volumes have their \
              content already.",
    check,
};

/// Made for every replica; what is in them is not the service's to choose.
const TAKEN: &[&str] = &["/", "/dev", "/etc", "/proc", "/run", "/sys", "/usr"];
/// Nothing below them is, either.
const CLOSED: &[&str] = &[
    "/dev",
    "/proc",
    "/run/needs",
    "/run/plimsoll",
    "/run/secrets",
    "/sys",
];
/// But this: shared memory.
const SHARED_MEMORY: &str = "/dev/shm";

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        for folder in service.writable.keys() {
            let at = path(&["service", name, "writable", folder]);
            if let Some(message) = refused(service, folder) {
                let help =
                    "name another folder; the variable that tells the program of it is yours";
                context.say(Draft::error(RULE.code, &at, message).at_key().help(help));
            }
        }
        let sum: u64 = service.writable.values().map(|size| size.0).sum();
        let limit = service.memory.limit.0;
        if sum > limit {
            let message = format!(
                "folders in memory may hold {}, and the service may use {}",
                Bytes(sum),
                Bytes(limit)
            );
            let at = path(&["service", name, "writable"]);
            let draft = Draft::warning(RULE.code, &at, message);
            let limit = path(&["service", name, "memory", "limit"]);
            context.say(
                draft
                    .also(&limit, "its memory")
                    .help("raise `memory.limit`, make them smaller, or use a volume"),
            );
        }
    }
}

fn refused(service: &Service, folder: &str) -> Option<String> {
    let plain = folder.trim_end_matches('/');
    let plain = if plain.is_empty() { "/" } else { plain };
    let below = |parent: &str| {
        let rest = plain.strip_prefix(parent);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    if TAKEN.contains(&plain) || CLOSED.contains(&plain) {
        return Some(format!("`{plain}` is the system's"));
    }
    if plain != SHARED_MEMORY && CLOSED.iter().any(|parent| below(parent)) {
        return Some(format!("`{plain}` lies in a folder of the system"));
    }
    let mut volumes = service.volumes.iter();
    let (volume, _) = volumes.find(|(_, volume)| volume.mount.trim_end_matches('/') == plain)?;
    Some(format!("`{plain}` is where the volume `{volume}` is"))
}
