//! The prober against servers that do well, that do badly, and that take their leave well and badly.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use plimsoll_load::{Address, Connector, Prober, Tally, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// Longer than any of these takes; reached only when one fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// A server whose answers the test can change while it runs.
struct Server {
    port: u16,
    /// The status of every answer; 0 closes the connection without one.
    status: Arc<AtomicU16>,
    /// The word that WebSockets end with.
    leave: watch::Sender<Leave>,
    /// Dropped with the server, which ends its thread.
    _stop: oneshot::Sender<()>,
}

#[derive(Clone, Copy, PartialEq)]
enum Leave {
    Stay,
    Close,
    Cut,
}

fn server() -> Server {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let status = Arc::new(AtomicU16::new(200));
    let (leave, left) = watch::channel(Leave::Stay);
    let (stop, stopped) = oneshot::channel::<()>();
    let answers = Arc::clone(&status);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let accepting = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), left.clone()));
            }
        };
        runtime.block_on(async {
            tokio::select! {
                () = accepting => {}
                _ = stopped => {}
            }
        });
    });
    Server {
        port,
        status,
        leave,
        _stop: stop,
    }
}

async fn serve(mut stream: TcpStream, status: Arc<AtomicU16>, left: watch::Receiver<Leave>) {
    let mut peeked = [0; 256];
    let read = stream.peek(&mut peeked).await.unwrap_or(0);
    if peeked[..read].starts_with(b"GET /ws") {
        return socket(stream, left).await;
    }
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&chunk[..read]),
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        let status = status.load(Ordering::SeqCst);
        if status == 0 {
            return;
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nx-build: one\r\n\r\nok");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn socket(stream: TcpStream, mut left: watch::Receiver<Leave>) {
    use futures_util::StreamExt;

    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            _ = left.wait_for(|leave| *leave != Leave::Stay) => break,
        }
    }
    if *left.borrow() == Leave::Close {
        let _ = socket.close(None).await;
        while let Some(Ok(_)) = socket.next().await {}
    }
}

fn prober(port: u16, paths: &[(&str, bool)]) -> Prober {
    let url = format!("http://127.0.0.1:{port}");
    let address = Address::try_new(&url, Ipv4Addr::LOCALHOST.into()).unwrap();
    let targets = paths.iter().map(|(path, socket)| Target {
        name: (*path).to_owned(),
        address: address.clone(),
        path: (*path).to_owned(),
        socket: *socket,
    });
    let connector = Connector::try_new(&[]).unwrap();
    Prober::start(connector, targets.collect()).unwrap()
}

fn until(prober: &Prober, what: &str, holds: impl Fn(&Tally) -> bool) -> Tally {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let tally = prober.tally();
        if holds(&tally) {
            return tally;
        }
        assert!(Instant::now() < deadline, "never {what}: {tally:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn while_all_is_well_every_request_is_served_and_builds_are_seen() {
    let server = server();
    let prober = prober(server.port, &[("/", false)]);
    until(&prober, "served", |tally| tally.served >= 6);
    let tally = prober.stop();
    assert!(tally.is_clean(), "{tally:?}");
    assert_eq!(tally.requests, tally.served);
    assert!(tally.builds.contains_key("one"));
}

#[test]
fn another_status_than_before_is_a_failure_with_its_reason_and_a_rate_limit_is_kept_apart() {
    let server = server();
    server.status.store(404, Ordering::SeqCst);
    let prober = prober(server.port, &[("/", false)]);
    until(&prober, "served", |tally| tally.served > 0);
    server.status.store(429, Ordering::SeqCst);
    until(&prober, "refused", |tally| tally.refused > 0);
    server.status.store(502, Ordering::SeqCst);
    until(&prober, "failed", |tally| tally.failed > 0);
    let tally = prober.stop();
    assert!(!tally.is_clean());
    assert_eq!(
        tally.requests,
        tally.served + tally.refused + tally.failed,
        "each request is in one place"
    );
    let reason = "/: 502 where 404 was usual";
    assert!(tally.reasons.contains_key(reason), "{:?}", tally.reasons);
}

#[test]
fn a_connection_that_ends_before_an_answer_is_a_failure_on_a_new_one_and_a_retry_on_a_kept_one() {
    let server = server();
    let prober = prober(server.port, &[("/", false)]);
    until(&prober, "served", |tally| tally.served > 2);
    server.status.store(0, Ordering::SeqCst);
    let tally = until(&prober, "failed", |tally| {
        tally.failed > 0 && tally.retried > 0
    });
    assert!(!tally.is_clean());
}

#[test]
fn a_socket_that_is_closed_is_opened_again_and_one_that_is_cut_is_broken() {
    let server = server();
    let prober = prober(server.port, &[("/ws", true)]);
    until(&prober, "open", |tally| tally.sockets == 1);
    server.leave.send(Leave::Close).unwrap();
    let tally = until(&prober, "closed", |tally| tally.closed > 0);
    assert_eq!(tally.broken, 0, "{tally:?}");
    server.leave.send(Leave::Stay).unwrap();
    let opened = prober.tally().sockets;
    until(&prober, "open again", |tally| tally.sockets > opened);
    server.leave.send(Leave::Cut).unwrap();
    let tally = until(&prober, "broken", |tally| tally.broken > 0);
    assert!(!tally.is_clean());
}

#[test]
fn what_fails_before_the_change_is_skipped_with_the_reason() {
    let server = server();
    server.status.store(503, Ordering::SeqCst);
    let prober = prober(server.port, &[("/", false), ("/nows", true)]);
    assert_eq!(prober.probed, 0);
    assert_eq!(prober.skipped.len(), 2);
    assert!(
        prober.skipped[0].reason.contains("503"),
        "{:?}",
        prober.skipped
    );
    assert!(prober.stop().is_clean());
}
