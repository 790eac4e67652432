//! Contained programs, seen from inside and from outside. As root: without, this machine gives no limits.

mod edges;
mod life;
mod limits;
mod network;
mod oci;
mod relay;
mod rootless;
mod trees;
mod walls;

use crate::support::*;
use plimsoll_bundle::endpoints::Address;
use plimsoll_stdx::net::dial;
use plimsoll_stdx::process::ProcessId;
use plimsoll_supervisor::logs;
use plimsoll_supervisor::order::{Isolation, Root};
use plimsoll_supervisor::{Kind, Order, ProcessRunner, ProcessStatus, Supervisor};

/// Whether this machine can hold a program in; if not, says why the test is not made.
fn possible() -> bool {
    if !is_root() {
        println!("skipped: needs root");
        return false;
    }
    if let Err(reason) = &ProcessRunner::new(FIXTURE.into()).capabilities().contained {
        println!("skipped: needs namespaces ({reason})");
        return false;
    }
    true
}

/// Orders for the fixture with these words, contained.
fn contained(id: &str, words: &[&str]) -> Order {
    let mut order = order(id, words);
    order.root = Root::Tools;
    order.isolation = Isolation::Contained;
    order.user = Some(somebody());
    order
}

fn job(id: &str, command: &[&str]) -> Order {
    let mut order = contained(id, &[]);
    order.kind = Kind::Job;
    order.command = command.iter().map(|&word| word.to_owned()).collect();
    order
}

async fn ready(supervisor: &Supervisor, order: Order) -> ProcessStatus {
    let id = order.id.clone();
    supervisor.start(order).await.unwrap();
    if let Err(error) = supervisor.wait_ready(&id, SOON).await {
        panic!("{error}: {:?}", supervisor.status_of(&id).await);
    }
    supervisor.status_of(&id).await.unwrap()
}

fn word(status: &ProcessStatus, start: &str) -> String {
    let dir = status.dir.clone().unwrap();
    until(start, || {
        let lines = logs::tail(&dir, 100).unwrap();
        let mut texts = lines.into_iter().map(|line| line.text);
        texts.find(|text| text.starts_with(start))
    })
}

/// Who answers at an address of either kind.
async fn answer_at(address: &Address) -> std::io::Result<String> {
    let Address::Shim { socket, port } = address else {
        panic!("{address:?}");
    };
    let mut stream = dial::connect(socket, *port).await?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text)?;
    Ok(text.trim().to_owned())
}

/// The parent of the program: process 1 of its namespace.
fn init_of(status: &ProcessStatus) -> ProcessId {
    let stat = plimsoll_stdx::process::stat(status.pid.unwrap()).unwrap();
    ProcessId::of(stat.parent).unwrap()
}
