//! One repository of one registry: requests, redirects, tries.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use plimsoll_stdx::random;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, SendBody};

use super::settings::{Access, Settings, Transport};
use super::{Credentials, Reference, RegistryError, headers, url};

/// Redirects of one request, at the most: a registry sends to its storage, which may send on once.
const MAX_REDIRECTS: u32 = 5;
/// The longest wait that a registry may ask for; one that wants more gets an error that says so.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);
/// To name, connection and TLS: three packets lost in a row.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// Without a byte moving: a registry that verifies a layer of some GiB before it answers needs a minute.
const SILENCE: Duration = Duration::from_mins(2);
/// Bytes of an error's body that are read for what it says.
const MAX_ERROR: u64 = 8 << 10;
/// Characters of it that are shown.
const MAX_DETAIL: usize = 300;

/// A repository of a registry, and what it takes to speak to it.
pub struct Registry {
    pub(super) reference: Reference,
    pub(super) settings: Settings,
    pub(super) access: Access,
    pub(super) base: Uri,
    pub(super) authorization: Mutex<Option<String>>,
    agent: Agent,
}

/// A request that can be sent more than once.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content<'a>,
    /// As in "cannot reach registry to …".
    pub(super) action: String,
}

/// What a request carries.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Part {
        path: &'a Path,
        start: u64,
        length: u64,
    },
}

/// Why there was no answer that counts.
pub(super) enum Failure {
    /// May go better next time, after this long if the registry said so.
    Lost {
        source: io::Error,
        status: Option<StatusCode>,
        detail: String,
        wait: Option<Duration>,
    },
    Fatal(RegistryError),
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Fatal(error)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Prepares to speak to the registry of `reference`. Nothing is sent yet.
    pub fn new(
        reference: &Reference,
        access: Access,
        settings: Settings,
    ) -> Result<Self, RegistryError> {
        let scheme = match settings.transport {
            Transport::Plain => "http",
            Transport::Automatic if reference.is_loopback() => "http",
            Transport::Automatic | Transport::Encrypted => "https",
        };
        let base = format!(
            "{scheme}://{}/v2/{}/",
            reference.host(),
            reference.repository
        );
        let base = base
            .parse()
            .map_err(|_| protocol(&reference.registry, "name it", "its name makes no address"))?;
        let agent = agent(&settings)?;
        Ok(Self {
            reference: reference.clone(),
            settings,
            access,
            base,
            authorization: Mutex::default(),
            agent,
        })
    }

    /// The address of something in the repository.
    pub(super) fn address(&self, path: &str) -> Result<Uri, RegistryError> {
        format!("{}{path}", self.base)
            .parse()
            .map_err(|_| self.broke("address it", "its name makes no address"))
    }

    pub(super) fn broke(&self, action: &str, why: &str) -> RegistryError {
        protocol(&self.reference.registry, action, why)
    }

    /// The answer, after as many tries as it takes and may take. Of 4xx only those are errors that mean the same in
    /// every place.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Response<Body>, RegistryError> {
        let mut failures = 0;
        loop {
            match self.send_once(call) {
                Ok(answer) => return Ok(answer),
                Err(failure) => {
                    failures += 1;
                    self.wait_after(failure, failures, &call.action)?;
                }
            }
        }
    }

    /// Waits before the next try, or says why there is none.
    pub(super) fn wait_after(
        &self,
        failure: Failure,
        failures: u32,
        action: &str,
    ) -> Result<(), RegistryError> {
        let (source, status, detail, wait) = match failure {
            Failure::Fatal(error) => return Err(error),
            Failure::Lost {
                source,
                status,
                detail,
                wait,
            } => (source, status, detail, wait),
        };
        let is_too_long = wait.is_some_and(|wait| wait > MAX_RETRY_AFTER);
        if failures >= self.settings.attempts || is_too_long {
            let (registry, action) = (self.reference.registry.clone(), action.to_owned());
            return Err(match status {
                Some(status) => RegistryError::Unavailable {
                    registry,
                    action,
                    status: status.as_u16(),
                    attempts: failures,
                    detail,
                },
                None => RegistryError::Unreachable {
                    registry,
                    action,
                    attempts: failures,
                    source,
                },
            });
        }
        thread::sleep(
            wait.unwrap_or_else(|| self.settings.backoff.delay(failures, random::number())),
        );
        Ok(())
    }

    /// One try: redirects followed, authentication done once if the registry asks for it.
    pub(super) fn send_once(&self, call: &Call<'_>) -> Result<Response<Body>, Failure> {
        let answer = self.follow(call, true)?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return self.judge(call, answer);
        }
        self.authenticate(answer.headers(), &call.action)?;
        let answer = self.follow(call, true)?;
        self.judge(call, answer)
    }

    fn judge(
        &self,
        call: &Call<'_>,
        mut answer: Response<Body>,
    ) -> Result<Response<Body>, Failure> {
        let status = answer.status();
        let registry = || self.reference.registry.clone();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let who = if self.settings.credentials.is_some() {
                "this user"
            } else {
                "an anonymous user"
            };
            let (action, detail) = (call.action.clone(), self.detail(&mut answer));
            return Err(RegistryError::Unauthorized {
                registry: registry(),
                who,
                action,
                status: status.as_u16(),
                detail,
            }
            .into());
        }
        let is_busy = matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        ) || status.is_server_error();
        if !is_busy {
            return Ok(answer);
        }
        let wait = text(answer.headers(), "retry-after").and_then(headers::retry_after);
        let source = io::Error::other(format!("it answered {status}"));
        Err(Failure::Lost {
            source,
            status: Some(status),
            detail: self.detail(&mut answer),
            wait,
        })
    }

    /// Follows the redirects of a GET. Authorization stays with the registry.
    pub(super) fn follow(
        &self,
        call: &Call<'_>,
        authorized: bool,
    ) -> Result<Response<Body>, Failure> {
        let mut uri = call.uri.clone();
        for _ in 0..=MAX_REDIRECTS {
            if let Some(why) = url::objection(&self.base, &uri) {
                return Err(self.broke(&call.action, why).into());
            }
            let answer = self.request(
                call,
                &uri,
                authorized && url::is_same_place(&self.base, &uri),
            )?;
            if !(call.method == Method::GET && answer.status().is_redirection()) {
                return Ok(answer);
            }
            let location = text(answer.headers(), "location");
            uri = location
                .and_then(|location| url::resolve(&uri, location))
                .ok_or_else(|| self.broke(&call.action, "it redirects to nowhere"))?;
        }
        Err(self
            .broke(
                &call.action,
                &format!("it redirects more than {MAX_REDIRECTS} times"),
            )
            .into())
    }

    pub(super) fn request(
        &self,
        call: &Call<'_>,
        uri: &Uri,
        authorized: bool,
    ) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder().method(call.method.clone()).uri(uri);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let authorization = self
            .authorization
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        if let Some(value) = authorization.filter(|_| authorized) {
            request = request.header("authorization", value);
        }
        let (body, length) = call.content.open()?;
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let request = request
            .body(body)
            .map_err(|_| self.broke(&call.action, "an answer of it makes no request"))?;
        self.agent.run(request).map_err(lost)
    }

    /// An answer that is neither what was wanted nor worth another try.
    pub(super) fn refused(&self, action: &str, mut answer: Response<Body>) -> RegistryError {
        RegistryError::Refused {
            registry: self.reference.registry.clone(),
            action: action.to_owned(),
            status: answer.status().as_u16(),
            detail: self.detail(&mut answer),
        }
    }

    /// What the answer says, without what a registry may have echoed of our login.
    fn detail(&self, answer: &mut Response<Body>) -> String {
        let mut said = detail(answer);
        let held = self
            .authorization
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let held = held
            .as_deref()
            .and_then(|value| value.split_once(' '))
            .map(|(_, secret)| secret.to_owned());
        let own = self
            .settings
            .credentials
            .iter()
            .flat_map(Credentials::secrets);
        for secret in own.chain(held).filter(|secret| !secret.is_empty()) {
            said = said.replace(&secret, "***");
        }
        said
    }
}

impl Content<'_> {
    fn open(self) -> Result<(SendBody<'static>, Option<u64>), Failure> {
        Ok(match self {
            Self::Nothing => (SendBody::none(), None),
            Self::Bytes(bytes) => (
                SendBody::from_owned_reader(io::Cursor::new(bytes.to_vec())),
                Some(bytes.len() as u64),
            ),
            Self::Part {
                path,
                start,
                length,
            } => {
                let open = || -> io::Result<_> {
                    let mut file = File::open(path)?;
                    file.seek(SeekFrom::Start(start))?;
                    Ok(file.take(length))
                };
                let part = open().map_err(|source| RegistryError::Blob {
                    blob: path.display().to_string(),
                    source,
                })?;
                (SendBody::from_owned_reader(part), Some(length))
            }
        })
    }
}

fn protocol(registry: &str, action: &str, why: &str) -> RegistryError {
    RegistryError::Protocol {
        registry: registry.to_owned(),
        action: action.to_owned(),
        why: why.to_owned(),
    }
}

pub(super) fn lost(error: ureq::Error) -> Failure {
    let source = match error {
        ureq::Error::Io(error) => error,
        error => io::Error::other(error.to_string()),
    };
    Failure::Lost {
        source,
        status: None,
        detail: String::new(),
        wait: None,
    }
}

/// A header's text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a registry says in the body of an error: its codes and messages, else the beginning of the text, without what
/// would move a terminal's cursor.
fn detail(answer: &mut Response<Body>) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let mut bytes = Vec::new();
    // A body that breaks off says what it said so far.
    let _ = answer
        .body_mut()
        .as_reader()
        .take(MAX_ERROR)
        .read_to_end(&mut bytes);
    let said = match serde_json::from_slice::<Errors>(&bytes) {
        Ok(said) => {
            let one = |one: &One| format!("{} {}", one.code, one.message);
            said.errors.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let plain = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    said.chars()
        .map(plain)
        .take(MAX_DETAIL)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn agent(settings: &Settings) -> Result<Agent, RegistryError> {
    let proxy = match &settings.proxy {
        Some(proxy) => Some(Proxy::new(proxy).map_err(|_| RegistryError::Proxy)?),
        None => None,
    };
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(authorities(
            &settings.extra_authorities,
        )?)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .tls_config(tls)
        .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(CONNECT_WITHIN))
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .build();
    Ok(Agent::new_with_config(config))
}

/// Mozilla's list, which is compiled in, and what the caller trusts beside it. This machine's own list is not read: it
/// differs from machine to machine.
fn authorities(extra: &[u8]) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let listed = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let mut all: Vec<_> = listed
        .map(|certificate| Certificate::from_der(certificate))
        .collect();
    let before = all.len();
    for item in parse_pem(extra) {
        match item {
            Ok(PemItem::Certificate(certificate)) => all.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(RegistryError::Authorities),
        }
    }
    if !extra.is_empty() && all.len() == before {
        return Err(RegistryError::Authorities);
    }
    Ok(all)
}
