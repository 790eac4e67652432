//! Values that look like secrets, in plain text.

use super::{Context, Rule, path};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P105",
    title: "a secret in plain text",
    explain: "The file is committed, rendered and shown. A password or key in it is known to everybody who can read \
              any of these.",
    check,
};

const TELLTALE: [&str; 6] = [
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "PRIVATE_KEY",
];

fn check(context: &mut Context<'_>) {
    for (name, service) in &context.app.services {
        for (table, map) in [
            ("env", &service.env),
            ("flags", &service.flags),
            ("settings", &service.settings),
        ] {
            for (variable, value) in map {
                if let Some(why) = why(variable, value) {
                    let at = path(&["service", name, table, variable]);
                    let draft = Draft::error(
                        RULE.code,
                        &at,
                        format!("`{variable}` holds {why} in plain text"),
                    );
                    context.say(draft.help(format!(
                        "define `[secret.NAME]` and hand it over: `[service.{name}.secrets]`, `NAME = {{ as = \"{variable}\" }}`"
                    )));
                }
            }
        }
    }
}

fn why(variable: &str, value: &str) -> Option<&'static str> {
    let upper = variable.to_ascii_uppercase();
    let is_setting =
        value.is_empty() || value.starts_with('/') || matches!(value, "true" | "false");
    // `TOKEN_TTL = "900"` is a setting about tokens, not one.
    let is_number = value.bytes().all(|b| b.is_ascii_digit());
    if TELLTALE.iter().any(|word| upper.ends_with(word)) && !is_setting && !is_number {
        return Some("what its name calls a secret");
    }
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':')
        .filter(|(_, password)| !password.is_empty())
        .map(|_| "an address with a password")
}
