//! Events and lines of output for as long as a caller listens.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_stdx::net::frame::FrameError;
use plimsoll_supervisor::Kind;
use plimsoll_supervisor::logs::{self, Follow, Line};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::jobs::line_of;
use super::world::World;
use crate::control::server::{pass_on, send};
use crate::control::wire::{Answer, Reply};
use crate::event::Event;
use crate::logs::{LogFilter, TAIL_MAX};

/// Between two reads of what was captured: a person sees no delay.
const LOOK: Duration = Duration::from_millis(200);

/// Events until the caller hangs up or everything is over.
pub(crate) async fn events(world: &Arc<World>, stream: &mut UnixStream) -> Result<(), FrameError> {
    let mut events = world.events.subscribe();
    loop {
        tokio::select! {
            event = events.recv() => pass_on(stream, event).await?,
            hung_up = hang_up(world) => return Err(hung_up),
            gone = closed(stream) => return gone,
        }
    }
}

/// Never: the daemon's end closes every connection by itself.
async fn hang_up(_world: &World) -> FrameError {
    std::future::pending().await
}

/// A caller that listens says nothing; what can be read is its end.
async fn closed(stream: &UnixStream) -> Result<(), FrameError> {
    let mut byte = [0; 1];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut byte) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A start of a process whose output is read.
struct Source {
    name: String,
    dir: PathBuf,
}

/// Lines of the past in the order of their time, then those to come.
pub(crate) async fn logs(
    world: &Arc<World>,
    stream: &mut UnixStream,
    filter: &LogFilter,
    follow: bool,
) -> Result<(), FrameError> {
    let mut open: BTreeMap<PathBuf, (String, Follow)> = BTreeMap::new();
    let mut past = Vec::new();
    for source in sources(world, filter).await {
        let lines = logs::tail(&source.dir, filter.tail.min(TAIL_MAX) as usize).unwrap_or_default();
        past.extend(lines.into_iter().map(|line| (source.name.clone(), line)));
        let reader = Follow::from_end(&source.dir);
        open.insert(source.dir, (source.name, reader));
    }
    past.sort_by(|one, other| one.1.time.cmp(&other.1.time));
    pass_lines(stream, past).await?;
    if !follow {
        return send(
            stream,
            &Reply::Done {
                answer: Answer::Nothing,
            },
        )
        .await;
    }
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            gone = closed(stream) => return gone,
        }
        for source in sources(world, filter).await {
            open.entry(source.dir.clone())
                .or_insert_with(|| (source.name, Follow::from_start(&source.dir)));
        }
        let mut fresh = Vec::new();
        for (name, reader) in open.values_mut() {
            let lines = reader.read().unwrap_or_default();
            fresh.extend(lines.into_iter().map(|line| (name.clone(), line)));
        }
        fresh.sort_by(|one, other| one.1.time.cmp(&other.1.time));
        pass_lines(stream, fresh).await?;
    }
}

async fn pass_lines(stream: &mut UnixStream, lines: Vec<(String, Line)>) -> Result<(), FrameError> {
    for (name, line) in lines {
        let event = Event::Output(line_of(&name, &line));
        send(stream, &Reply::Event { event }).await?;
    }
    Ok(())
}

async fn sources(world: &World, filter: &LogFilter) -> Vec<Source> {
    let processes = world.supervisor.status().await.unwrap_or_default();
    processes
        .into_iter()
        .filter_map(|process| {
            let name = match process.kind {
                Kind::Resource => process.service.clone(),
                Kind::Replica | Kind::Job | Kind::Keeper => process.id.clone(),
            };
            let dir = process
                .dir
                .filter(|_| filter.covers(&process.service, &name))?;
            Some(Source { name, dir })
        })
        .collect()
}
