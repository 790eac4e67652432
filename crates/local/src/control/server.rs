//! The daemon's side of the control socket.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::net::unix;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::wire::{Answer, Hello, PROTO, Reply, Request, Verb, Welcome};
use crate::LocalError;
use crate::daemon::intent::Wanted;
use crate::daemon::world::World;
use crate::daemon::{canaries, edge, follow, jobs, rehearsal, report, shift, shutdown, steps};
use crate::error::Refusal;
use crate::event::Event;

/// Commands at one time; a person has a handful of terminals.
const CONNECTIONS: usize = 64;
/// For the first message, and for one that the other end should read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers until the task is dropped.
pub(crate) async fn serve(world: Arc<World>, listener: UnixListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: room comes when others hang up.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            // A caller that hangs up or talks nonsense has ended its own connection.
            let _ = converse(&world, stream).await;
            drop(place);
        });
    }
}

async fn converse(world: &Arc<World>, mut stream: UnixStream) -> Result<(), FrameError> {
    let uid = unix::peer_uid(&stream)?;
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let Ok(hello) = timeout(PATIENCE, frame::read_async::<Hello>(&mut stream)).await else {
        return Ok(());
    };
    let [oldest, newest] = hello?.proto;
    let welcome = Welcome {
        proto: PROTO.clamp(oldest.min(newest), newest),
        tool: world.file.tool_version.clone(),
        instance: world.file.instance.clone(),
        epoch: world.intent().epoch,
        pid: std::process::id(),
        adopted: world.adopted,
    };
    frame::write_async(&mut stream, &welcome).await?;
    loop {
        let request = match frame::read_async::<Request>(&mut stream).await {
            Ok(request) => request,
            Err(FrameError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        };
        answer(world, &mut stream, request).await?;
    }
}

async fn answer(
    world: &Arc<World>,
    stream: &mut UnixStream,
    request: Request,
) -> Result<(), FrameError> {
    let epoch = world.intent().epoch;
    if request.verb.is_mutation() && request.epoch != epoch {
        let refusal = Refusal {
            message: format!(
                "epoch {} is over; this supervisor is of epoch {epoch}",
                request.epoch
            ),
            hint: None,
            fault: plimsoll_deploy::Fault::Ours,
        };
        return send(stream, &Reply::Refused { refusal }).await;
    }
    match request.verb {
        Verb::Follow => follow::events(world, stream).await,
        Verb::Logs { filter, follow } => follow::logs(world, stream, &filter, follow).await,
        verb => carry_out(world, stream, (request.token, verb)).await,
    }
}

/// Does it in a task of its own, so that a caller who hangs up leaves nothing half done, and passes on what happens
/// meanwhile.
async fn carry_out(
    world: &Arc<World>,
    stream: &mut UnixStream,
    (token, verb): (u64, Verb),
) -> Result<(), FrameError> {
    let mut events = world.events.subscribe();
    let tell = verb.is_mutation();
    let mut work = tokio::spawn(dispatch(Arc::clone(world), token, verb));
    let ended = loop {
        tokio::select! {
            ended = &mut work => break ended,
            event = events.recv(), if tell => pass_on(stream, event).await?,
        }
    };
    if tell {
        while let Ok(event) = events.try_recv() {
            pass_on(stream, Ok(event)).await?;
        }
    }
    let reply = match ended {
        Ok(Ok(answer)) => Reply::Done { answer },
        Ok(Err(error)) => Reply::Refused {
            refusal: Refusal::from(&error),
        },
        Err(error) => Reply::Refused {
            refusal: Refusal::from(&LocalError::Protocol(error.to_string())),
        },
    };
    send(stream, &reply).await
}

/// A listener that lagged has missed events and goes on with the next.
pub(crate) async fn pass_on(
    stream: &mut UnixStream,
    event: Result<Event, RecvError>,
) -> Result<(), FrameError> {
    match event {
        Ok(event) => send(stream, &Reply::Event { event }).await,
        Err(RecvError::Lagged(_) | RecvError::Closed) => Ok(()),
    }
}

/// A caller that does not read for a while is given up.
pub(crate) async fn send(stream: &mut UnixStream, reply: &Reply) -> Result<(), FrameError> {
    match timeout(PATIENCE, frame::write_async(stream, reply)).await {
        Ok(sent) => sent,
        Err(_) => Err(FrameError::Closed),
    }
}

async fn dispatch(world: Arc<World>, token: u64, verb: Verb) -> Result<Answer, LocalError> {
    if !verb.is_mutation() {
        return look(&world, verb).await;
    }
    let _one = world.change.lock().await;
    // Not before it is its turn: a newer lease may have come while this waited.
    world.fence(token)?;
    match verb {
        Verb::Resource { name, release } => {
            steps::resource(&world, &name, release.as_ref()).await?;
        }
        Verb::Listen { release } => edge::listen(&world, release.as_ref()).await?,
        Verb::Rehearse { release, service } => {
            rehearsal::rehearse(&world, &release, &service).await?;
        }
        Verb::ForgetRehearsal { release, service } => {
            rehearsal::forget(&world, &release, &service).await?;
        }
        Verb::Job {
            release,
            service,
            job,
        } => {
            jobs::of_service(&world, &release, &service, job).await?;
        }
        Verb::Scale {
            service,
            revision,
            release,
            cohort,
            to: replicas,
        } => {
            let group = Wanted {
                revision,
                release,
                cohort,
                replicas,
                ids: BTreeSet::new(),
            };
            steps::scale(&world, &service, &group).await?;
        }
        Verb::Route { release } => edge::route(&world, release.as_ref()).await?,
        Verb::Shutdown => shutdown::run(&world).await?,
        Verb::HandOver => world.over.notify_one(),
        shifting => move_requests(&world, shifting).await?,
    }
    Ok(Answer::Nothing)
}

async fn move_requests(world: &Arc<World>, verb: Verb) -> Result<(), LocalError> {
    match verb {
        Verb::Shift {
            release,
            share,
            table,
        } => shift::shift(world, (&release, share), table.as_ref()).await,
        Verb::Promote {
            release,
            services,
            from,
            to,
        } => shift::promote(world, (&release, &services), (from, to)).await,
        Verb::Cool => shift::cool(world).await,
        Verb::Commit { release, warm_ms } => shift::commit(world, release, warm_ms),
        Verb::Fence
        | Verb::Status
        | Verb::Observe
        | Verb::Samples
        | Verb::Follow
        | Verb::Logs { .. }
        | Verb::Resource { .. }
        | Verb::Listen { .. }
        | Verb::Rehearse { .. }
        | Verb::ForgetRehearsal { .. }
        | Verb::Job { .. }
        | Verb::Scale { .. }
        | Verb::Route { .. }
        | Verb::Shutdown
        | Verb::HandOver => Ok(()),
    }
}

async fn look(world: &World, verb: Verb) -> Result<Answer, LocalError> {
    match verb {
        Verb::Status => {
            let status = Box::new(report::status(world).await?);
            Ok(Answer::Status { status })
        }
        Verb::Observe => {
            let observed = Box::new(report::observed(world).await?);
            Ok(Answer::Observed { observed })
        }
        Verb::Samples => {
            let samples = Box::new(canaries::look(world).await?);
            Ok(Answer::Samples { samples })
        }
        Verb::Follow
        | Verb::Logs { .. }
        | Verb::Resource { .. }
        | Verb::Listen { .. }
        | Verb::Rehearse { .. }
        | Verb::ForgetRehearsal { .. }
        | Verb::Job { .. }
        | Verb::Scale { .. }
        | Verb::Shift { .. }
        | Verb::Promote { .. }
        | Verb::Cool
        | Verb::Route { .. }
        | Verb::Commit { .. }
        | Verb::Fence
        | Verb::Shutdown
        | Verb::HandOver => Ok(Answer::Nothing),
    }
}
