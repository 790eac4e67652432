//! Secrets without a source, too weak, or used by nobody.

use super::{Context, Rule, path};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P104",
    title: "a secret without a source, too weak, or unused",
    explain: "A secret is made at random (`generate`) or asked of a person (`ask`). Below 128 bits a random value can \
              be guessed by whoever has the time. A secret that nothing reads is a leftover.",
    check,
};

/// What a random value needs to be out of reach of guessing; 20 letters and digits are 119 bits, which is enough for a
/// first login that is changed at once.
const ENOUGH_BITS: u32 = 112;

fn check(context: &mut Context<'_>) {
    for (name, secret) in &context.app.secrets {
        let at = path(&["secret", name]);
        match (secret.generate, &secret.ask) {
            (None, None) => context.say(
                Draft::error(
                    RULE.code,
                    &at,
                    format!("`secret.{name}` says nothing of where its value comes from"),
                )
                .at_key()
                .help("add `generate = \"48 bytes\"`, or `ask = \"what to ask for\"`"),
            ),
            (Some(_), Some(_)) => context.say(
                Draft::error(
                    RULE.code,
                    &path(&["secret", name, "ask"]),
                    "a secret is made or asked for, not both",
                )
                .also(&path(&["secret", name, "generate"]), "made here")
                .help("keep one of the two"),
            ),
            (Some(generate), None) if generate.entropy_bits() < ENOUGH_BITS => context.say(
                Draft::error(
                    RULE.code,
                    &path(&["secret", name, "generate"]),
                    format!(
                        "`{generate}` are {} bits, which can be guessed",
                        generate.entropy_bits()
                    ),
                )
                .replace("use 32 bytes or more", "\"32 bytes\""),
            ),
            (None, Some(_)) if secret.show_once => context.say(
                Draft::error(
                    RULE.code,
                    &path(&["secret", name, "show_once"]),
                    "what a person typed in is not shown again",
                )
                .help("remove `show_once`, or let the value be made: `generate = \"20 chars\"`"),
            ),
            _ => {}
        }
        if !is_used(context, name) && !secret.show_once && !secret.optional {
            context.say(
                Draft::warning(RULE.code, &at, format!("nothing reads `secret.{name}`"))
                    .at_key()
                    .help("remove it, or hand it over in `[service.NAME.secrets]`"),
            );
        }
    }
}

fn is_used(context: &Context<'_>, name: &str) -> bool {
    let app = context.app;
    let by_service = app
        .services
        .values()
        .any(|service| service.secrets.contains_key(name));
    let by_resource = app
        .resources
        .values()
        .any(|resource| resource.secret.as_deref() == Some(name));
    let by_notify = app.notify.values().any(|notify| {
        [&notify.slack, &notify.page, &notify.webhook]
            .into_iter()
            .flatten()
            .any(|way| way.secret == name)
    });
    let sink = crate::app::BackupSink::S3(name.to_owned());
    let by_backup = app.backups.values().any(|backup| {
        backup.to.contains(&sink)
            || backup
                .off_site
                .as_ref()
                .is_some_and(|place| place.to == sink)
    });
    let by_edge = app.edge.tls.secret.as_deref() == Some(name);
    let by_errors = app
        .observability
        .errors
        .as_ref()
        .is_some_and(|errors| errors.secret == name);
    by_service || by_resource || by_notify || by_backup || by_edge || by_errors
}
