//! A request on its way through the gateway.

use http::request::Parts;
use http::{Method, Request};
use hyper::body::Incoming;

/// What a client asks. It goes from hand to hand in a box: a future has room for what it is given and once more for
/// what it makes of it, and each of those between a client and a replica would have that for a whole head.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) head: Parts,
    pub(crate) body: Incoming,
}

impl Asked {
    /// As it came.
    pub(crate) fn new(request: Request<Incoming>) -> Box<Self> {
        let (head, body) = request.into_parts();
        Box::new(Self { head, body })
    }

    /// Back in one.
    pub(crate) fn into_request(self: Box<Self>) -> Request<Incoming> {
        let Self { head, body } = *self;
        Request::from_parts(head, body)
    }

    /// Whether doing it twice is as good as once, and its method promises so.
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(
            self.head.method,
            Method::GET | Method::HEAD | Method::PUT | Method::DELETE
        )
    }
}
