//! A client that does nothing clever: one request, one answer, no retry.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A keep-alive connection through the gateway.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        // The connection ends with its sender; what it ends with, the sender reports.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            token: None,
        })
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> hyper::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(body.into()));
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.unwrap()).await?;
        let status = answer.status();
        Ok(Answer {
            status,
            body: answer.into_body().collect().await?.to_bytes(),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<Answer> {
        self.send(Method::GET, path, "application/json", Bytes::new())
            .await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> hyper::Result<Answer> {
        self.send(Method::POST, path, "application/json", body.to_string())
            .await
    }
}

/// Runs a test's own little runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Logs in and returns the access token.
pub(crate) async fn token(address: SocketAddr, (email, password): (String, String)) -> String {
    let mut connection = Connection::open(address).await.unwrap();
    let body = serde_json::json!({ "email": email, "password": password });
    let answer = connection.post("/api/v1/auth/login", &body).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}
