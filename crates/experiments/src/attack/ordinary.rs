//! What a replica does all day. Where this fails, that the attacks fail says nothing.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use super::answer::{Stopped, Tried, at};
use super::targets::Targets;

/// A neighbour outlives every attack; one whose doctor was killed ends by itself.
const NEIGHBOUR: Duration = Duration::from_mins(10);

pub(super) fn work(targets: &Targets) -> Tried {
    let path = targets.scratch.join("plimsoll-file");
    plimsoll_stdx::fs::write_atomic(&path, b"scratch")
        .map_err(|error| Stopped::refused(error.to_string()))?;
    fs::remove_file(&path).map_err(at("unlink"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("bind"))?;
    let address = listener.local_addr().map_err(at("getsockname"))?;
    let client = std::thread::spawn(move || {
        let mut text = String::new();
        TcpStream::connect(address).and_then(|mut stream| stream.read_to_string(&mut text))
    });
    drop(listener.accept().map_err(at("accept"))?);
    match client.join() {
        Ok(read) => read.map_err(at("read"))?,
        Err(_) => return Err(Stopped::refused("its thread died")),
    };
    Ok("wrote a file, ran a thread, talked to itself".to_owned())
}

/// Is there to be attacked.
#[expect(clippy::unnecessary_wraps, reason = "every attack has one form")]
pub(super) fn stay(_: &Targets) -> Tried {
    std::thread::sleep(NEIGHBOUR);
    Ok("nobody ended it".to_owned())
}
