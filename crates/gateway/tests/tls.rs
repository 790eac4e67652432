//! TLS, HTTP/2 and WebSocket over HTTP/2.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plimsoll_bundle::local::TlsVersion;
use rustls::version;
use support::backend::Backend;
use support::tls::{dial, edge, issue};
use support::{Edge, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Sender = http2::SendRequest<Empty<Bytes>>;

async fn http2(edge: &Edge) -> Sender {
    let stream = dial(edge, rustls::ALL_VERSIONS, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut Sender, request: http::request::Builder) -> Response<Incoming> {
    sender.ready().await.unwrap();
    sender
        .send_request(request.body(Empty::new()).unwrap())
        .await
        .unwrap()
}

#[test]
fn the_lowest_version_of_the_table_is_kept() {
    let backend = Backend::start();
    for (min, offered, expected) in [
        (TlsVersion::V1_2, &version::TLS12, true),
        (TlsVersion::V1_2, &version::TLS13, true),
        (TlsVersion::V1_3, &version::TLS12, false),
        (TlsVersion::V1_3, &version::TLS13, true),
    ] {
        let edge = edge(&backend, min);
        for protocol in ["h2", "http/1.1"] {
            let dialled = edge.runtime.block_on(dial(&edge, &[offered], protocol));
            assert_eq!(dialled.is_ok(), expected, "{min:?} {offered:?} {protocol}");
            if let Ok(stream) = dialled {
                let chosen = stream.get_ref().1.alpn_protocol();
                assert_eq!(chosen, Some(protocol.as_bytes()));
            }
        }
        let other = edge
            .runtime
            .block_on(dial(&edge, rustls::ALL_VERSIONS, "spdy/3"));
        assert!(other.is_err());
    }
}

#[test]
fn http_2_requests_reach_a_replica_as_http_1() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let mut sender = http2(&edge).await;
        let uri = "https://app.localhost/a/json?400";
        let response = ask(&mut sender, Request::get(uri).header("te", "trailers")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()["strict-transport-security"],
            "max-age=31536000"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(b"{\"text\":\"abc "));
        let mut many = Vec::new();
        for _ in 0..50 {
            sender.ready().await.unwrap();
            let request = Request::get("https://app.localhost/x")
                .body(Empty::new())
                .unwrap();
            many.push(sender.send_request(request));
        }
        for response in many {
            assert_eq!(response.await.unwrap().status(), StatusCode::OK);
        }
        let mismatch = Request::get("https://app.localhost/x").header("host", "other.test");
        assert_eq!(
            ask(&mut sender, mismatch).await.status(),
            StatusCode::BAD_REQUEST
        );
    });
    let head = backend.seen()[0].head.to_lowercase();
    assert!(head.starts_with("get /a/json?400 http/1.1"), "{head}");
    assert!(head.contains("host: app.localhost") && head.contains("x-forwarded-proto: https"));
    assert!(!head.contains("\r\nte:"));
}

#[test]
fn a_websocket_runs_over_an_extended_connect() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let mut sender = http2(&edge).await;
        // Extended CONNECT may be used once the server's settings have come.
        let first = ask(&mut sender, Request::get("https://app.localhost/x")).await;
        assert_eq!(first.status(), StatusCode::OK);
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("https://app.localhost/ws")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"));
        let response = ask(&mut sender, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut tunnel = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let mut hello = [0; 4];
        tunnel.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"\x81\x02hi");
        tunnel.write_all(b"\x81\x82\0\0\0\0ok").await.unwrap();
        let mut echo = [0; 8];
        tunnel.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"\x81\x82\0\0\0\0ok");
    });
    let head = &backend.seen()[1].head;
    assert!(
        head.contains("sec-websocket-key: ") && head.contains("upgrade: websocket"),
        "{head}"
    );
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    let serial = || {
        let stream = edge
            .runtime
            .block_on(dial(&edge, rustls::ALL_VERSIONS, "h2"))
            .unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = serial();
    issue(&edge);
    eventually("the new certificate is served", || serial() != first);
    let second = serial();
    let cert = edge.dir.path().join("tls/cert.pem");
    plimsoll_stdx::fs::write_atomic(&cert, b"-----BEGIN CERTIFICATE-----\n!\n").unwrap();
    eventually("the broken one is noted", || {
        edge.status()
            .notes
            .iter()
            .any(|note| note.contains("certificate") || note.contains("pem"))
    });
    assert_eq!(serial(), second);
}
