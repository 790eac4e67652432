//! Less data may be lost than is saved.

use super::{Context, Rule, path};
use crate::app::{Backup, ResourceKind};
use crate::draft::Draft;
use crate::units::DurationMs;

pub(super) const RULE: Rule = Rule {
    code: "P206",
    title: "less data may be lost than is saved",
    explain: "Between two backups nothing is saved, so that much can be lost. A recovery point below the time between \
              two backups needs the write-ahead log shipped, and that not more rarely than the recovery point.",
    check,
};

fn check(context: &mut Context<'_>) {
    for (name, backup) in &context.app.backups {
        let kind = backup
            .of
            .strip_prefix("resource.")
            .and_then(|resource| context.app.resources.get(resource))
            .map(|resource| resource.kind);
        if backup.wal && kind.is_some_and(|kind| kind != ResourceKind::Postgres) {
            let at = path(&["backup", name, "wal"]);
            let draft = Draft::error(
                RULE.code,
                &at,
                format!("`{}` has no write-ahead log to ship", backup.of),
            );
            context
                .say(draft.help("only PostgreSQL has one: remove `wal`, and back up more often"));
        }
        if let Some(rpo) = backup.rpo {
            too_seldom(context, name, backup, rpo);
        }
    }
}

fn too_seldom(context: &mut Context<'_>, name: &str, backup: &Backup, rpo: DurationMs) {
    let at = path(&["backup", name, "rpo"]);
    if backup.wal {
        if backup.wal_every > rpo {
            let every = path(&["backup", name, "wal_every"]);
            let message = format!(
                "the log is shipped every {}, so more than {rpo} can be lost",
                backup.wal_every
            );
            let draft = Draft::error(RULE.code, &at, message).also(&every, "every so often");
            context.say(draft.set(format!("ship it every {rpo}"), &every, format!("\"{rpo}\"")));
        }
        return;
    }
    let (key, cron) = match &backup.incremental {
        Some(cron) => ("incremental", cron),
        None => ("at", &backup.at),
    };
    let gap = match &backup.incremental {
        Some(cron) => cron.longest_gap().min(backup.at.longest_gap()),
        None => backup.at.longest_gap(),
    };
    if gap > rpo {
        let message =
            format!("at most {rpo} of data may be lost, and up to {gap} are between two backups");
        let draft = Draft::error(RULE.code, &at, message)
            .label(format!("at most {rpo}"))
            .also(
                &path(&["backup", name, key]),
                format!("`{cron}` leaves {gap}"),
            );
        context.say(draft.help(format!(
            "ship the log too (`wal = true`), or say `rpo = \"{gap}\"`"
        )));
    }
}
