//! Compresses answers that are worth it: text of at least a kilobyte that nobody has compressed yet.
//!
//! What is larger than 16 KiB is compressed by a thread of the blocking pool, piece by piece; whenever the replica
//! pauses, what there is is flushed, so that a slow answer is not made slower.

use std::future::Future as _;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body, Frame};
use plimsoll_bundle::local::Encoding;
use tokio::task::{JoinHandle, spawn_blocking};

use super::body::EdgeBody;
use super::headers::add_vary;
use super::route::Route;

/// Below this one packet carries the answer anyway.
const MIN_SIZE: u64 = 1024;
/// Up to this much is compressed where the request is served: about 0.2 ms at 80 MB/s.
const MAX_INLINE: usize = 16 * 1024;

/// Quality of brotli, of eleven: where it beats gzip in size at the same CPU.
const BROTLI_QUALITY: u32 = 4;
/// 512 KiB of window: what a body of this kind has, and bounds an encoder's memory to about 1 MiB.
const BROTLI_WINDOW: u32 = 19;
const ZSTD_LEVEL: i32 = 3;
const GZIP_LEVEL: u32 = 5;

/// What the client and the table agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    enabled: bool,
    encoding: Option<Encoding>,
}

/// Finds out before the request is passed on.
pub(crate) fn choose(table: &[Encoding], route: &Route, request: &HeaderMap) -> Chosen {
    let enabled = !table.is_empty() && !route.stream;
    Chosen {
        enabled,
        encoding: if enabled {
            plimsoll_files::choose(request, table.iter().copied())
        } else {
            None
        },
    }
}

/// Compresses an answer, or leaves it.
pub(crate) fn apply(
    chosen: Chosen,
    method: &Method,
    mut response: Response<EdgeBody>,
) -> Response<EdgeBody> {
    if !chosen.enabled || !is_worth_it(&response) {
        return response;
    }
    add_vary(response.headers_mut(), "accept-encoding");
    let Some(encoding) = chosen.encoding.filter(|_| method != Method::HEAD) else {
        return response;
    };
    let Ok(encoder) = Encoder::new(encoding) else {
        return response;
    };
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    headers.insert(
        header::CONTENT_ENCODING,
        HeaderValue::from_static(name(encoding)),
    );
    weaken(headers);
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, compressed(encoder, body))
}

fn compressed(encoder: Encoder, body: EdgeBody) -> EdgeBody {
    let small = match &body {
        EdgeBody::Full(Some(bytes)) if bytes.len() <= MAX_INLINE => Some(bytes.clone()),
        EdgeBody::Full(_) | EdgeBody::Upstream(_) | EdgeBody::Boxed(_) => None,
    };
    let Some(bytes) = small else {
        return EdgeBody::boxed(CompressedBody::new(encoder, body));
    };
    match encoder.turn(&bytes, Step::Finish) {
        Ok((_, out)) => EdgeBody::full(Bytes::from(out)),
        Err(error) => EdgeBody::boxed(Failed(Some(error))),
    }
}

fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Br => "br",
        Encoding::Zstd => "zstd",
        Encoding::Gzip => "gzip",
    }
}

fn is_worth_it(response: &Response<EdgeBody>) -> bool {
    let headers = response.headers();
    let whole = response.status() != StatusCode::PARTIAL_CONTENT
        && response.status() != StatusCode::NO_CONTENT
        && response.status() != StatusCode::NOT_MODIFIED;
    let untouched = !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE);
    let no_transform = headers.get_all(header::CACHE_CONTROL).iter().any(|value| {
        value
            .as_bytes()
            .windows(12)
            .any(|window| window == b"no-transform")
    });
    let length = response.body().size_hint().exact();
    let large = length.is_none_or(|length| length >= MIN_SIZE);
    whole && untouched && !no_transform && large && is_text(headers.get(header::CONTENT_TYPE))
}

fn is_text(kind: Option<&HeaderValue>) -> bool {
    let Some(kind) = kind.and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind
        .split(';')
        .next()
        .unwrap_or(kind)
        .trim()
        .to_ascii_lowercase();
    if kind == "text/event-stream" {
        return false;
    }
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "application/x-ndjson"
        )
}

/// The bytes are others now, so a strong tag would lie.
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG) else {
        return;
    };
    if tag.as_bytes().starts_with(b"\"") {
        let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
        if let Ok(weak) = weak {
            headers.insert(header::ETAG, weak);
        }
    }
}

enum Encoder {
    Br(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(GzEncoder<Vec<u8>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    Flush,
    Finish,
}

impl Encoder {
    fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Br => Self::Br(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                4096,
                BROTLI_QUALITY,
                BROTLI_WINDOW,
            ))),
            Encoding::Zstd => {
                Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)
            }
            Encoding::Gzip => Self::Gzip(GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(GZIP_LEVEL),
            )),
        })
    }

    /// Takes bytes, and gives what is ready. After [`Step::Finish`] there is no encoder any more.
    fn turn(mut self, bytes: &[u8], step: Step) -> io::Result<(Option<Self>, Vec<u8>)> {
        let writer: &mut dyn Write = match &mut self {
            Self::Br(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
            Self::Gzip(encoder) => encoder,
        };
        writer.write_all(bytes)?;
        if step == Step::Flush {
            writer.flush()?;
        }
        if step == Step::Finish {
            let out = match self {
                Self::Br(encoder) => encoder.into_inner(),
                Self::Zstd(encoder) => encoder.finish()?,
                Self::Gzip(encoder) => encoder.finish()?,
            };
            return Ok((None, out));
        }
        let out = std::mem::take(match &mut self {
            Self::Br(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        });
        Ok((Some(self), out))
    }
}

type Turn = io::Result<(Option<Encoder>, Vec<u8>)>;

/// A body that is compressed as it comes.
struct CompressedBody {
    body: EdgeBody,
    encoder: Option<Encoder>,
    working: Option<JoinHandle<Turn>>,
    /// Whether the encoder holds bytes that the client could already use.
    unflushed: bool,
    ended: bool,
}

impl CompressedBody {
    fn new(encoder: Encoder, body: EdgeBody) -> Self {
        Self {
            body,
            encoder: Some(encoder),
            working: None,
            unflushed: false,
            ended: false,
        }
    }

    /// Starts a turn, here or on another thread.
    fn start(&mut self, bytes: Bytes, step: Step) -> Option<Turn> {
        let encoder = self.encoder.take()?;
        self.unflushed = step == Step::Write;
        if bytes.len() <= MAX_INLINE && !self.ended {
            return Some(encoder.turn(&bytes, step));
        }
        self.working = Some(spawn_blocking(move || encoder.turn(&bytes, step)));
        None
    }

    fn take(&mut self, turn: Turn) -> io::Result<Bytes> {
        let (encoder, out) = turn?;
        self.encoder = encoder;
        Ok(Bytes::from(out))
    }
}

impl Body for CompressedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            let turn = if let Some(working) = &mut this.working {
                let Poll::Ready(turn) = Pin::new(working).poll(context) else {
                    return Poll::Pending;
                };
                this.working = None;
                Some(turn.unwrap_or_else(|error| Err(io::Error::other(error))))
            } else if this.encoder.is_none() {
                return Poll::Ready(None);
            } else {
                match Pin::new(&mut this.body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => this.start(data, Step::Write),
                        Err(_) => None,
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(None) => this.start(Bytes::new(), Step::Finish),
                    Poll::Pending if this.unflushed => this.start(Bytes::new(), Step::Flush),
                    Poll::Pending => return Poll::Pending,
                }
            };
            match turn.map(|turn| this.take(turn)) {
                Some(Ok(out)) if !out.is_empty() => return Poll::Ready(Some(Ok(Frame::data(out)))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(_)) | None => {}
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.working.is_none()
    }
}

struct Failed(Option<io::Error>);

impl Body for Failed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;

    use super::*;

    fn response(kind: &'static str, body: EdgeBody) -> Response<EdgeBody> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(kind));
        headers.insert("etag", HeaderValue::from_static("\"1\""));
        response
    }

    fn run(encoding: Encoding, response: Response<EdgeBody>) -> (HeaderMap, Vec<u8>) {
        let chosen = Chosen {
            enabled: true,
            encoding: Some(encoding),
        };
        let (parts, body) = apply(chosen, &Method::GET, response).into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
        (parts.headers, bytes.to_vec())
    }

    fn unpack(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match encoding {
            Encoding::Br => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
            Encoding::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut out),
            Encoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        }
        .unwrap();
        out
    }

    #[test]
    fn small_and_large_bodies_come_back_as_they_were() {
        for size in [2000, 300_000] {
            let text: Vec<u8> = (0..size)
                .map(|at| b'a' + u8::try_from(at % 7).unwrap())
                .collect();
            for encoding in [Encoding::Br, Encoding::Zstd, Encoding::Gzip] {
                let body = EdgeBody::full(Bytes::from(text.clone()));
                let (headers, bytes) = run(encoding, response("text/css", body));
                assert!(bytes.len() < text.len() / 4, "{encoding:?} {}", bytes.len());
                assert!(unpack(encoding, &bytes) == text, "{encoding:?}");
                assert_eq!(headers["content-encoding"], name(encoding));
                assert_eq!(headers["etag"], "W/\"1\"");
                assert_eq!(headers["vary"], "accept-encoding");
            }
        }
    }

    #[test]
    fn what_is_small_packed_partial_or_a_stream_of_events_stays_as_it_is() {
        let long = || EdgeBody::full(Bytes::from(vec![b'a'; 4000]));
        let with = |name: &'static str, value: &'static str| {
            let mut response = response("text/plain", long());
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
            response
        };
        let mut partial = response("text/plain", long());
        *partial.status_mut() = StatusCode::PARTIAL_CONTENT;
        let cases = [
            response("text/plain", EdgeBody::full(Bytes::from_static(b"short"))),
            response("image/png", long()),
            response("text/event-stream", long()),
            with("content-encoding", "gzip"),
            with("cache-control", "private, no-transform"),
            partial,
        ];
        for response in cases {
            let (headers, bytes) = run(Encoding::Gzip, response);
            assert!(bytes == b"short" || bytes.len() == 4000);
            assert_eq!(headers["etag"], "\"1\"");
        }
    }
}
