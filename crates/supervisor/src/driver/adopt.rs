//! What an earlier supervisor left: adopted, buried or killed, and said.

use std::path::{Path, PathBuf};

use plimsoll_stdx::fs;
use plimsoll_stdx::lock::Lock;
use serde::Serialize;

use super::generation::Generations;
use super::{Config, SuperviseError};
use crate::order::Kind;
use crate::record::ExitRecord;
use crate::runner::{Found, Running};

const LOCK: &str = "lock";
const REPLICAS: &str = "replicas";
const KEEPER: &str = "keeper";
/// Starts of one id whose records and output are kept beside the running one: enough to see how a crash loop began
/// to look the same.
const KEPT_STARTS: usize = 3;

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// [`crate::Order::id`], or the directory's name where no orders could be read.
    pub id: String,
    /// Which start of it.
    pub generation: u64,
    /// Whether it runs and is driven now.
    pub alive: bool,
    /// How it ended, where its shim could say.
    pub exit: Option<ExitRecord>,
    /// Why one that lived was killed.
    pub killed: Option<String>,
}

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) lock: Lock,
    pub(super) generations: Generations,
    pub(super) alive: Vec<Running>,
    pub(super) report: Vec<Adopted>,
}

/// Where a start has its documents. A keeper's place is fixed, because the server must find it.
pub(super) fn start_dir(env: &Path, kind: Kind, id: &str, generation: u64) -> PathBuf {
    match kind {
        Kind::Keeper => env.join(KEEPER),
        Kind::Replica | Kind::Resource | Kind::Job => {
            env.join(REPLICAS).join(format!("{id}-{generation}"))
        }
    }
}

/// Takes the lock and looks at everything that was started before.
pub(super) fn open(config: &Config) -> Result<Opened, SuperviseError> {
    fs::create_dir_private(&config.dir)?;
    let lock = Lock::try_new(&config.dir.join(LOCK))?;
    let replicas = config.dir.join(REPLICAS);
    fs::create_dir_private(&replicas)?;
    let mut dirs: Vec<(PathBuf, u64)> = list(&replicas)
        .into_iter()
        .map(|(path, _, generation)| (path, generation))
        .collect();
    dirs.push((config.dir.join(KEEPER), 0));
    let mut alive: Vec<Running> = Vec::new();
    let mut report = Vec::new();
    let mut used = 0;
    for (dir, generation) in dirs {
        used = used.max(generation);
        if !dir.is_dir() {
            continue;
        }
        match config.runner.adopt(&dir)? {
            Found::Alive(running) => {
                used = used.max(running.spec.generation);
                keep_one(config, &mut alive, *running, &mut report)?;
            }
            Found::Dead { spec, exit, killed } => {
                let name = dir.file_name().unwrap_or_default().to_string_lossy();
                let id = spec
                    .as_ref()
                    .map_or(name.into_owned(), |spec| spec.order.id.clone());
                let generation = spec.as_ref().map_or(generation, |spec| spec.generation);
                used = used.max(generation);
                report.push(Adopted {
                    id,
                    generation,
                    alive: false,
                    exit,
                    killed,
                });
            }
        }
    }
    let running: Vec<&Running> = alive.iter().collect();
    config.runner.sweep(&config.dir, &running);
    report.extend(alive.iter().map(|running| Adopted {
        id: running.spec.order.id.clone(),
        generation: running.spec.generation,
        alive: true,
        exit: None,
        killed: None,
    }));
    let generations = Generations::open(&config.dir, used)?;
    Ok(Opened {
        lock,
        generations,
        alive,
        report,
    })
}

/// Two starts of one id alive: the earlier supervisor died between starting the new and burying the old. The newer
/// stays.
fn keep_one(
    config: &Config,
    alive: &mut Vec<Running>,
    running: Running,
    report: &mut Vec<Adopted>,
) -> Result<(), SuperviseError> {
    let same = |other: &Running| other.spec.order.id == running.spec.order.id;
    let loser = match alive.iter().position(same) {
        None => {
            alive.push(running);
            return Ok(());
        }
        Some(at) if alive[at].spec.generation > running.spec.generation => running,
        Some(at) => std::mem::replace(&mut alive[at], running),
    };
    config.runner.destroy(&loser)?;
    let exit = config.runner.bury(&loser)?;
    report.push(Adopted {
        id: loser.spec.order.id,
        generation: loser.spec.generation,
        alive: false,
        exit,
        killed: Some("a newer start of it runs".to_owned()),
    });
    Ok(())
}

/// Starts below `replicas`: path, id, generation.
fn list(replicas: &Path) -> Vec<(PathBuf, String, u64)> {
    let Ok(entries) = std::fs::read_dir(replicas) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let parts = name.to_str().and_then(|name| name.rsplit_once('-'));
        if let Some((id, generation)) = parts
            && let Ok(generation) = generation.parse()
        {
            found.push((entry.path(), id.to_owned(), generation));
        }
    }
    found.sort_by_key(|(_, _, generation)| *generation);
    found
}

/// The directories of the starts of `id`, oldest first: for reading the output of what has ended.
pub fn starts(env: &Path, id: &str) -> Vec<PathBuf> {
    list(&env.join(REPLICAS))
        .into_iter()
        .filter(|(_, other, _)| other == id)
        .map(|(path, _, _)| path)
        .collect()
}

/// Removes the documents of old starts of `id`. What cannot be removed is tried again at the next start.
pub(super) fn prune(env: &Path, id: &str, new: &Path) {
    let mut old = starts(env, id);
    old.retain(|dir| dir != new);
    let surplus = old.len().saturating_sub(KEPT_STARTS);
    for dir in old.into_iter().take(surplus) {
        let _ = std::fs::remove_dir_all(dir);
    }
}
