//! Claims that read a setting back hold for the settings of the file, and the withdrawn ones do not.

use plimsoll_model::App;
use plimsoll_model::app::{Claim, Measured, Standing};
use plimsoll_model::measure;
use plimsoll_model::units::Quantity;
use serde_json::Value as Json;

use crate::files::{system, systems};

/// Where the file says what a measure reads back: `{}` is the subject's name, `{with}` the parameter.
const SETTINGS: &[(&str, &str)] = &[
    ("rendered.audit_keep", "/retention/audit"),
    ("rendered.backup_keep", "/backup/{}/keep"),
    ("rendered.cpu_limit", "/service/{}/cpu/limit"),
    ("rendered.cpu_request", "/service/{}/cpu/request"),
    ("rendered.disruption_keep", "/service/{}/disruption/keep"),
    ("rendered.engine", "/resource/{}/kind"),
    ("rendered.incremental", "/backup/{}/incremental"),
    ("rendered.ingress", "/kubernetes/ingress"),
    ("rendered.log_keep", "/service/{}/logs/keep"),
    ("rendered.memory", "/resource/{}/memory"),
    ("rendered.memory_limit", "/service/{}/memory/limit"),
    ("rendered.memory_request", "/service/{}/memory/request"),
    ("rendered.operational_keep", "/retention/operational"),
    ("rendered.pod_security", "/kubernetes/pod_security"),
    ("rendered.port", "/service/{}/port/{with}"),
    ("rendered.read_replicas", "/resource/{}/replicas/read"),
    ("rendered.replicas_initial", "/service/{}/scale/initial"),
    ("rendered.replicas_max", "/service/{}/scale/max"),
    ("rendered.replicas_min", "/service/{}/scale/min"),
    ("rendered.scale_cpu", "/service/{}/scale/cpu"),
    ("rendered.scale_down_hold", "/service/{}/scale/down/hold"),
    ("rendered.scale_down_step", "/service/{}/scale/down/step"),
    ("rendered.scale_memory", "/service/{}/scale/memory"),
    ("rendered.scale_up_hold", "/service/{}/scale/up/hold"),
    ("rendered.schedule", "/backup/{}/at"),
    ("rendered.surge", "/rollout/surge"),
    ("rendered.unavailable", "/rollout/unavailable"),
    ("rendered.vpa", "/kubernetes/vpa"),
    ("image.user", "/service/{}/user"),
    ("run.user", "/service/{}/user"),
    ("run.statement_timeout", "/resource/{}/statement_timeout"),
    ("run.cache_ttl", "/service/{}/needs/cache/ttl/{with}"),
    ("run.pool_min", "/service/{}/needs/{with}/pool_min"),
    ("run.resource_setting", "/resource/{}/settings/{with}"),
    ("run.major_version", "/resource/{}/version"),
    ("limit.admitted", "/limit/{}/burst"),
    ("http.body_limit", "/route/{}/body"),
    ("http.tls_oldest", "/edge/tls/min"),
];

#[test]
fn a_setting_that_is_claimed_is_the_setting_of_the_file() {
    let mut elsewhere = Vec::new();
    for (name, app) in systems() {
        for (id, claim) in &app.claims {
            let Claim::Measured(claim) = claim else {
                continue;
            };
            let Some((_, place)) = SETTINGS.iter().find(|(known, _)| *known == claim.measure)
            else {
                continue;
            };
            let app = match &claim.environment {
                Some(environment) => &system(name, environment),
                None => app,
            };
            let Some(found) = setting(app, claim, place) else {
                elsewhere.push(id.as_str());
                continue;
            };
            let wanted = claim.standing == Standing::Made;
            assert_eq!(
                is_met(claim, &found),
                wanted,
                "{name}: {id} says {}, the file {found}",
                claim.bound
            );
        }
    }
    // The dashboard's time to live is the app's own variable, CACHE_TTL.
    assert_eq!(elsewhere, ["A2-021"]);
}

/// What the file says at the place.
fn setting(app: &App, claim: &Measured, place: &str) -> Option<String> {
    let name = claim.of.split_once('.').map_or("", |(_, name)| name);
    let with = claim.with.as_deref().unwrap_or_default();
    let pointer = place.replace("{}", name).replace("{with}", with);
    match serde_json::to_value(app).unwrap().pointer(&pointer)? {
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn is_met(claim: &Measured, found: &str) -> bool {
    let dimension = measure::find(&claim.measure).unwrap().dimension;
    let (found, bound) = (
        dimension.read(found).unwrap(),
        claim.bound.value(dimension).unwrap(),
    );
    let order = size(&found)
        .zip(size(&bound))
        .map(|(found, bound)| found.cmp(&bound));
    order.map_or(found == bound, |order| claim.bound.comparison.is_met(order))
}

fn size(quantity: &Quantity) -> Option<i128> {
    match quantity {
        Quantity::Bytes(value) => Some(value.0.into()),
        Quantity::Time(value) => Some(value.0.into()),
        Quantity::Share(value) => Some(value.0.into()),
        Quantity::Cpu(value) => Some(value.0.into()),
        Quantity::Number(value) => Some(value.0.into()),
        Quantity::Money(_) | Quantity::Rate(_) | Quantity::Truth(_) | Quantity::Text(_) => None,
    }
}
