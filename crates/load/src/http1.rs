//! One HTTP/1.1 connection, and one request on it.

use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{Address, Connector};

/// From the request's first byte to the answer's last one. Longer than any timeout of a route that a person waits for.
const WITHIN: Duration = Duration::from_secs(30);

/// An open connection. Closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
    authority: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// `X-Build`, where the app says which build answered.
    pub(crate) build: Option<String>,
    /// Whether the connection can carry another request.
    pub(crate) keeps: bool,
}

/// Why nothing whole came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) reason: String,
    /// Not a byte of an answer had arrived: on a connection that was used before, this is what a client sees whose
    /// server closed an idle connection at the moment of the request, and it may send it again (RFC 9110, 9.2.2).
    pub(crate) before_any_answer: bool,
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(connector: &Connector, address: &Address) -> Result<Self, Lost> {
        let lost = |reason: String| Lost {
            reason,
            before_any_answer: false,
        };
        let stream = connector.open(address).await;
        let stream = stream.map_err(|error| lost(format!("no connection: {error}")))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| lost(format!("no connection: {error}")))?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer hears of the error there.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver,
            authority: address.authority(),
        })
    }

    /// GETs `path`, body and all.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, Lost> {
        let in_time = timeout(WITHIN, self.exchange(path)).await;
        in_time.unwrap_or_else(|_| {
            Err(Lost {
                reason: format!("no whole answer in {} s", WITHIN.as_secs()),
                before_any_answer: false,
            })
        })
    }

    async fn exchange(&mut self, path: &str) -> Result<Answer, Lost> {
        let request = Request::get(path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, "plimsoll-prober")
            .header(header::ACCEPT, "*/*")
            .body(Empty::new())
            .map_err(|error| lost(&error, false))?;
        self.sender
            .ready()
            .await
            .map_err(|error| lost(&error, true))?;
        let response = self.sender.send_request(request).await;
        let response = response.map_err(|error| lost(&error, !error.is_parse()))?;
        let status = response.status();
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let build = response.headers().get("x-build").and_then(text);
        let closes = response.headers().get(header::CONNECTION);
        let closes = closes.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| lost(&error, false))?;
        }
        Ok(Answer {
            status,
            build,
            keeps: !closes,
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn lost(error: &dyn std::error::Error, before_any_answer: bool) -> Lost {
    let reason = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Lost {
        reason,
        before_any_answer,
    }
}
