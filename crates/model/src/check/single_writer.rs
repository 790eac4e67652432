//! Several replicas on storage that has one writer.

use super::{Context, Rule, path};
use crate::app::{ResourceKind, Strategy, VolumeAccess};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P204",
    title: "several replicas on storage with one writer",
    explain: "SQLite, and a volume with `access = \"one\"`, take one writer at a time. A second replica either fails to \
              start or damages the data; and so does a release that starts beside the one before.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        let max_at = path(&["service", name, "scale", "max"]);
        let max = service.scale.max;
        let sqlite = service.needs.iter().filter(|(_, need)| {
            app.resources
                .get(&need.to.service)
                .is_some_and(|found| found.kind == ResourceKind::Sqlite)
        });
        let volumes = service
            .volumes
            .iter()
            .filter(|(_, volume)| volume.access == VolumeAccess::One);
        let writers = sqlite
            .map(|(need, _)| {
                (
                    path(&["service", name, "needs", need]),
                    format!("SQLite (`{need}`)"),
                    "use `kind = \"postgres\"`",
                )
            })
            .chain(volumes.map(|(volume, _)| {
                let at = path(&["service", name, "volume", volume]);
                (
                    at,
                    format!("the volume `{volume}`"),
                    "say `access = \"many\"` where the storage allows it",
                )
            }));
        for (at, what, way) in writers {
            if max > 1 {
                let draft = Draft::error(
                    RULE.code,
                    &at,
                    format!("{what} takes one writer, and there may be {max} replicas"),
                );
                context.say(
                    draft
                        .also(&max_at, format!("up to {max}"))
                        .help(format!("set `scale.max = 1`, or {way}")),
                );
            } else if matches!(app.rollout.strategy, Strategy::BlueGreen | Strategy::Canary) {
                let message =
                    format!("{what} takes one writer, and the strategy runs two releases at once");
                let draft =
                    Draft::error(RULE.code, &at, message).also("rollout.strategy", "two at once");
                context.say(draft.help(format!("use `strategy = \"recreate\"`, or {way}")));
            }
        }
    }
    for (name, resource) in &app.resources {
        if resource.kind == ResourceKind::Sqlite
            && resource.replicas.read + resource.replicas.standby > 0
        {
            let at = path(&["resource", name, "replicas"]);
            let draft = Draft::error(
                RULE.code,
                &at,
                "SQLite is a file and has no copies that follow it",
            );
            context.say(draft.help("use `kind = \"postgres\"`, or remove `replicas`"));
        }
    }
}
