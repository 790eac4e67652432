//! How this target asks whether a process is well: HTTP for replicas, their own protocols for resources.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use plimsoll_bundle::endpoints::Address;
use plimsoll_bundle::local::Check;
use plimsoll_stdx::net::dial;
use plimsoll_supervisor::order::Kind;
use plimsoll_supervisor::probe::{Answer, Answering, Ask, Probe, Target};
use tokio::net::TcpStream;

/// Between tries of a process that has just been started. The file's interval is for those that take long; most are
/// there within 50 ms, and every `up` waits for this.
const EARLY: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(100),
];

/// Knows how to ask the resources of one environment.
pub(crate) trait AskResource: Send + Sync + fmt::Debug {
    /// Asks the resource with this name.
    fn ask<'a>(&'a self, name: &'a str, release: &'a str) -> Answering<'a>;
}

/// The probe of this target.
#[derive(Debug)]
pub(crate) struct LocalProbe {
    resources: Arc<dyn AskResource>,
}

impl LocalProbe {
    pub(crate) fn new(resources: Arc<dyn AskResource>) -> Self {
        Self { resources }
    }

    async fn once(&self, target: &Target, check: &Check) -> Answer {
        match (target.order.kind, check) {
            (Kind::Resource, _) => {
                self.resources
                    .ask(&target.order.service, &target.order.release)
                    .await
            }
            (_, Check::Get { port, path }) => get(target, port, path).await,
            (_, Check::Connect { port }) => connect(target, port).await.map(drop),
            (_, Check::Alive) => Ok(()),
        }
    }

    /// Asks until the answer is good; the supervisor ends the wait.
    async fn until_well(&self, target: &Target, check: &Check) -> Answer {
        let mut waits = EARLY
            .into_iter()
            .chain(std::iter::repeat(EARLY[EARLY.len() - 1]));
        loop {
            if self.once(target, check).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(waits.next().unwrap_or(EARLY[EARLY.len() - 1])).await;
        }
    }

    /// As [`Self::until_well`], and when time is nearly over the last answer instead of silence.
    async fn patiently(&self, target: &Target, check: &Check, timeout_ms: u64) -> Answer {
        let patience = Duration::from_millis(timeout_ms).mul_f32(0.8);
        match tokio::time::timeout(patience, self.until_well(target, check)).await {
            Ok(answer) => answer,
            Err(_) => self.once(target, check).await,
        }
    }
}

impl Probe for LocalProbe {
    fn ask<'a>(&'a self, target: &'a Target, ask: &'a Ask) -> Answering<'a> {
        Box::pin(async move {
            match ask {
                Ask::Startup(probe) => self.patiently(target, &probe.check, probe.timeout_ms).await,
                Ask::Readiness(probe) | Ask::Liveness(probe) => {
                    self.once(target, &probe.check).await
                }
                Ask::WarmUp(warm_up) => {
                    for request in &warm_up.requests {
                        let path = request.strip_prefix("GET ").unwrap_or(request);
                        get(target, "http", path.trim())
                            .await
                            .map_err(|reason| format!("{request}: {reason}"))?;
                    }
                    Ok(())
                }
            }
        })
    }
}

async fn connect(target: &Target, port: &str) -> Result<TcpStream, String> {
    let address = target
        .ports
        .get(port)
        .ok_or_else(|| format!("has no port `{port}`"))?;
    match address {
        Address::Tcp(address) => TcpStream::connect(address)
            .await
            .map_err(|error| in_words(&error)),
        Address::Shim { socket, port } => dialled(socket, *port)
            .await
            .map_err(|error| in_words(&error)),
        Address::Unix(_) => Err(format!("port `{port}` cannot be reached from here")),
    }
}

/// A connection inside a network that is not ours, by the hand of the shim that lives there.
async fn dialled(socket: &Path, port: u16) -> io::Result<TcpStream> {
    let stream = dial::connect(socket, port).await?;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens on its port".into(),
        _ => error.to_string(),
    }
}

/// One request on a connection of its own; 200 to 399 is a success. The body is not read.
async fn get(target: &Target, port: &str, path: &str) -> Answer {
    let stream = connect(target, port).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driver = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, "localhost")
        .header(header::USER_AGENT, "plimsoll-probe")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await;
    driver.abort();
    let status = answer.map_err(|error| error.to_string())?.status();
    if status.is_success() || status.is_redirection() {
        Ok(())
    } else {
        Err(format!("{path} answered {status}"))
    }
}
