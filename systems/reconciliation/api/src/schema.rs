//! The embedded migrations.

use systems_kit::migrate::{Schema, Step};

/// Every step, oldest first.
pub static STEPS: [Step; 1] = [Step {
    version: 1,
    name: "first",
    up: include_str!("../../migrations/0001_first.up.sql"),
    down: include_str!("../../migrations/0001_first.down.sql"),
}];

/// The schema that this program wants.
pub const SCHEMA: Schema = Schema(&STEPS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_declares_its_kind_and_versions_have_no_gap() {
        for (place, step) in STEPS.iter().enumerate() {
            assert_eq!(usize::from(step.version), place + 1);
            assert!(
                step.is_declared(),
                "{} must start with `-- plimsoll: expand|contract`",
                step.name
            );
        }
    }
}
