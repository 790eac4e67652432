//! Addresses of what a service talks to. Most hold a password, so they are handed over as secrets.

use plimsoll_bundle::local::{LocalBundle, NeedSpec, Over, ProgramSpec, ResourceSpec, SecretMeans};
use plimsoll_deploy::Fault;
use plimsoll_supervisor::secrets::Secrets;

use super::edges;
use super::layout::Layout;
use crate::LocalError;
use crate::error::Refusal;
use crate::resources::{password_name, postgres, redis};
use crate::secrets::SecretStore;

/// The file below the secrets' folder that holds the address of `need`.
pub(crate) fn file_name(need: &str) -> String {
    format!("need-{need}")
}

/// What decides addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses<'a> {
    pub(crate) program: &'a ProgramSpec,
    pub(crate) bundle: &'a LocalBundle,
    pub(crate) layout: &'a Layout,
    pub(crate) store: &'a SecretStore,
    /// How long sessions with a database wait for a lock; nothing is for ever.
    pub(crate) lock_timeout_ms: Option<u64>,
}

/// Adds the addresses of what the program needs to `secrets`.
pub(crate) fn add(secrets: &mut Secrets, addresses: Addresses<'_>) -> Result<(), LocalError> {
    for (name, need) in &addresses.program.needs {
        let address = match addresses.of(need) {
            Ok(address) => address,
            Err(LocalError::Secret(_)) if need.optional => continue,
            Err(error) => return Err(error),
        };
        match need.by {
            SecretMeans::File => secrets.files.insert(file_name(name), address),
            SecretMeans::Env => secrets.env.insert(need.variable.clone(), address),
        };
    }
    Ok(())
}

impl Addresses<'_> {
    fn of(&self, need: &NeedSpec) -> Result<String, LocalError> {
        let Some(resource) = self.bundle.resources.get(&need.to) else {
            return self.of_service(need);
        };
        let by_tcp = need.over == Over::Tcp && crate::resources::runs_here(resource);
        if by_tcp && !self.layout.contains() {
            return Err(edges::refusal(need));
        }
        let dir = self.layout.need_dir(&need.to);
        let place = |port| (need.to.as_str(), edges::beside(&self.program.ports, port));
        let password = || newest(self.store, &password_name(&need.to));
        match resource {
            ResourceSpec::Postgres(spec) => {
                let password = password()?;
                let password = password.expose();
                let mut address = if by_tcp {
                    postgres::address_over_tcp(spec, place(postgres::PORT), password)
                } else {
                    postgres::address(spec, &dir, password)
                };
                if let Some(timeout) = self.lock_timeout_ms {
                    address.push_str(&postgres::with_lock_timeout(timeout));
                }
                Ok(address)
            }
            ResourceSpec::Redis(_) => {
                let password = password()?;
                let password = password.expose();
                Ok(if by_tcp {
                    redis::address_over_tcp(place(redis::PORT), password)
                } else {
                    redis::address(&dir, password)
                })
            }
            ResourceSpec::Sqlite { .. } => Ok(format!("sqlite://{}/data.db", dir.display())),
            ResourceSpec::External {
                scheme,
                address,
                secret,
            } => {
                let credentials = secret
                    .as_ref()
                    .map(|secret| newest(self.store, secret))
                    .transpose()?;
                let credentials = credentials.as_ref().map(crate::secrets::Secret::expose);
                ensure_same_place(&need.to, address, credentials)?;
                Ok(external(scheme, address, credentials))
            }
        }
    }

    /// The address of another service: a URL where its port is one of HTTP.
    fn of_service(&self, need: &NeedSpec) -> Result<String, LocalError> {
        let place = edges::service(need, self.bundle).ok_or_else(|| LocalError::Unknown {
            what: "resource or service with replicas on this machine",
            name: need.to.clone(),
        })?;
        if !self.layout.contains() {
            return Err(edges::refusal(need));
        }
        let is_http = need
            .port
            .as_deref()
            .is_none_or(|port| port == "http" || port.starts_with("http-"));
        let scheme = if is_http { "http://" } else { "" };
        let port = edges::beside(&self.program.ports, place.port);
        Ok(format!("{scheme}{}:{port}", place.host))
    }
}

fn newest(store: &SecretStore, name: &str) -> Result<crate::secrets::Secret, LocalError> {
    let version = store
        .newest(name)?
        .ok_or_else(|| crate::secrets::SecretError::Missing {
            name: name.to_owned(),
        })?;
    Ok(store.get(name, version)?)
}

/// A secret that is a whole address may say who comes, but not to whom: that is what the file says, and what the
/// program can connect to.
fn ensure_same_place(
    resource: &str,
    address: &str,
    credentials: Option<&str>,
) -> Result<(), LocalError> {
    let secret = credentials.filter(|secret| secret.contains("://"));
    let (Some(declared), Some(meant)) = (edges::parse(address), secret.and_then(edges::parse))
    else {
        return Ok(());
    };
    if declared == meant {
        return Ok(());
    }
    Err(LocalError::Refused(Refusal {
        message: format!("the secret of `resource.{resource}` leads elsewhere than its `address`"),
        hint: Some(
            "name the secret's host and port as the `address`, for nothing else can be reached"
                .into(),
        ),
        fault: Fault::App,
    }))
}

/// A secret that is a whole address is taken as such; otherwise it is what stands before the `@`.
fn external(scheme: &str, address: &str, credentials: Option<&str>) -> String {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    match credentials {
        Some(whole) if whole.contains("://") => whole.to_owned(),
        Some(credentials) => format!("{scheme}://{credentials}@{bare}"),
        None => format!("{scheme}://{bare}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_leads_to_the_address_of_the_file_and_nowhere_else() {
        let address = "db.example.com:5432";
        for (secret, well) in [
            (None, true),
            (Some("user:pass"), true),
            (Some("postgres://u:p@db.example.com:5432/app"), true),
            (Some("postgres://u:p@db.example.com/app"), true),
            (Some("postgres://u:p@elsewhere.example.com:5432/app"), false),
            (Some("postgres://u:p@db.example.com:5433/app"), false),
        ] {
            let ensured = ensure_same_place("db", address, secret);
            assert_eq!(ensured.is_ok(), well, "{secret:?}");
        }
        assert!(ensure_same_place("db", "", Some("postgres://u:p@db:1/app")).is_ok());
    }

    #[test]
    fn external_addresses_take_their_credentials_in_either_form() {
        let check = |credentials| external("postgres", "db.example.com:5432/app", credentials);
        assert_eq!(check(None), "postgres://db.example.com:5432/app");
        assert_eq!(check(Some("u:p")), "postgres://u:p@db.example.com:5432/app");
        assert_eq!(
            check(Some("postgres://u:p@other/app")),
            "postgres://u:p@other/app"
        );
        assert_eq!(
            external("s3", "https://s3.example.com", None),
            "s3://s3.example.com"
        );
    }
}
