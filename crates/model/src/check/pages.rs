//! Budgets of a page that cannot hold together.

use super::{Context, Rule, path};
use crate::app::Page;
use crate::draft::Draft;
use crate::units::DurationMs;

pub(super) const RULE: Rule = Rule {
    code: "P216",
    title: "budgets of a page that cannot hold together",
    explain: "The first paint comes no later than the largest one, and the largest one most often before the load \
              event. A bound that is looser than the one after it is never reached.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, page) in &app.pages {
        let rows: [(&str, Option<DurationMs>); 3] =
            [("fcp", page.fcp), ("lcp", page.lcp), ("load", page.load)];
        let given: Vec<(&str, DurationMs)> = rows
            .into_iter()
            .filter_map(|(key, time)| Some((key, time?)))
            .collect();
        for pair in given.windows(2) {
            let ((first, early), (second, late)) = (pair[0], pair[1]);
            if early > late {
                let at = path(&["page", name, first]);
                let message = format!(
                    "`{first}` has {early}, and `{second}`, which comes after it, has {late}"
                );
                let draft = if second == "load" {
                    Draft::warning(RULE.code, &at, message)
                } else {
                    Draft::error(RULE.code, &at, message)
                };
                let also = path(&["page", name, second]);
                context.say(draft.also(&also, format!("{late} here")).set(
                    format!("bound it by {late} as well"),
                    &at,
                    format!("\"{late}\""),
                ));
            }
        }
        if is_empty(page) {
            let draft =
                Draft::error(RULE.code, &path(&["page", name]), "this page has no budget").at_key();
            context
                .say(draft.help("add `lcp = \"2500ms\"`, `fcp`, `cls`, `inp`, `load` or `script`"));
        }
    }
}

fn is_empty(page: &Page) -> bool {
    let times = [page.fcp, page.lcp, page.inp, page.load];
    times.iter().all(Option::is_none) && page.cls.is_none() && page.script.is_none()
}
