//! People who are not there: placeholders, contacts without a way, notices without a receiver.

use super::{Context, Rule, path};
use crate::app::{Contact, Notify};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P222",
    title: "people who cannot be reached",
    explain: "A placeholder is nobody. A contact without an address, a notice without a way, and an escalation whose \
              steps do not come one after the other, reach nobody when it matters.",
    check,
};

const PLACEHOLDERS: [&str; 9] = [
    "tbd",
    "[tbd]",
    "todo",
    "tba",
    "n/a",
    "xxx",
    "changeme",
    "change-me",
    "placeholder",
];

/// Whether a text only keeps the place of one.
pub(super) fn is_placeholder(text: &str) -> bool {
    let plain = text.trim().to_ascii_lowercase();
    PLACEHOLDERS.contains(&plain.as_str()) || (plain.starts_with('<') && plain.ends_with('>'))
}

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, contact) in &app.contacts {
        let Contact {
            name: person,
            role,
            email,
            slack,
            phone,
        } = contact;
        for (key, text) in [
            ("name", Some(person)),
            ("role", Some(role)),
            ("slack", slack.as_ref()),
            ("phone", phone.as_ref()),
        ] {
            if text.is_some_and(|text| is_placeholder(text)) {
                let at = path(&["contact", name, key]);
                context.say(
                    Draft::error(RULE.code, &at, "this is a placeholder, and reaches nobody")
                        .help("name the person, team or room"),
                );
            }
        }
        if email.is_none() && slack.is_none() && phone.is_none() {
            let draft = Draft::error(
                RULE.code,
                &path(&["contact", name]),
                format!("there is no way to reach `{name}`"),
            )
            .at_key();
            context.say(draft.help("add `email`, `slack` or `phone`"));
        }
    }
    for (
        name,
        Notify {
            slack,
            page,
            webhook,
            email,
        },
    ) in &app.notify
    {
        if slack.is_none() && page.is_none() && webhook.is_none() && email.is_empty() {
            let draft = Draft::error(
                RULE.code,
                &path(&["notify", name]),
                format!("`notify.{name}` reaches nobody"),
            )
            .at_key();
            context.say(draft.help("add `slack`, `page` or `webhook` with a `secret`, or `email`"));
        }
    }
    order(context);
    unheard(context);
}

fn order(context: &mut Context<'_>) {
    let steps = &context.app.observability.alerting.escalation;
    let delays: Vec<_> = steps
        .iter()
        .map(|name| context.app.escalations.get(name).map(|step| step.after))
        .collect();
    for index in 1..delays.len() {
        if let (Some(before), Some(after)) = (delays[index - 1], delays[index])
            && after <= before
        {
            let at = format!("observability.alerting.escalation[{index}]");
            let message = format!(
                "`{}` comes after {after}, not later than the step before it ({before})",
                steps[index]
            );
            context
                .say(Draft::error(RULE.code, &at, message).help("order the steps by their delay"));
        }
    }
}

fn unheard(context: &mut Context<'_>) {
    let app = context.app;
    let routes = &app.observability.alerting.route;
    for (severity, at) in routes.keys().map(|severity| {
        (
            severity,
            path(&["observability", "alerting", "route", severity]),
        )
    }) {
        if !["info", "warn", "page"].contains(&severity.as_str()) {
            let draft =
                Draft::error(RULE.code, &at, format!("`{severity}` is no severity")).at_key();
            context.say(draft.help("severities are `info`, `warn` and `page`"));
        }
    }
    for (name, alert) in &app.alerts {
        let severity = serde_json::to_value(alert.severity).unwrap_or_default();
        let by_severity = routes.get(severity.as_str().unwrap_or_default());
        if alert.severity == crate::app::Severity::Page
            && alert.notify.is_empty()
            && by_severity.is_none_or(Vec::is_empty)
        {
            let at = path(&["alert", name, "severity"]);
            let draft = Draft::warning(
                RULE.code,
                &at,
                format!("`alert.{name}` is to wake somebody, and nothing says whom"),
            );
            context.say(draft.help("add `notify = [\"NAME\"]`, or `[observability.alerting.route]` with `page = [\"NAME\"]`"));
        }
    }
}
