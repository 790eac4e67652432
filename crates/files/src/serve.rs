//! Answers a request for a file.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tokio::task::spawn_blocking;

use crate::index::{Entry, Folder, Variant};
use crate::range::{self, Span};
use crate::read::FileBody;
use crate::{Site, choose, negotiate, path};

/// The name under which settings are served.
const SETTINGS: &str = "config.json";
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// What is asked for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Its method; only GET and HEAD are answered.
    pub method: &'a Method,
    /// Normalised, without the route's prefix, with a slash in front.
    pub path: &'a str,
    /// Normalised, as the client sent it, for redirects.
    pub full_path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// No bytes.
    Empty,
    /// A small file, from memory.
    Bytes(Bytes),
    /// A span of a large file.
    File(FileBody),
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::File(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::File(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::File(body) => body.size_hint(),
        }
    }
}

/// The answer, or the status of a refusal: 404, 405 (GET and HEAD are allowed), 500 where the file cannot be read, 503
/// where nobody has said yet where the folder is.
pub async fn serve(files: &Site, ask: &Ask<'_>) -> Result<Response<Content>, StatusCode> {
    if ask.method != Method::GET && ask.method != Method::HEAD {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let decoded = path::decode(ask.path).ok_or(StatusCode::NOT_FOUND)?;
    let name = decoded.trim_start_matches('/');
    if let Some(settings) = files.settings.as_ref().filter(|_| name == SETTINGS) {
        let variant = Variant {
            path: String::new(),
            size: settings.document.len() as u64,
            etag: settings.etag.clone(),
            cached: Some(settings.document.clone()),
        };
        let mime = HeaderValue::from_static("application/json");
        let head = Head {
            mime,
            cache: NO_CACHE,
            vary: false,
        };
        return respond(None, &variant, ask, head).await;
    }
    let folder = files
        .folder
        .as_ref()
        .ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let entry = match find(folder, name, files, ask.headers) {
        Place::File(entry) => entry,
        Place::Redirect => return redirect_to_folder(ask.full_path),
        Place::Nothing => return Err(StatusCode::NOT_FOUND),
    };
    let encoding = if ask.headers.contains_key(header::RANGE) {
        None
    } else {
        choose(
            ask.headers,
            entry.encoded.iter().map(|(encoding, _)| *encoding),
        )
    };
    let variant = encoding
        .and_then(|chosen| {
            entry
                .encoded
                .iter()
                .find(|(encoding, _)| *encoding == chosen)
        })
        .map_or(&entry.identity, |(_, variant)| variant);
    let head = Head {
        mime: entry.mime.clone(),
        cache: if entry.hashed {
            files.immutable.clone()
        } else {
            NO_CACHE
        },
        vary: !entry.encoded.is_empty(),
    };
    let mut response = respond(Some(folder), variant, ask, head).await?;
    if let Some(encoding) = encoding {
        let name = HeaderValue::from_static(negotiate::name(encoding));
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, name);
    }
    Ok(response)
}

enum Place<'a> {
    File(&'a Entry),
    Redirect,
    Nothing,
}

fn find<'a>(folder: &'a Folder, name: &str, files: &Site, headers: &HeaderMap) -> Place<'a> {
    if name.is_empty() || name.ends_with('/') {
        if let Some(entry) = folder.get(&format!("{name}index.html")) {
            return Place::File(entry);
        }
    } else if let Some(entry) = folder.get(name) {
        return Place::File(entry);
    } else if folder.get(&format!("{name}/index.html")).is_some() {
        return Place::Redirect;
    }
    match files.spa.as_ref().filter(|_| is_page(name, headers)) {
        Some(spa) => folder.get(spa).map_or(Place::Nothing, Place::File),
        None => Place::Nothing,
    }
}

/// Whether a path that no file answers is a page of the app, and not an asset that is missing.
fn is_page(name: &str, headers: &HeaderMap) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let accepts_html = headers.get_all(header::ACCEPT).iter().any(|value| {
        value
            .as_bytes()
            .windows(9)
            .any(|window| window == b"text/html")
    });
    !last.contains('.') || accepts_html
}

fn redirect_to_folder(path: &str) -> Result<Response<Content>, StatusCode> {
    let location = HeaderValue::try_from(format!("{path}/")).map_err(|_| StatusCode::NOT_FOUND)?;
    let mut response = Response::new(Content::Empty);
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

struct Head {
    mime: HeaderValue,
    cache: HeaderValue,
    vary: bool,
}

async fn respond(
    folder: Option<&Arc<Folder>>,
    variant: &Variant,
    ask: &Ask<'_>,
    head: Head,
) -> Result<Response<Content>, StatusCode> {
    let mut response = Response::new(Content::Empty);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, head.cache);
    headers.insert(header::ETAG, variant.etag.clone());
    if head.vary {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if is_known(ask.headers, &variant.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    headers.insert(header::CONTENT_TYPE, head.mime);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (start, length) = match span(ask.headers, variant) {
        Span::Whole => (0, variant.size),
        Span::Part { start, length } => {
            let range = format!("bytes {start}-{}/{}", start + length - 1, variant.size);
            set_content_range(&mut response, StatusCode::PARTIAL_CONTENT, range);
            (start, length)
        }
        Span::Outside => {
            let range = format!("bytes */{}", variant.size);
            set_content_range(&mut response, StatusCode::RANGE_NOT_SATISFIABLE, range);
            response.headers_mut().remove(header::CONTENT_TYPE);
            return Ok(response);
        }
    };
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if ask.method != Method::HEAD {
        *response.body_mut() = content(folder, variant, start, length)
            .await
            .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    }
    Ok(response)
}

fn set_content_range(response: &mut Response<Content>, status: StatusCode, range: String) {
    *response.status_mut() = status;
    if let Ok(range) = HeaderValue::try_from(range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
}

/// Whether `if-none-match` names the tag (weak comparison) or is a star.
fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let tags = request.get_all(header::IF_NONE_MATCH).iter();
    tags.filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| {
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
        })
}

fn span(request: &HeaderMap, variant: &Variant) -> Span {
    let Some(range) = request
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
    else {
        return Span::Whole;
    };
    // A part of another version than the client has would be garbage.
    match request.get(header::IF_RANGE) {
        Some(condition) if condition != variant.etag => Span::Whole,
        Some(_) | None => range::parse(range, variant.size),
    }
}

async fn content(
    folder: Option<&Arc<Folder>>,
    variant: &Variant,
    start: u64,
    length: u64,
) -> io::Result<Content> {
    if let Some(cached) = &variant.cached {
        let start = usize::try_from(start).map_err(io::Error::other)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        return Ok(Content::Bytes(cached.slice(start..start + length)));
    }
    let folder = folder.ok_or(io::ErrorKind::NotFound)?;
    let (folder, variant) = (Arc::clone(folder), variant.clone());
    let file = spawn_blocking(move || folder.open(&variant)).await??;
    Ok(Content::File(FileBody::new(file, start, length)))
}
