//! Answers a registry's challenge: a password, or a token that another server gives for it.

use std::io::Read;

use serde::Deserialize;
use ureq::http::{HeaderMap, Method, StatusCode, Uri};

use super::challenge::{self, Challenge};
use super::client::{Call, Content, Failure, Registry, lost};
use super::settings::Access;
use super::{RegistryError, url};

/// Bytes of a token server's answer, at the most: tokens with the rights of some hundred repositories have 10 KiB.
const MAX_TOKEN: u64 = 64 << 10;
/// Bytes of all challenges together that are read.
const MAX_CHALLENGE: usize = 8 << 10;

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// Gets what the challenge in `headers` asks for. Called once per request, so that a registry that is never content
    /// ends in an error.
    pub(super) fn authenticate(&self, headers: &HeaderMap, action: &str) -> Result<(), Failure> {
        let challenges = read(headers);
        let of = |scheme: &str| {
            challenges
                .iter()
                .find(|challenge| challenge.scheme == scheme)
        };
        let value = match (of("bearer"), of("basic"), &self.settings.credentials) {
            (Some(bearer), _, _) => format!("Bearer {}", self.token(bearer, action)?),
            (None, Some(_), Some(credentials)) => credentials.basic(),
            (None, Some(_), None) | (None, None, _) => {
                return Err(self.unauthorized(action).into());
            }
        };
        *self
            .authorization
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
        Ok(())
    }

    fn unauthorized(&self, action: &str) -> RegistryError {
        let (who, detail) = match self.settings.credentials {
            Some(_) => ("this user", "it offers no way to log in that is known here"),
            None => ("an anonymous user", "it wants a login"),
        };
        RegistryError::Unauthorized {
            registry: self.reference.registry.clone(),
            who,
            action: action.to_owned(),
            status: StatusCode::UNAUTHORIZED.as_u16(),
            detail: detail.to_owned(),
        }
    }

    /// All rights that this transfer needs, asked for at once: a token for the first request does for the last.
    fn scopes(&self) -> Vec<String> {
        let repository = &self.reference.repository;
        match &self.access {
            Access::Pull => vec![format!("repository:{repository}:pull")],
            Access::Push { mount_from } => {
                let mut scopes = vec![format!("repository:{repository}:pull,push")];
                scopes.extend(
                    mount_from
                        .iter()
                        .map(|from| format!("repository:{from}:pull")),
                );
                scopes
            }
        }
    }

    fn token(&self, challenge: &Challenge, action: &str) -> Result<String, Failure> {
        let broke = |why: &str| self.broke(action, why);
        let realm = challenge
            .get("realm")
            .ok_or_else(|| broke("its challenge names no token server"))?;
        let mut address = realm.to_owned();
        if let Some(service) = challenge.get("service") {
            address = url::with_query(&address, "service", service);
        }
        for scope in self.scopes() {
            address = url::with_query(&address, "scope", &scope);
        }
        let uri: Uri = address
            .parse()
            .map_err(|_| broke("its token server has no address"))?;
        if let Some(why) = url::objection(&self.base, &uri) {
            return Err(broke(why).into());
        }
        let credentials = self.settings.credentials.iter();
        let call = Call {
            method: Method::GET,
            uri,
            headers: credentials
                .map(|one| ("authorization", one.basic()))
                .collect(),
            content: Content::Nothing,
            action: format!("{action} (asking {} for a token)", host(realm)),
        };
        let answer = self.follow_nowhere(&call)?;
        match answer.status() {
            StatusCode::OK => self.read_token(answer, action),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.refused_login(action).into())
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Lost {
                    source: std::io::Error::other(format!("its token server answered {status}")),
                    status: Some(status),
                    detail: "from its token server".to_owned(),
                    wait: None,
                })
            }
            _ => Err(self.refused(&call.action, answer).into()),
        }
    }

    /// The password goes to the token server and nowhere on from there.
    fn follow_nowhere(&self, call: &Call<'_>) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        self.request(call, &call.uri, false)
    }

    fn refused_login(&self, action: &str) -> RegistryError {
        RegistryError::Unauthorized {
            registry: self.reference.registry.clone(),
            who: if self.settings.credentials.is_some() {
                "this user"
            } else {
                "an anonymous user"
            },
            action: action.to_owned(),
            status: StatusCode::UNAUTHORIZED.as_u16(),
            detail: "its token server refuses the login".to_owned(),
        }
    }

    fn read_token(
        &self,
        mut answer: ureq::http::Response<ureq::Body>,
        action: &str,
    ) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        let reader = answer.body_mut().as_reader();
        reader
            .take(MAX_TOKEN + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| lost(error.into()))?;
        let broke = |why: &str| Failure::from(self.broke(action, why));
        if bytes.len() as u64 > MAX_TOKEN {
            return Err(broke("its token server answers with more than 64 KiB"));
        }
        // What does not parse may hold half a token: the error does not show it.
        let token: Token = serde_json::from_slice(&bytes)
            .map_err(|_| broke("its token server answers without JSON"))?;
        let token = token.token.or(token.access_token).unwrap_or_default();
        let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain {
            Ok(token)
        } else {
            Err(broke("its token server gives no token"))
        }
    }
}

fn read(headers: &HeaderMap) -> Vec<Challenge> {
    let mut left = MAX_CHALLENGE;
    let mut challenges = Vec::new();
    for value in headers.get_all("www-authenticate") {
        let Ok(text) = value.to_str() else {
            continue;
        };
        let Some(rest) = left.checked_sub(text.len()) else {
            break;
        };
        left = rest;
        challenges.extend(challenge::parse(text));
    }
    challenges
}

fn host(realm: &str) -> String {
    let uri: Option<Uri> = realm.parse().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_else(|| "its token server".to_owned())
}
