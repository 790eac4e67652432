//! Where something is reached.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, serde_as_text};

/// A host and a port: `traffic.example.com:443`, `[::1]:5432`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// Never zero.
    pub port: u16,
}

impl FromStr for HostPort {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || {
            UnitError::new(format!(
                "`{text}` is not a host and a port: write `host.example.com:443`"
            ))
        };
        if text.contains("://") {
            return Err(UnitError::new(format!(
                "`{text}` is an URL where a host and a port belong: leave out the scheme and the path"
            )));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some(parts) => parts,
            None if is_host(text) => return Err(wrong().suggesting(format!("{text}:443"))),
            None => return Err(wrong()),
        };
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let valid = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host(host),
        };
        if !valid || port == 0 {
            return Err(wrong());
        }
        Ok(Self {
            host: bare.unwrap_or(host).to_owned(),
            port,
        })
    }
}

/// Letters, digits, dashes and dots, as DNS wants them; an IPv4 address passes too.
pub(crate) fn is_host(text: &str) -> bool {
    // 253 and 63 are DNS's bounds of a name and of a label.
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

serde_as_text!(HostPort);

/// A port of a service: `backend:http`. A service of static files has none: `frontend`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRef {
    /// The service's name.
    pub service: String,
    /// The port's name; `None` is `http` for a program, and the files of a static service.
    pub port: Option<String>,
}

impl FromStr for PortRef {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (service, port) = match text.split_once(':') {
            Some((service, port)) => (service, Some(port)),
            None => (text, None),
        };
        let bad =
            |part: &str| part.is_empty() || part.contains(|c: char| c == ':' || c.is_whitespace());
        if bad(service) || port.is_some_and(bad) {
            return Err(UnitError::new(format!(
                "`{text}` does not name a service: write `backend:http`, or `frontend` for static files"
            )));
        }
        Ok(Self {
            service: service.to_owned(),
            port: port.map(str::to_owned),
        })
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        match &self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

serde_as_text!(PortRef);

/// A web origin: scheme, host and perhaps a port, no path: `https://app.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin as a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || {
            UnitError::new(format!(
                "`{text}` is not an origin: write `https://app.example.com`"
            ))
        };
        if text == "*" || text == "null" {
            return Err(UnitError::new(format!(
                "`{text}` lets every site read the answers: name the origins one by one"
            )));
        }
        let Some(rest) = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
        else {
            return Err(if is_host(text) {
                wrong().suggesting(format!("https://{text}"))
            } else {
                wrong()
            });
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if authority != rest {
            return Err(
                wrong().suggesting(text[..text.len() - rest.len() + authority.len()].to_owned())
            );
        }
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        if !is_host(host) || port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(Origin);
