//! An app that does not fit its machines (A2-003, A2-004).

use super::{Context, Rule, path};
use crate::app::{App, Capacity, Service};
use crate::draft::Draft;
use crate::units::{Bytes, CpuMillis};

pub(super) const RULE: Rule = Rule {
    code: "P213",
    title: "an app that does not fit its machines",
    explain: "The sum of what every replica and resource asks for, at `scale.min` on the smallest cluster and at \
              `scale.max` on the recommended one, has to fit. What does not fit is never scheduled.",
    check,
};

struct Sum {
    cpu: u64,
    memory: u64,
    storage: u64,
}

fn check(context: &mut Context<'_>) {
    let app = context.app;
    let platform = &app.platform;
    let least = sum(app, |service| service.scale.min);
    let most = sum(app, |service| service.scale.max);
    for (name, capacity, sum, when) in [
        ("minimum", &platform.minimum, least, "at `scale.min`"),
        ("recommended", &platform.recommended, most, "at `scale.max`"),
    ] {
        if let Some(capacity) = capacity {
            compare(context, name, (capacity, &sum), when);
        }
    }
    if let (Some(minimum), Some(recommended)) = (&platform.minimum, &platform.recommended)
        && (minimum.cpu > recommended.cpu || minimum.memory > recommended.memory)
    {
        let draft = Draft::error(
            RULE.code,
            "platform.recommended",
            "the recommended cluster is smaller than the smallest",
        );
        context.say(
            draft
                .also("platform.minimum", "the smallest")
                .help("swap them"),
        );
    }
}

fn sum(app: &App, replicas: fn(&Service) -> u32) -> Sum {
    let mut sum = Sum {
        cpu: 0,
        memory: 0,
        storage: 0,
    };
    for service in app.services.values() {
        let count = u64::from(replicas(service));
        sum.cpu = sum
            .cpu
            .saturating_add(service.cpu.request.0.saturating_mul(count));
        sum.memory = sum
            .memory
            .saturating_add(service.memory.request.0.saturating_mul(count));
        for volume in service.volumes.values() {
            sum.storage = sum.storage.saturating_add(volume.size.0);
        }
    }
    for resource in app
        .resources
        .values()
        .filter(|resource| !resource.is_external())
    {
        let count = u64::from(1 + resource.replicas.read + resource.replicas.standby);
        sum.cpu = sum.cpu.saturating_add(resource.cpu.0.saturating_mul(count));
        sum.memory = sum
            .memory
            .saturating_add(resource.memory.0.saturating_mul(count));
        sum.storage = sum
            .storage
            .saturating_add(resource.storage.0.saturating_mul(count));
    }
    sum
}

fn compare(context: &mut Context<'_>, name: &str, (capacity, sum): (&Capacity, &Sum), when: &str) {
    let rows = [
        (
            "cpu",
            sum.cpu > capacity.cpu.0,
            CpuMillis(sum.cpu).to_string(),
            capacity.cpu.to_string(),
        ),
        (
            "memory",
            sum.memory > capacity.memory.0,
            Bytes(sum.memory).to_string(),
            capacity.memory.to_string(),
        ),
        (
            "storage",
            sum.storage > capacity.storage.0,
            Bytes(sum.storage).to_string(),
            capacity.storage.to_string(),
        ),
    ];
    for (key, is_over, asked, there) in rows {
        if is_over {
            let at = path(&["platform", name, key]);
            let message = format!(
                "everything together asks for {asked} of {key} {when}, and {there} is there"
            );
            context.say(
                Draft::error(RULE.code, &at, message)
                    .help(format!("raise it to {asked} or more, or ask for less")),
            );
        }
    }
}
