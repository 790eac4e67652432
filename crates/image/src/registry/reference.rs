//! The name of an image in a registry: `[host[:port]/]repository[:tag][@digest]`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use plimsoll_bundle::Digest;

/// What a name without a host means, as everywhere since Docker.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where that registry really answers.
const DEFAULT_HOST: &str = "registry-1.docker.io";
/// Where it keeps images whose name has one part.
const DEFAULT_FOLDER: &str = "library/";
const DEFAULT_TAG: &str = "latest";
/// Bytes of a repository's name, at the most: what registries accept.
const MAX_REPOSITORY: usize = 255;
/// Bytes of a tag, at the most (distribution-spec, "pulling manifests").
const MAX_TAG: usize = 128;

/// The name of an image in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `docker.io`, `localhost:5000`, `ghcr.io`.
    pub registry: String,
    /// `library/postgres`, `owner/app/backend`.
    pub repository: String,
    /// What stands after the colon.
    pub tag: Option<String>,
    /// What stands after the `@`; it wins over the tag.
    pub digest: Option<Digest>,
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no image: {why}")]
pub struct ReferenceError {
    text: String,
    why: &'static str,
}

impl Reference {
    /// The host and port to speak to.
    pub fn host(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY {
            DEFAULT_HOST
        } else {
            &self.registry
        }
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// What to ask the registry for: the digest, else the tag, else `latest`.
    pub fn target(&self) -> &str {
        let tag = self.tag.as_deref().unwrap_or(DEFAULT_TAG);
        self.digest.as_ref().map_or(tag, Digest::as_str)
    }
}

/// Whether `authority` (`host` or `host:port`) is this machine.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = split_port(authority).0;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The host, with the brackets of IPv6, and what stands after its colon.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        parse(text).map_err(|why| ReferenceError {
            text: text.chars().take(MAX_REPOSITORY * 2).collect(),
            why,
        })
    }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    let (text, digest) = match text.split_once('@') {
        Some((text, digest)) => (
            text,
            Some(
                digest
                    .parse()
                    .map_err(|_| "what follows `@` is no sha256 digest")?,
            ),
        ),
        None => (text, None),
    };
    let (registry, rest) = match text.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => (DEFAULT_REGISTRY, text),
    };
    ensure_authority(registry)?;
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    if let Some(tag) = tag {
        ensure_tag(tag)?;
    }
    let is_bare = registry == DEFAULT_REGISTRY && !repository.contains('/');
    let folder = if is_bare { DEFAULT_FOLDER } else { "" };
    let repository = format!("{folder}{repository}");
    ensure_repository(&repository)?;
    Ok(Reference {
        registry: registry.to_owned(),
        repository,
        tag: tag.map(str::to_owned),
        digest,
    })
}

fn ensure_authority(authority: &str) -> Result<(), &'static str> {
    let (host, port) = split_port(authority);
    let is_name = |host: &str| {
        !host.is_empty()
            && !host.starts_with(['-', '.'])
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    };
    let is_ipv6 = |host: &str| {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.is_some_and(|bare| bare.parse::<std::net::Ipv6Addr>().is_ok())
    };
    if host.len() > MAX_REPOSITORY || !(is_name(host) || is_ipv6(host)) {
        return Err("its registry is no host name");
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(()),
        Some(_) => Err("its registry has a port that is no number from 1 to 65535"),
    }
}

fn ensure_repository(repository: &str) -> Result<(), &'static str> {
    if repository.is_empty() || repository.len() > MAX_REPOSITORY {
        return Err("the repository's name is empty or longer than 255 bytes");
    }
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("a repository's name has no capital letters");
    }
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = [part.bytes().next(), part.bytes().last()];
        ends.iter().all(|end| end.is_some_and(is_plain))
            && part
                .bytes()
                .all(|byte| is_plain(byte) || b"._-".contains(&byte))
            && !["..", "._", "_.", ".-", "-.", "_-", "-_", "___"]
                .iter()
                .any(|bad| part.contains(bad))
    };
    if repository.split('/').all(is_part) {
        Ok(())
    } else {
        Err(
            "a repository's name is lower-case letters and digits, with single `.`, `_`, `-` and `/` between them",
        )
    }
}

fn ensure_tag(tag: &str) -> Result<(), &'static str> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_good = tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || b".-".contains(&byte));
    if is_good {
        Ok(())
    } else {
        Err(
            "a tag is up to 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two",
        )
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for (text, full, host, target) in [
            (
                "postgres",
                "docker.io/library/postgres",
                "registry-1.docker.io",
                "latest",
            ),
            (
                "owner/app:1.2",
                "docker.io/owner/app:1.2",
                "registry-1.docker.io",
                "1.2",
            ),
            ("localhost/app", "localhost/app", "localhost", "latest"),
            (
                "127.0.0.1:5000/a/b:x",
                "127.0.0.1:5000/a/b:x",
                "127.0.0.1:5000",
                "x",
            ),
            ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000", "latest"),
            (
                "ghcr.io/o/a__b-c.d:A_1",
                "ghcr.io/o/a__b-c.d:A_1",
                "ghcr.io",
                "A_1",
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), full);
            assert_eq!((reference.host(), reference.target()), (host, target));
            assert_eq!(full.parse::<Reference>().unwrap(), reference);
        }
        let digest = Digest::of(b"x");
        let both: Reference = format!("a/b:1@{digest}").parse().unwrap();
        assert_eq!(both.target(), digest.as_str());
    }

    #[test]
    fn what_names_no_image_says_why() {
        for text in [
            "",
            "/",
            "A",
            "a/",
            "a//b",
            "a:",
            "a:-1",
            "a:b:c",
            "a@sha256:1",
            "a b",
            "-.x/a",
            "x.y:0/a",
            "x.y:99999/a",
            "a..b",
            "[::g]:1/a",
            "a_-b",
            "a\n",
            "a?b",
            "../a",
            "x.y/../a",
            "user@x.y/a",
            // Short enough by itself, and not with the folder that the default registry puts it in.
            &"a".repeat(250),
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:5",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "127.0.0.1.example.com:80",
            "10.0.0.1",
            "example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
