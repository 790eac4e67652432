//! A request as a replica is to see it, as often as it may be sent.

use std::rc::Rc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use super::request_body::{Progress, RequestBody};

/// A request that has not been answered yet; in a box, as [`super::asked::Asked`].
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// What is sent next: at first, and when a connection that was closed before the request was on it gave it back.
    next: Option<Request<RequestBody>>,
    copy: Option<Copy>,
    progress: Option<Rc<Progress>>,
}

/// What a request can be made of once more. A list, because a map that nobody looks into costs twice its time and
/// three times its room. Extensions are of no interest to a replica.
#[derive(Debug)]
struct Copy {
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
}

impl Outgoing {
    /// A request with a body that was kept, so that it can be sent again.
    pub(crate) fn kept(head: Parts, body: Option<Bytes>) -> Box<Self> {
        let copy = Copy::of(&head, body.clone());
        let request = Request::from_parts(head, RequestBody::Kept(body));
        Box::new(Self {
            next: Some(request),
            copy: Some(copy),
            progress: None,
        })
    }

    /// A request whose body is passed on as it comes.
    pub(crate) fn streamed(head: Parts, body: RequestBody, progress: Rc<Progress>) -> Box<Self> {
        Box::new(Self {
            next: Some(Request::from_parts(head, body)),
            copy: None,
            progress: Some(progress),
        })
    }

    /// Whether it can be sent again although it may have arrived.
    pub(crate) fn is_replayable(&self) -> bool {
        self.copy.is_some()
    }

    /// How far a body that is passed on has come.
    pub(crate) fn progress(&self) -> Option<&Rc<Progress>> {
        self.progress.as_ref()
    }

    /// What is to be sent now; `None` where it was sent and can be sent only once.
    pub(crate) fn next(&mut self) -> Option<Request<RequestBody>> {
        let copied = || self.copy.as_ref().map(Copy::request);
        self.next.take().or_else(copied)
    }

    /// It was not sent.
    pub(crate) fn give_back(&mut self, unsent: Request<RequestBody>) {
        self.next = Some(unsent);
    }
}

impl Copy {
    fn of(head: &Parts, body: Option<Bytes>) -> Self {
        let headers = head.headers.iter();
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: headers
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body,
        }
    }

    fn request(&self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Kept(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        *request.headers_mut() = headers;
        request
    }
}
