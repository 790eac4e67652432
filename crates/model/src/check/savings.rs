//! Sums that are no sums.

use super::{Context, Rule, path};
use crate::draft::Draft;
use crate::units::Decimal;

pub(super) const RULE: Rule = Rule {
    code: "P218",
    title: "a saving that does not add up",
    explain: "A saving that says which others it sums has to be their sum, and one that assumes so many replicas \
              cannot assume more than there may be.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    let most: u32 = app.services.values().map(|service| service.scale.max).sum();
    for (name, saving) in &app.cost.saving {
        let parts = saving
            .of
            .iter()
            .filter_map(|part| app.cost.saving.get(part));
        let sum = Decimal(parts.map(|part| part.usd_per_month.0).sum());
        let at = path(&["cost", "saving", name, "usd_per_month"]);
        if !saving.of.is_empty() && sum != saving.usd_per_month {
            let message = format!(
                "the parts sum to {sum} USD, and this says {}",
                saving.usd_per_month
            );
            let also = path(&["cost", "saving", name, "of"]);
            context.say(
                Draft::warning(RULE.code, &at, message)
                    .also(&also, "the parts")
                    .help("state the sum"),
            );
        }
        if let Some(replicas) = saving.replicas.filter(|replicas| *replicas > most) {
            let at = path(&["cost", "saving", name, "replicas"]);
            let message =
                format!("assumes {replicas} replicas, and all services together may have {most}");
            context.say(
                Draft::warning(RULE.code, &at, message)
                    .help("compute it from replicas that there can be"),
            );
        }
    }
    let (reserved, spot) = (app.cost.reserved, app.cost.spot);
    if reserved.0 + spot.0 > 100_000 {
        let message = format!("{reserved} reserved and {spot} spot are more than all");
        context.say(
            Draft::error(RULE.code, "cost.spot", message)
                .also("cost.reserved", "with this")
                .help("lower one of them"),
        );
    }
}
