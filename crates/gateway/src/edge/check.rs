//! What a request must be before anything is decided on it.
//!
//! hyper parses; this refuses what hyper lets through and two programs could read in two ways. One message rule cannot
//! be checked on the head alone: where a request has both lengths, hyper keeps the chunked one, removes the other and
//! closes the connection afterwards; [`super::framing`] has seen the bytes.

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, Version, header};
use hyper::ext::Protocol;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reject {
    /// No host at all.
    NoHost,
    /// Two hosts.
    ManyHosts,
    /// A host that is no host.
    BadHost,
    /// HTTP/2 says one host in `:authority` and another one in `host`.
    HostMismatch,
    /// Both lengths.
    TwoLengths,
    /// GET or HEAD with a coded body.
    CodedGet,
    /// A transfer coding other than exactly `chunked`.
    TransferCoding,
    /// A header of HTTP/1 connections in HTTP/2.
    ConnectionHeader,
    /// CONNECT that is no extended CONNECT.
    Connect,
    /// A target that is neither a path nor, for OPTIONS, `*`.
    Target,
}

impl Reject {
    /// Every reason, in the order of [`Reject::index`].
    pub(crate) const ALL: [Self; 10] = [
        Self::NoHost,
        Self::ManyHosts,
        Self::BadHost,
        Self::HostMismatch,
        Self::TwoLengths,
        Self::CodedGet,
        Self::TransferCoding,
        Self::ConnectionHeader,
        Self::Connect,
        Self::Target,
    ];

    /// Its place in [`Reject::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost
            | Self::ManyHosts
            | Self::BadHost
            | Self::HostMismatch
            | Self::TwoLengths
            | Self::CodedGet
            | Self::ConnectionHeader
            | Self::Target => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason as a metric's label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NoHost => "no_host",
            Self::ManyHosts => "many_hosts",
            Self::BadHost => "bad_host",
            Self::HostMismatch => "host_mismatch",
            Self::TwoLengths => "two_lengths",
            Self::CodedGet => "coded_get",
            Self::TransferCoding => "transfer_coding",
            Self::ConnectionHeader => "connection_header",
            Self::Connect => "connect",
            Self::Target => "target",
        }
    }

    /// The reason in words.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::NoHost => "the request names no host",
            Self::ManyHosts => "the request names more than one host",
            Self::BadHost => "the host is malformed",
            Self::HostMismatch => ":authority and host differ",
            Self::TwoLengths => "the request has two lengths",
            Self::CodedGet => "a GET or HEAD has no coded body",
            Self::TransferCoding => "chunked is the only transfer coding here",
            Self::ConnectionHeader => "a header of HTTP/1 connections in HTTP/2",
            Self::Connect => "this is not a forward proxy",
            Self::Target => "the target is not a path",
        }
    }
}

/// Checks a request's head; `two_lengths` is what its bytes said of it. Pure.
pub(crate) fn check_request(parts: &Parts, two_lengths: bool) -> Result<(), Reject> {
    check_framing(parts, two_lengths)?;
    check_target(parts)?;
    check_host(parts)
}

/// The host that a request is for, without port, as it was sent. Only after [`check_request`].
pub(crate) fn host(parts: &Parts) -> &str {
    // The target wins over the header (RFC 9112 section 3.2.2); both are equal in HTTP/2.
    match parts.uri.authority() {
        Some(authority) => authority.host(),
        None => without_port(host_header(&parts.headers).unwrap_or_default()),
    }
}

/// The host with its port, where it has one.
pub(crate) fn authority(parts: &Parts) -> &str {
    match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => host_header(&parts.headers).unwrap_or_default(),
    }
}

fn host_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn without_port(host: &str) -> &str {
    let end_of_address = host.rfind(']').map_or(0, |at| at + 1);
    match host[end_of_address..].find(':') {
        Some(colon) => &host[..end_of_address + colon],
        None => host,
    }
}

fn check_framing(parts: &Parts, two_lengths: bool) -> Result<(), Reject> {
    let headers = &parts.headers;
    let coded = headers.contains_key(header::TRANSFER_ENCODING);
    if parts.version == Version::HTTP_2 {
        let connection_class = coded
            || headers.contains_key(header::CONNECTION)
            || headers.contains_key(header::UPGRADE)
            || headers.contains_key("keep-alive")
            || headers.contains_key("proxy-connection");
        if connection_class {
            return Err(Reject::ConnectionHeader);
        }
    }
    if coded {
        let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        let first = codings.next().map(|value| value.as_bytes().trim_ascii());
        let exact = first.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        if !exact || codings.next().is_some() {
            return Err(Reject::TransferCoding);
        }
        if two_lengths || headers.contains_key(header::CONTENT_LENGTH) {
            return Err(Reject::TwoLengths);
        }
        if matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Reject::CodedGet);
        }
    }
    match headers.get_all(header::CONTENT_LENGTH).iter().count() {
        0 | 1 => Ok(()),
        _ => Err(Reject::TwoLengths),
    }
}

fn check_target(parts: &Parts) -> Result<(), Reject> {
    if parts.method == Method::CONNECT && parts.extensions.get::<Protocol>().is_none() {
        return Err(Reject::Connect);
    }
    let path = parts.uri.path();
    let asterisk = path == "*" && parts.method == Method::OPTIONS;
    if path.starts_with('/') || asterisk {
        Ok(())
    } else {
        Err(Reject::Target)
    }
}

fn check_host(parts: &Parts) -> Result<(), Reject> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() {
        return Err(Reject::ManyHosts);
    }
    let target = parts.uri.authority().map(Authority::as_str);
    match (target, header) {
        (None, None) => Err(Reject::NoHost),
        (Some(target), header) => {
            if !is_host(target.as_bytes()) {
                return Err(Reject::BadHost);
            }
            let differs = header
                .is_some_and(|header| !header.as_bytes().eq_ignore_ascii_case(target.as_bytes()));
            if differs && parts.version == Version::HTTP_2 {
                return Err(Reject::HostMismatch);
            }
            Ok(())
        }
        (None, Some(header)) if is_host(header.as_bytes()) => Ok(()),
        (None, Some(header)) if header.is_empty() => Err(Reject::NoHost),
        (None, Some(_)) => Err(Reject::BadHost),
    }
}

/// A name or an address with an optional port. No user information, no percent signs, no spaces.
fn is_host(host: &[u8]) -> bool {
    let legal = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
    };
    if host.is_empty() || host.len() > 260 || !host.iter().all(legal) {
        return false;
    }
    // A colon separates one port, unless it is inside the brackets of an IPv6 address.
    let after = host.iter().rposition(|byte| *byte == b']');
    let (address, port) = match after {
        Some(at) if host[0] == b'[' && at > 1 => (&host[1..at], &host[at + 1..]),
        Some(_) => return false,
        None => match host.iter().position(|byte| *byte == b':') {
            Some(at) => (&host[..at], &host[at..]),
            None => (host, &host[..0]),
        },
    };
    let port_is_fine = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    port_is_fine && !address.is_empty() && !address.iter().any(|byte| matches!(byte, b'[' | b']'))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
