//! Addresses of what a service talks to. Most hold a password, so they are handed over as secrets.

use plimsoll_bundle::local::{LocalBundle, NeedSpec, ResourceSpec, SecretMeans};
use plimsoll_supervisor::secrets::Secrets;

use super::layout::Layout;
use crate::LocalError;
use crate::resources::{password_name, postgres, redis};
use crate::secrets::SecretStore;

/// The file below the secrets' folder that holds the address of `need`.
pub(crate) fn file_name(need: &str) -> String {
    format!("need-{need}")
}

/// Adds the addresses of `needs` to `secrets`.
pub(crate) fn add<'a>(
    secrets: &mut Secrets,
    needs: impl Iterator<Item = (&'a String, &'a NeedSpec)>,
    bundle: &LocalBundle,
    (layout, store): (&Layout, &SecretStore),
) -> Result<(), LocalError> {
    for (name, need) in needs {
        let address = match address(need, bundle, layout, store) {
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

fn address(
    need: &NeedSpec,
    bundle: &LocalBundle,
    layout: &Layout,
    store: &SecretStore,
) -> Result<String, LocalError> {
    let unknown = || LocalError::Unknown {
        what: "resource on this machine",
        name: need.to.clone(),
    };
    let dir = layout.need_dir(&need.to);
    match bundle.resources.get(&need.to).ok_or_else(unknown)? {
        ResourceSpec::Postgres(spec) => Ok(postgres::address(
            spec,
            &dir,
            newest(store, &password_name(&need.to))?.expose(),
        )),
        ResourceSpec::Redis(_) => Ok(redis::address(
            &dir,
            newest(store, &password_name(&need.to))?.expose(),
        )),
        ResourceSpec::Sqlite { .. } => Ok(format!("sqlite://{}/data.db", dir.display())),
        ResourceSpec::External {
            scheme,
            address,
            secret,
        } => {
            let credentials = secret
                .as_ref()
                .map(|secret| newest(store, secret))
                .transpose()?;
            Ok(external(
                scheme,
                address,
                credentials.as_ref().map(crate::secrets::Secret::expose),
            ))
        }
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
