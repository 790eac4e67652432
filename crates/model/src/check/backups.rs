//! Backups that are gone before the next, and state that nothing saves.

use super::{Context, Rule, path};
use crate::app::{App, DataClass, ResourceKind};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P217",
    title: "a backup that is gone before the next, or missing",
    explain: "A backup kept shorter than the time to the next leaves a time without any. A PostgreSQL or SQLite of \
              class `state` without a backup is lost with its disk.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, backup) in &app.backups {
        let gap = backup.at.longest_gap();
        if backup.keep < gap {
            let at = path(&["backup", name, "keep"]);
            let message = format!(
                "a backup is kept {}, and the next comes after {gap}",
                backup.keep
            );
            let also = path(&["backup", name, "at"]);
            context.say(
                Draft::error(RULE.code, &at, message)
                    .also(&also, format!("every {gap}"))
                    .help(format!("keep it for {gap} or longer")),
            );
        }
        let resource = backup
            .of
            .strip_prefix("resource.")
            .and_then(|resource| app.resources.get(resource));
        if resource.is_some_and(|resource| resource.class == DataClass::Cache) {
            let message = format!("`{}` is a cache, which is restored empty", backup.of);
            let draft = Draft::warning(RULE.code, &path(&["backup", name]), message).at_key();
            context.say(draft.help("remove the backup, or say `class = \"state\"`"));
        }
    }
    for (name, resource) in &app.resources {
        let is_database = matches!(resource.kind, ResourceKind::Postgres | ResourceKind::Sqlite);
        let holds_state = resource.class == DataClass::State && !resource.is_external();
        if is_database && holds_state && !is_saved(app, name) {
            let message = format!("nothing saves `resource.{name}`");
            let draft = Draft::warning(RULE.code, &path(&["resource", name]), message).at_key();
            context.say(draft.help(format!("add `[backup.{name}]` with `at = \"0 2 * * *\"`, or say `class = \"cache\"` if it may be lost")));
        }
    }
}

fn is_saved(app: &App, name: &str) -> bool {
    app.backups
        .values()
        .any(|backup| backup.of.strip_prefix("resource.") == Some(name))
}
