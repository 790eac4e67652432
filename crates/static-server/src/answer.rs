//! One request, one answer.

use std::convert::Infallible;

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use plimsoll_files::{Ask, Content, Site, path};

/// Answered with 200 where no file has the name: whoever restarts or routes asks for one of them.
const HEALTH: [&str; 2] = ["/livez", "/readyz"];

/// The answer to a request; its body is never read, so a connection that sends one ends with the answer.
pub(crate) async fn answer(
    site: &Site,
    request: Request<Incoming>,
) -> Result<Response<Content>, Infallible> {
    Ok(match find(site, &request).await {
        Ok(response) => response,
        Err(status)
            if HEALTH.contains(&request.uri().path()) && status == StatusCode::NOT_FOUND =>
        {
            text(StatusCode::OK)
        }
        Err(status) => text(status),
    })
}

async fn find(site: &Site, request: &Request<Incoming>) -> Result<Response<Content>, StatusCode> {
    let asked = request.uri().path();
    let path = path::normalise(asked).map_err(|_| StatusCode::BAD_REQUEST)?;
    if HEALTH.contains(&asked) && !names_file(site, asked) {
        return Err(StatusCode::NOT_FOUND);
    }
    let ask = Ask {
        method: request.method(),
        path: &path,
        full_path: &path,
        headers: request.headers(),
    };
    plimsoll_files::serve(site, &ask).await
}

/// Whether a file has exactly this name: the page for unknown paths must not answer for the server's health.
fn names_file(site: &Site, path: &str) -> bool {
    let folder = site.folder.as_ref();
    folder.is_some_and(|folder| folder.contains(path.trim_start_matches('/')))
}

fn text(status: StatusCode) -> Response<Content> {
    let line = format!("{}\n", status.canonical_reason().unwrap_or("error"));
    let mut response = Response::new(Content::Bytes(line.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
