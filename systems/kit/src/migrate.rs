//! Migrations: embedded, applied once under an advisory lock, each declared as `expand` or `contract`.
//!
//! An *expand* step leaves the schema usable for the program before it; a *contract* step does not. So the oldest
//! schema that
//! works with this program is the last contract step at or before the head.

use std::borrow::Cow;

use serde::Serialize;
use sqlx::PgPool;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};

/// One step, as embedded by `include_str!`.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// 1, 2, 3, … without gaps.
    pub version: u16,
    /// For people.
    pub name: &'static str,
    /// The way forward; starts with `-- plimsoll: expand` or `-- plimsoll: contract`.
    pub up: &'static str,
    /// The way back.
    pub down: &'static str,
}

/// Where the database stands, as `migrate status --json` prints it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Status {
    /// The version applied last, `0000` for none.
    pub head: String,
    /// The oldest version of the schema that programs at `head` and before it agree on.
    pub compatible_from: String,
    /// The version that this program wants.
    pub wanted: String,
    /// Steps that are not applied yet.
    pub pending: Vec<String>,
}

/// The steps of one system.
#[derive(Debug, Clone, Copy)]
pub struct Schema(pub &'static [Step]);

impl Schema {
    /// Applies what is missing. Running it twice, or in two places at once, is safe.
    pub async fn up(&self, pool: &PgPool) -> Result<(), MigrateError> {
        self.migrator().run(pool).await
    }

    /// Undoes the last step that was applied.
    pub async fn down(&self, pool: &PgPool) -> Result<(), MigrateError> {
        let applied = self.applied(pool).await?;
        let target = applied.last().map_or(0, |last| last - 1);
        self.migrator().undo(pool, i64::from(target)).await
    }

    /// Where the database stands.
    pub async fn status(&self, pool: &PgPool) -> Result<Status, MigrateError> {
        let applied = self.applied(pool).await?;
        let head = applied.last().copied().unwrap_or(0);
        let pending = self
            .0
            .iter()
            .filter(|step| !applied.contains(&step.version));
        Ok(Status {
            head: number(head),
            compatible_from: number(self.compatible_from(head)),
            wanted: number(self.head()),
            pending: pending.map(|step| number(step.version)).collect(),
        })
    }

    /// Whether every step of this program is applied. Newer steps are no fault: they were declared compatible.
    pub async fn is_current(&self, pool: &PgPool) -> Result<bool, sqlx::Error> {
        let applied: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(pool)
                .await?;
        Ok(applied.unwrap_or(0) >= i64::from(self.head()))
    }

    /// The newest version.
    pub fn head(&self) -> u16 {
        self.0.last().map_or(0, |step| step.version)
    }

    fn compatible_from(&self, head: u16) -> u16 {
        let contracts = self
            .0
            .iter()
            .filter(|step| step.version <= head && step.is_contract());
        let first = self.0.first().map_or(0, |step| step.version.min(head));
        contracts.map(|step| step.version).max().unwrap_or(first)
    }

    async fn applied(&self, pool: &PgPool) -> Result<Vec<u16>, MigrateError> {
        let migrator = self.migrator();
        let mut connection = pool.acquire().await?;
        connection
            .ensure_migrations_table(&migrator.table_name)
            .await?;
        let rows = connection
            .list_applied_migrations(&migrator.table_name)
            .await?;
        let mut versions: Vec<u16> = rows
            .iter()
            .filter_map(|row| u16::try_from(row.version).ok())
            .collect();
        versions.sort_unstable();
        Ok(versions)
    }

    fn migrator(&self) -> Migrator {
        let both = self.0.iter().flat_map(|step| {
            [
                step.migration(MigrationType::ReversibleUp, step.up),
                step.migration(MigrationType::ReversibleDown, step.down),
            ]
        });
        let mut migrator = Migrator::with_migrations(both.collect());
        // A newer release may have migrated already, and this one must still run beside it during a rollout.
        migrator.set_ignore_missing(true);
        migrator
    }
}

impl Step {
    fn is_contract(&self) -> bool {
        self.up.starts_with("-- plimsoll: contract")
    }

    /// Whether the header says what kind of step it is.
    pub fn is_declared(&self) -> bool {
        self.is_contract() || self.up.starts_with("-- plimsoll: expand")
    }

    fn migration(&self, kind: MigrationType, sql: &'static str) -> Migration {
        let name = Cow::Borrowed(self.name);
        Migration::new(
            i64::from(self.version),
            name,
            kind,
            sql.into_sql_str(),
            false,
        )
    }
}

fn number(version: u16) -> String {
    format!("{version:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn step(version: u16, up: &'static str) -> Step {
        Step {
            version,
            name: "",
            up,
            down: "",
        }
    }

    #[test]
    fn compatibility_reaches_back_to_the_last_contract_step() {
        static STEPS: [Step; 4] = [
            step(1, "-- plimsoll: expand\n"),
            step(2, "-- plimsoll: expand\n"),
            step(3, "-- plimsoll: contract\n"),
            step(4, "-- plimsoll: expand\n"),
        ];
        let schema = Schema(&STEPS);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|head| schema.compatible_from(head)),
            [0, 1, 1, 3, 3]
        );
    }
}
