//! Where requests go: an origin, and the socket that is dialled for it.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Scheme;

/// An origin (`scheme://host:port`) and where it is dialled. Names are not looked up: a name such as
/// `app.localhost`, which many resolvers do not know, is tested on the machine that serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What stands in `Host` and, over TLS, in the server's name.
    pub host: String,
    /// The port of the origin.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// What is dialled.
    pub dial: SocketAddr,
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: expected http://HOST[:PORT] or https://HOST[:PORT]")]
pub struct AddressError(String);

impl Address {
    /// The origin of `url`, dialled at `ip`. A path in it is passed over.
    pub fn try_new(url: &str, ip: std::net::IpAddr) -> Result<Self, AddressError> {
        let wrong = || AddressError(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(_) | None => return Err(wrong()),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
            dial: SocketAddr::new(ip, port),
        })
    }

    /// The value of `Host`: without the port where it is the scheme's own.
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn an_origin_keeps_its_name_and_is_dialled_where_it_is_told() {
        let plain = Address::try_new("http://app.localhost:8080/page", HERE).unwrap();
        assert_eq!(plain.authority(), "app.localhost:8080");
        assert_eq!(plain.dial, "127.0.0.1:8080".parse().unwrap());
        let tls = Address::try_new("https://example.com", HERE).unwrap();
        assert!(tls.tls && tls.authority() == "example.com" && tls.dial.port() == 443);
    }

    #[test]
    fn what_is_no_http_origin_is_refused() {
        for text in ["", "app", "/path", "ftp://host/", "http://", "http:///x"] {
            assert!(Address::try_new(text, HERE).is_err(), "{text}");
        }
    }
}
