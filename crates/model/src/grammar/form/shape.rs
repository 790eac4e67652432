//! Forms that are a shape of characters and carry no quantity.

use super::Form;
use crate::units::UnitError;

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
];

/// Whether `text` has the shape.
pub(super) fn fits(form: Form, text: &str) -> bool {
    let all = |allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    match form {
        Form::Slug => {
            text.len() <= 63
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && !text.ends_with('-')
                && all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        }
        Form::Label => {
            text.len() <= 63
                && text.starts_with(|c: char| c.is_ascii_alphabetic())
                && all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        }
        Form::Variable => {
            !text.starts_with(|c: char| c.is_ascii_digit())
                && all(|c| c.is_ascii_alphanumeric() || c == '_')
        }
        Form::Path => {
            text.starts_with('/') && all(|c| !c.is_whitespace() && !c.is_control() && c != '#')
        }
        Form::File => {
            all(|c| !c.is_control())
                && !text.starts_with('/')
                && !text.split('/').any(|part| part == "..")
        }
        Form::Mount => {
            text.starts_with('/')
                && all(|c| !c.is_control())
                && text.len() > 1
                && !text.split('/').any(|part| part == "..")
        }
        Form::Host => crate::units::is_host(text.strip_prefix("*.").unwrap_or(text)),
        Form::Cidr => is_network(text),
        Form::Method => METHODS.contains(&text),
        Form::Request => text
            .split_once(' ')
            .is_some_and(|(method, path)| METHODS.contains(&method) && fits(Form::Path, path)),
        Form::Header => all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
        Form::Email => text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !user.contains(char::is_whitespace) && crate::units::is_host(host)
        }),
        Form::Clock => is_clock(text),
        Form::Subject => is_subject(text),
        Form::Version => {
            text.starts_with(|c: char| c.is_ascii_digit())
                && all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
        }
        Form::Scope => text
            .strip_prefix("scope:")
            .is_some_and(|scope| !scope.is_empty()),
        _ => !text.trim().is_empty(),
    }
}

fn is_network(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<std::net::IpAddr>() else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

fn is_clock(text: &str) -> bool {
    let part =
        |text: &str, below: u8| text.len() == 2 && text.parse::<u8>().is_ok_and(|n| n < below);
    text.split_once(':')
        .is_some_and(|(hour, minute)| part(hour, 24) && part(minute, 60))
}

/// The kinds of things that claims, alerts and objectives can be about.
pub(crate) const SUBJECTS: [&str; 15] = [
    "service",
    "resource",
    "route",
    "limit",
    "job",
    "backup",
    "secret",
    "page",
    "slo",
    "alert",
    "load",
    "approval",
    "environment",
    "contact",
    "notify",
];

fn is_subject(text: &str) -> bool {
    match text.split_once('.') {
        None => matches!(
            text,
            "app" | "edge" | "pipeline" | "cost" | "kubernetes" | "observability"
        ),
        Some((kind, name)) => SUBJECTS.contains(&kind) && !name.is_empty(),
    }
}

/// Why `text` does not fit, and what to write.
pub(super) fn explain(form: Form, text: &str) -> UnitError {
    if text.trim().is_empty() {
        return UnitError::new(format!("this is empty where {} belongs", form.name()));
    }
    let shown = text.escape_debug();
    let (rule, suggestion) = rule(form, text);
    let error = UnitError::new(format!("`{shown}` is not {}: {rule}", form.name()));
    match suggestion.filter(|better| better != text && fits(form, better)) {
        Some(better) => error.suggesting(better),
        None => error,
    }
}

fn rule(form: Form, text: &str) -> (&'static str, Option<String>) {
    match form {
        Form::Slug => (
            "lower-case letters, digits and dashes, a letter first, at most 63",
            Some(slug(text)),
        ),
        Form::Label => (
            "letters, digits, dashes and underscores, a letter first, at most 63",
            None,
        ),
        Form::Variable => (
            "letters, digits and underscores, no digit first",
            Some(text.replace(['-', '.', ' '], "_")),
        ),
        Form::Path => (
            "it starts with `/` and has no blanks",
            Some(format!("/{text}")),
        ),
        Form::File => (
            "relative to plimsoll.toml, without `..`",
            Some(text.trim_start_matches('/').to_owned()),
        ),
        Form::Mount => (
            "it starts with `/` and has no `..`",
            Some(format!("/{text}")),
        ),
        Form::Host => {
            let bare = text
                .trim_start_matches("https://")
                .trim_start_matches("http://");
            (
                "a name without scheme, port and path",
                bare.split(['/', ':']).next().map(str::to_owned),
            )
        }
        Form::Cidr => ("an address, or one with `/bits`, as in `10.0.0.0/8`", None),
        Form::Method => (
            "one of those of HTTP, in upper case",
            Some(text.to_ascii_uppercase()),
        ),
        Form::Request => ("as in `GET /version`", Some(format!("GET {text}"))),
        Form::Header => (
            "lower-case letters, digits and dashes",
            Some(text.to_ascii_lowercase().replace('_', "-")),
        ),
        Form::Email => ("as in `team@example.com`", None),
        Form::Clock => ("`HH:MM`, from 00:00 to 23:59", Some(format!("0{text}"))),
        Form::Subject => (
            "`app`, `edge`, or a kind and a name, as in `service.backend` or `route.api`",
            None,
        ),
        Form::Version => (
            "digits first, without a leading `v`",
            text.strip_prefix('v').map(str::to_owned),
        ),
        Form::Scope => ("as in `scope:partner`", Some(format!("scope:{text}"))),
        _ => ("another form is wanted", None),
    }
}

fn slug(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let plain: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    plain.trim_matches('-').to_owned()
}
