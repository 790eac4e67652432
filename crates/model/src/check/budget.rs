//! One recovery that spends more than the whole error budget.

use super::{Context, Rule, path};
use crate::draft::Draft;
use crate::units::{Dimension, DurationMs, Quantity};

pub(super) const RULE: Rule = Rule {
    code: "P221",
    title: "one recovery spends the whole error budget",
    explain: "An availability over a window leaves a budget: 99.9% of 30 days leave 43 minutes. A recovery time above \
              it means that a single loss breaks the objective, however well it is handled.",
    check,
};

fn check(context: &mut Context<'_>) {
    if context.is_rehearsal() {
        return;
    }
    let app = context.app;
    for (name, slo) in &app.slos {
        let Some(Ok(Quantity::Share(share))) = slo
            .availability
            .as_ref()
            .map(|bound| bound.value(Dimension::Share))
        else {
            continue;
        };
        let down = u64::from(100_000_u32.saturating_sub(share.0));
        let budget = DurationMs(slo.window.0 / 100_000 * down);
        for (backup, table) in &app.backups {
            if let Some(rto) = table.rto.filter(|rto| *rto > budget) {
                let at = path(&["slo", name, "availability"]);
                // A budget is read in minutes; the milliseconds of a product would only distract.
                let minutes = budget.0 / 60_000;
                let message = format!(
                    "{share} of {} leaves {minutes} minutes, and one recovery may take {rto}",
                    slo.window
                );
                let also = path(&["backup", backup, "rto"]);
                context.say(
                    Draft::warning(RULE.code, &at, message)
                        .also(&also, "one recovery")
                        .help("shorten the recovery, lower the objective, or lengthen the window"),
                );
            }
        }
    }
}
