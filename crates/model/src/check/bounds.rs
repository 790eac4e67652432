//! Lower bounds above upper ones.

use super::{Context, Rule, path};
use crate::app::Service;
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P202",
    title: "a lower bound above its upper bound",
    explain: "`scale.min` above `scale.max`, a request above its limit, an idle pool above the pool: nothing satisfies \
              both.",
    check,
};

fn check(context: &mut Context<'_>) {
    for (name, service) in &context.app.services {
        for (low, high) in pairs(name, service) {
            if low.size > high.size {
                let message = format!(
                    "`{}` is {}, above `{}` with {}",
                    low.key, low.text, high.key, high.text
                );
                let draft =
                    Draft::error(RULE.code, &low.path, message).label(format!("{} here", low.text));
                let draft = draft.also(&high.path, format!("{} here", high.text));
                context.say(draft.help(format!(
                    "lower `{}` to {} or raise `{}`",
                    low.key, high.text, high.key
                )));
            }
        }
    }
}

struct End {
    key: &'static str,
    path: String,
    size: u64,
    text: String,
}

fn pairs(name: &str, service: &Service) -> Vec<(End, End)> {
    let end = |table: &str, key: &'static str, size: u64, text: String| {
        let last = key.rsplit('.').next().unwrap_or(key);
        End {
            key,
            path: path(&["service", name, table, last]),
            size,
            text,
        }
    };
    let scale = &service.scale;
    let count = |key, value: u32| end("scale", key, u64::from(value), value.to_string());
    let (cpu, memory) = (&service.cpu, &service.memory);
    let mut pairs = vec![
        (count("scale.min", scale.min), count("scale.max", scale.max)),
        (
            count("scale.initial", scale.initial),
            count("scale.max", scale.max),
        ),
        (
            end("cpu", "cpu.request", cpu.request.0, cpu.request.to_string()),
            end("cpu", "cpu.limit", cpu.limit.0, cpu.limit.to_string()),
        ),
        (
            end(
                "memory",
                "memory.request",
                memory.request.0,
                memory.request.to_string(),
            ),
            end(
                "memory",
                "memory.limit",
                memory.limit.0,
                memory.limit.to_string(),
            ),
        ),
    ];
    if scale.min <= scale.max {
        pairs.push((
            count("scale.min", scale.min),
            count("scale.initial", scale.initial),
        ));
    } else {
        pairs.remove(1);
    }
    for (need, table) in &service.needs {
        if let Some(pool) = table.pool {
            let end = |key: &'static str, value: u32| End {
                key,
                path: path(&["service", name, "needs", need, key]),
                size: u64::from(value),
                text: value.to_string(),
            };
            pairs.push((end("pool_min", table.pool_min), end("pool", pool.size())));
        }
    }
    pairs
}
