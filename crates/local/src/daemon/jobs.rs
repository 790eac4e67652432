//! Programs that run to their end.

use std::time::Duration;

use plimsoll_deploy::{Fault, ReleaseId, SchemaRange};
use plimsoll_supervisor::logs::{self, Stream as Captured};
use plimsoll_supervisor::order::Order;
use plimsoll_supervisor::{JobExit, ProcessStatus};

use super::world::World;
use crate::LocalError;
use crate::control::wire::JobKind;
use crate::error::{Refusal, chain};
use crate::event::{Event, LogLine, Stream};
use crate::{schema, seed};

/// Lines of output that explain a failure.
const EXPLAIN_LINES: usize = 15;

/// The migration or the seed of a service, to its end.
pub(crate) async fn of_service(
    world: &World,
    release: &ReleaseId,
    service: &str,
    job: JobKind,
) -> Result<(), LocalError> {
    let kept = world.documents.release(release)?;
    world.documents.unpack(&kept, service).await?;
    let orders = world.documents.program(&kept, service)?;
    let unknown = |what| LocalError::Unknown {
        what,
        name: service.to_owned(),
    };
    let (order, within, what) = match job {
        JobKind::Migrate => {
            let spec = orders
                .program
                .migrate
                .as_ref()
                .ok_or_else(|| unknown("migration of"))?;
            (
                orders.job("migrate", &spec.command)?,
                spec.within_ms,
                "the migration",
            )
        }
        JobKind::Seed => {
            let spec = orders
                .program
                .seed
                .as_ref()
                .ok_or_else(|| unknown("seed data of"))?;
            (
                orders.job("seed", &spec.command)?,
                spec.within_ms,
                "the seed program",
            )
        }
    };
    let ended = run(world, order, Duration::from_millis(within), what).await?;
    let key = (release.clone(), service.to_owned());
    match job {
        JobKind::Migrate => {
            remember_schema(world, release, service).await;
            world.ask(|intent| {
                intent.migrated.insert(key);
            })
        }
        JobKind::Seed => {
            seed::keep(&world.documents.store, service, &standard_output(&ended))?;
            forget_output(world, &format!("seed-{service}-"));
            world.ask(|intent| {
                intent.seeded.insert(key);
            })
        }
    }
}

/// Asks the program of a service which migrations it can run on, and keeps the answer with the release. A program
/// that does not say it is no reason to stop a deploy: nothing is decided by it yet.
async fn remember_schema(world: &World, release: &ReleaseId, service: &str) {
    let asked = schema_of(world, release, service).await;
    let kept = asked.and_then(|range| match range {
        Some(range) => schema::keep(&world.documents.env, release, service, range),
        None => Ok(()),
    });
    if let Err(error) = kept {
        let message = format!(
            "what schema {service} can run on is not known: {}",
            chain(&error)
        );
        world.tell(Event::Warning { message });
    }
}

async fn schema_of(
    world: &World,
    release: &ReleaseId,
    service: &str,
) -> Result<Option<SchemaRange>, LocalError> {
    let kept = world.documents.release(release)?;
    let orders = world.documents.program(&kept, service)?;
    let Some(spec) = orders
        .program
        .migrate
        .as_ref()
        .filter(|spec| !spec.status.is_empty())
    else {
        return Ok(None);
    };
    let order = orders.job("schema", &spec.status)?;
    let within = Duration::from_millis(spec.within_ms);
    let ended = run(world, order, within, "the question for the schema").await?;
    let range = schema::parse(&standard_output(&ended));
    range.map(Some).ok_or_else(|| {
        LocalError::Refused(Refusal {
            message: format!("`{}` printed something else", spec.status.join(" ")),
            hint: Some(r#"it prints {"head":"0007","compatible_from":"0005"}"#.to_owned()),
            fault: Fault::App,
        })
    })
}

/// Removes what was captured of a program that printed passwords: they are kept encrypted, and nowhere else.
fn forget_output(world: &World, prefix: &str) {
    let replicas = world.documents.env.path().join("replicas");
    let Ok(entries) = std::fs::read_dir(&replicas) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Runs a program to its end; anything but code 0 in time is an error that shows its last lines.
pub(crate) async fn run(
    world: &World,
    order: Order,
    within: Duration,
    what: &str,
) -> Result<JobExit, LocalError> {
    let (id, service) = (order.id.clone(), order.service.clone());
    // One that an earlier daemon left behind may still run.
    super::steps::end(world, &id).await?;
    let ended = world.supervisor.run_job(order, within).await?;
    if ended.is_success() {
        return Ok(ended);
    }
    for line in &ended.output {
        world.tell(Event::Output(line_of(&id, line)));
    }
    let reason = match (&ended.exit, ended.timed_out) {
        (_, true) => format!("took longer than {within:?} and was stopped"),
        (Some(exit), false) => exit.reason.to_string(),
        (None, false) => "ended, and nobody knows how".to_owned(),
    };
    let from = ended.output.len().saturating_sub(EXPLAIN_LINES);
    Err(LocalError::Refused(Refusal {
        message: format!("{what} of {service} {reason}"),
        hint: quote(&ended.output[from..]),
        fault: Fault::App,
    }))
}

/// The last lines that a process wrote, as a hint.
pub(crate) async fn last_lines(process: &ProcessStatus, count: usize) -> Option<String> {
    let dir = process.dir.clone()?;
    let lines = tokio::task::spawn_blocking(move || logs::tail(&dir, count))
        .await
        .ok()?
        .ok()?;
    quote(&lines)
}

fn quote(lines: &[logs::Line]) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    Some(format!("its last words:\n{}", texts.join("\n")))
}

/// Seed programs print logins to standard output; those never travel as events.
pub(super) fn standard_output(ended: &JobExit) -> String {
    let lines = ended
        .output
        .iter()
        .filter(|line| line.stream == Captured::Stdout);
    lines
        .map(|line| line.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A captured line of `source`.
pub(crate) fn line_of(source: &str, line: &logs::Line) -> LogLine {
    LogLine {
        source: source.to_owned(),
        at: line.time.clone(),
        stream: match line.stream {
            Captured::Stdout => Stream::Out,
            Captured::Stderr => Stream::Err,
        },
        text: line.text.clone(),
    }
}
