//! A client that sends one request after the other.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::sockets::told;
use super::{Learnt, Shared, Target};
use crate::http1::{Answer, Connection, Lost};

/// Asks every `pause`, over one connection for as long as it `keeps`, until `stopped`.
pub(super) async fn run(
    shared: Arc<Shared>,
    learnt: Arc<Learnt>,
    (keeps, pause): (bool, Duration),
    mut stopped: watch::Receiver<bool>,
) {
    let mut connection = None;
    let mut ticks = interval(pause);
    // After a request that took long the next one is not hurried.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = told(&mut stopped) => return,
            _ = ticks.tick() => {}
        }
        if !keeps {
            connection = None;
        }
        let outcome = ask(&shared, &learnt.target, &mut connection).await;
        count(&shared, &learnt, outcome);
    }
}

/// One request, sent a second time where a client may: see [`Lost::before_any_answer`].
async fn ask(
    shared: &Shared,
    target: &Target,
    connection: &mut Option<Connection>,
) -> Result<Answer, Lost> {
    if let Some(mut open) = connection.take() {
        match open.get(&target.path).await {
            Ok(answer) => {
                *connection = answer.keeps.then_some(open);
                return Ok(answer);
            }
            Err(lost) if lost.before_any_answer => shared.count(|tally| tally.retried += 1),
            Err(lost) => return Err(lost),
        }
    }
    let mut open = Connection::open(&shared.connector, &target.address).await?;
    let answer = open.get(&target.path).await?;
    *connection = answer.keeps.then_some(open);
    Ok(answer)
}

fn count(shared: &Shared, learnt: &Learnt, outcome: Result<Answer, Lost>) {
    let at = shared.began.elapsed();
    let name = &learnt.target.name;
    shared.count(|tally| {
        tally.requests += 1;
        match outcome {
            Ok(answer) => {
                let served = answer.status == learnt.expected;
                if let Some(build) = &answer.build {
                    tally.saw(build, at, served);
                }
                if served {
                    tally.served += 1;
                } else if answer.status == StatusCode::TOO_MANY_REQUESTS {
                    tally.refused += 1;
                } else {
                    tally.failed += 1;
                    let (got, wanted) = (answer.status.as_u16(), learnt.expected.as_u16());
                    tally.because(&format!("{name}: {got} where {wanted} was usual"));
                }
            }
            Err(lost) => {
                tally.failed += 1;
                tally.because(&format!("{name}: {}", lost.reason));
            }
        }
    });
}
