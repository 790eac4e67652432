//! The caller's side of the control socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_bundle::endpoints::Endpoints;
use plimsoll_bundle::local::GatewayTable;
use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::net::unix;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::wire::{self, Drained, Hello, Info, Pause, Refusal, Reply, Request, Sample, Status};

/// Time for one answer that waits for nothing but the disk and the cores' loops.
const ANSWER: Duration = Duration::from_secs(10);

/// Time for a table or an endpoints document: the files of a static artefact are read and hashed first, and
/// 1 GiB at 100 MB/s is ten seconds.
const ANSWER_TO_PUT: Duration = Duration::from_mins(1);

/// Time for a drain: the longest budgets that the file's grammar allows, and some.
const ANSWER_TO_DRAIN: Duration = Duration::from_mins(65);

/// A connection to a gateway.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    info: Info,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens: the gateway is not running, or not yet.
    #[error("cannot reach the gateway at {path}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The connection broke. A put may or may not have happened: ask for the generations and put again.
    #[error("lost the gateway at {path}")]
    Lost {
        /// The socket.
        path: PathBuf,
        /// What happened to the message.
        #[source]
        source: FrameError,
    },
    /// The gateway said no, and changed nothing.
    #[error("the gateway refused: {message}")]
    Refused {
        /// Why, for programs.
        code: Refusal,
        /// Why, for people.
        message: String,
    },
    /// The gateway answered something else than what was asked.
    #[error("the gateway at {path} gave an answer that does not belong to the question")]
    Confused {
        /// The socket.
        path: PathBuf,
    },
}

impl ControlError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost { .. } => true,
            Self::Refused { code, .. } => matches!(code, Refusal::Storage),
            Self::Confused { .. } => false,
        }
    }
}

impl Client {
    /// Connects to the gateway whose folder is `dir` and exchanges hellos. Works for paths of any length.
    pub async fn connect(dir: &Path, hello: Hello) -> Result<Self, ControlError> {
        let path = dir.join(super::SOCKET);
        let connect = |source| ControlError::Connect {
            path: path.clone(),
            source,
        };
        let stream = unix::connect(dir, super::SOCKET).map_err(connect)?;
        stream.set_nonblocking(true).map_err(connect)?;
        let stream = UnixStream::from_std(stream).map_err(connect)?;
        let mut client = Self {
            stream,
            path,
            info: Info {
                proto: wire::PROTO,
                tool: String::new(),
                pid: 0,
                table_generation: 0,
                endpoints_generation: 0,
                epoch: 0,
            },
        };
        match client.call(&Request::Hello(hello), ANSWER).await? {
            Reply::Hello(info) => {
                client.info = info;
                Ok(client)
            }
            _ => Err(client.confused()),
        }
    }

    /// What the gateway said of itself when this connection was made.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Puts a table in force. When this returns `Ok` it is on disk and every core uses it.
    ///
    /// The same generation with the same content is fine; a lower one is refused. If the call is dropped, the
    /// put may still happen.
    pub async fn put_table(
        &mut self,
        generation: u64,
        table: &GatewayTable,
    ) -> Result<(), ControlError> {
        let table = Box::new(table.clone());
        let request = Request::TablePut { generation, table };
        self.done(&request, ANSWER_TO_PUT).await
    }

    /// Puts an endpoints document in force; the same promises as [`Client::put_table`]. New replicas are probed
    /// at once and take traffic when the probe succeeds.
    pub async fn put_endpoints(&mut self, endpoints: &Endpoints) -> Result<(), ControlError> {
        let endpoints = endpoints.clone();
        let request = Request::EndpointsPut { endpoints };
        self.done(&request, ANSWER_TO_PUT).await
    }

    /// What the gateway does now.
    pub async fn status(&mut self) -> Result<Status, ControlError> {
        match self.call(&Request::Status, ANSWER).await? {
            Reply::Status(status) => Ok(*status),
            _ => Err(self.confused()),
        }
    }

    /// Sends nothing new to a replica, waits until its requests are done, closes its sockets with jitter, and
    /// says what was left when the service's budgets were over. The connection is busy meanwhile: ask for the
    /// status on another one.
    pub async fn drain(&mut self, endpoint: &str) -> Result<Drained, ControlError> {
        let endpoint = endpoint.to_owned();
        match self
            .call(&Request::Drain { endpoint }, ANSWER_TO_DRAIN)
            .await?
        {
            Reply::Drained(drained) => Ok(drained),
            _ => Err(self.confused()),
        }
    }

    /// Holds new requests of a service instead of sending them to a replica, until [`Client::resume`]. Those that are
    /// in flight go on. After the pause they are routed by the documents in force then.
    pub async fn pause(&mut self, service: &str, pause: Pause) -> Result<(), ControlError> {
        let service = service.to_owned();
        self.done(&Request::Pause { service, pause }, ANSWER).await
    }

    /// Ends a pause; without one nothing happens.
    pub async fn resume(&mut self, service: &str) -> Result<(), ControlError> {
        let service = service.to_owned();
        self.done(&Request::Resume { service }, ANSWER).await
    }

    /// What each replica did since it was first listed, by id; see [`Sample`].
    pub async fn samples(&mut self) -> Result<Vec<Sample>, ControlError> {
        let mut all: Vec<Sample> = Vec::new();
        loop {
            let after = all.last().map_or("", |sample| &sample.id).to_owned();
            match self.call(&Request::Samples { after }, ANSWER).await? {
                Reply::Samples { samples, more } => {
                    let more = more && !samples.is_empty();
                    all.extend(samples);
                    if !more {
                        return Ok(all);
                    }
                }
                _ => return Err(self.confused()),
            }
        }
    }

    /// The metrics in the text format of Prometheus.
    pub async fn metrics(&mut self) -> Result<String, ControlError> {
        match self.call(&Request::Metrics, ANSWER).await? {
            Reply::Metrics { text } => Ok(text),
            _ => Err(self.confused()),
        }
    }

    /// Asks the gateway to drain itself and to end. It answers before it does.
    pub async fn shutdown(&mut self) -> Result<(), ControlError> {
        self.done(&Request::Shutdown, ANSWER).await
    }

    /// Tells the gateway that another one serves its sockets: it accepts nothing more, finishes what it has, lets idle
    /// connections bring one last request, closes sockets with jitter, and ends. It answers before it does.
    pub(crate) async fn succeed(&mut self) -> Result<(), ControlError> {
        self.done(&Request::Succeed, ANSWER).await
    }

    async fn done(&mut self, request: &Request, budget: Duration) -> Result<(), ControlError> {
        match self.call(request, budget).await? {
            Reply::Done => Ok(()),
            _ => Err(self.confused()),
        }
    }

    async fn call(&mut self, request: &Request, budget: Duration) -> Result<Reply, ControlError> {
        let stream = &mut self.stream;
        let exchange = async {
            frame::write_async(stream, request).await?;
            frame::read_async(stream).await
        };
        let reply = match timeout(budget, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        };
        match reply {
            Ok(Reply::Refused { code, message }) => Err(ControlError::Refused { code, message }),
            Ok(reply) => Ok(reply),
            Err(source) => Err(ControlError::Lost {
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn confused(&self) -> ControlError {
        ControlError::Confused {
            path: self.path.clone(),
        }
    }
}
