//! Sign-offs that nobody gave, and terms that end before they begin.

use super::people::is_placeholder;
use super::{Context, Rule, path};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P223",
    title: "a sign-off that nobody gave",
    explain: "A required approval without a name and a day stops `deploy`, and the app is not certifiable. A signature \
              is a person's own act: the file only records it.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, approval) in &app.approvals {
        let by = path(&["approval", name, "by"]);
        if approval.by.as_deref().is_some_and(is_placeholder) {
            let draft = Draft::error(RULE.code, &by, "a placeholder signs nothing");
            context.say(draft.help("leave `by` out until the person has signed"));
        } else if approval.required && !approval.is_signed() {
            let draft = Draft::warning(
                RULE.code,
                &path(&["approval", name]),
                format!(
                    "{} has not signed: `deploy` will wait for it",
                    approval.role
                ),
            )
            .at_key();
            context.say(
                draft.help("once the person agrees, add `by = \"NAME\"` and `on = 2026-11-21`"),
            );
        }
        if let (Some(on), Some(until)) = (approval.on, approval.until)
            && until < on
        {
            ends_early(
                context,
                (
                    &path(&["approval", name, "until"]),
                    &path(&["approval", name, "on"]),
                ),
            );
        }
        if let Some(window) = &approval.window
            && window.to <= window.from
        {
            let at = path(&["approval", name, "window", "to"]);
            let message = format!(
                "the window ends at {}, not after {}",
                window.to, window.from
            );
            let also = path(&["approval", name, "window", "from"]);
            context.say(
                Draft::error(RULE.code, &at, message)
                    .also(&also, "begins here")
                    .help("end it later on the same day"),
            );
        }
    }
    if let Some(review) = &app.about.review
        && review.next <= review.on
    {
        ends_early(context, ("app.review.next", "app.review.on"));
    }
}

fn ends_early(context: &mut Context<'_>, (end, start): (&str, &str)) {
    let draft = Draft::error(RULE.code, end, "this ends before it begins");
    context.say(
        draft
            .also(start, "begins here")
            .help("give the later day here"),
    );
}
