//! Logins of the development data: what a `seed` program printed, kept encrypted, shown by `up`.
//!
//! A seed program writes one JSON object per line: `{"logins":[{"role","email","password"}]}`, or each login as an
//! object of its own. Other lines are for people.

use plimsoll_bundle::local::LocalBundle;
use serde::Deserialize;

use crate::desired::programs;
use crate::outcome::Login;
use crate::secrets::{Secret, SecretError, SecretStore};

#[derive(Deserialize)]
struct Logins {
    logins: Vec<Login>,
}

/// The name under which the logins of `service` are kept. Names of the app's own secrets have no dot.
fn secret_name(service: &str) -> String {
    format!("seed.{service}")
}

/// Keeps what the seed program of `service` printed.
pub(crate) fn keep(store: &SecretStore, service: &str, output: &str) -> Result<(), SecretError> {
    let logins = parse(output);
    if logins.is_empty() {
        return Ok(());
    }
    let text = serde_json::json!({ "logins": logins }).to_string();
    store.set(&secret_name(service), &Secret::new(text))?;
    Ok(())
}

/// The logins of every service of `bundle` that has seed data.
pub(crate) fn logins(store: &SecretStore, bundle: &LocalBundle) -> Result<Vec<Login>, SecretError> {
    let mut logins = Vec::new();
    for (service, program) in programs(bundle) {
        if program.seed.is_none() {
            continue;
        }
        let name = secret_name(service);
        if let Some(version) = store.newest(&name)? {
            logins.extend(parse(store.get(&name, version)?.expose()));
        }
    }
    Ok(logins)
}

fn parse(output: &str) -> Vec<Login> {
    let mut found = Vec::new();
    for line in output
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('{'))
    {
        if let Ok(many) = serde_json::from_str::<Logins>(line) {
            found.extend(many.logins);
        } else if let Ok(one) = serde_json::from_str::<Login>(line) {
            found.push(one);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_found_among_other_lines_in_both_forms() {
        let output = concat!(
            "wrote 3 rows\n",
            r#"{"level":"info","msg":"seeded"}"#,
            "\n",
            r#"{"logins":[{"role":"admin","email":"a@example.com","password":"p1"}]}"#,
            "\n",
            r#"{"role":"auditor","email":"b@example.com","password":"p2","new":1}"#,
            "\n",
        );
        let roles: Vec<String> = parse(output).into_iter().map(|login| login.role).collect();
        assert_eq!(roles, ["admin", "auditor"]);
    }
}
