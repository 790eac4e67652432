//! Lines of output without a supervisor: from the files that every shim writes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_store::state::{self, Format};
use plimsoll_supervisor::logs::{self, Follow, Line};
use plimsoll_supervisor::order::Kind;
use serde::Deserialize;

use crate::control::client::Cancel;
use crate::daemon::jobs::line_of;
use crate::event::LogLine;
use crate::logs::{LogFilter, TAIL_MAX};
use crate::unattended::anything_lives;
use crate::{EnvDir, LocalError};

const SPEC: Format = Format {
    name: "plimsoll.spec",
    version: 1,
};
/// Between two reads of what was captured: a person sees no delay.
const LOOK: Duration = Duration::from_millis(200);

/// What is read of `spec.json`.
#[derive(Deserialize)]
struct Spec {
    order: Orders,
    generation: u64,
}

#[derive(Deserialize)]
struct Orders {
    id: String,
    kind: Kind,
    service: String,
}

/// The last start of something whose output is wanted.
struct Source {
    name: String,
    dir: PathBuf,
    generation: u64,
}

/// Lines of the past in the order of their time, then, where `follow` says so, those to come: until the caller
/// cancels, or nothing of ours lives any more.
pub(crate) fn read(
    env: &EnvDir,
    filter: &LogFilter,
    (follow, cancel): (bool, &Cancel),
    on_line: &mut dyn FnMut(LogLine),
) -> Result<(), LocalError> {
    let mut open = BTreeMap::new();
    let mut past = Vec::new();
    for source in sources(env, filter) {
        let lines = logs::tail(&source.dir, filter.tail.min(TAIL_MAX) as usize)?;
        past.extend(lines.into_iter().map(|line| (source.name.clone(), line)));
        let reader = Follow::from_end(&source.dir);
        open.insert(source.dir, (source.name, reader));
    }
    pass_on(past, on_line);
    while follow && anything_lives(env) {
        if cancel.is_cancelled() {
            return Err(LocalError::Interrupted);
        }
        std::thread::sleep(LOOK);
        for source in sources(env, filter) {
            open.entry(source.dir.clone())
                .or_insert_with(|| (source.name, Follow::from_start(&source.dir)));
        }
        let mut fresh = Vec::new();
        for (name, reader) in open.values_mut() {
            let lines = reader.read().unwrap_or_default();
            fresh.extend(lines.into_iter().map(|line| (name.clone(), line)));
        }
        pass_on(fresh, on_line);
    }
    Ok(())
}

fn pass_on(mut lines: Vec<(String, Line)>, on_line: &mut dyn FnMut(LogLine)) {
    lines.sort_by(|one, other| one.1.time.cmp(&other.1.time));
    for (name, line) in lines {
        on_line(line_of(&name, &line));
    }
}

/// The newest start of everything that the filter covers.
fn sources(env: &EnvDir, filter: &LogFilter) -> Vec<Source> {
    let mut newest: BTreeMap<String, Source> = BTreeMap::new();
    for dir in crate::unattended::starts(env) {
        // Written before anything is started: without it there is no output.
        let Ok(spec) = state::load::<Spec>(&dir.join("spec.json"), SPEC) else {
            continue;
        };
        let orders = spec.order;
        let name = match orders.kind {
            Kind::Resource => orders.service.clone(),
            Kind::Replica | Kind::Job | Kind::Keeper => orders.id.clone(),
        };
        let known = newest.get(&orders.id);
        if !filter.covers(&orders.service, &name)
            || known.is_some_and(|known| known.generation > spec.generation)
        {
            continue;
        }
        let generation = spec.generation;
        newest.insert(
            orders.id,
            Source {
                name,
                dir,
                generation,
            },
        );
    }
    newest.into_values().collect()
}
