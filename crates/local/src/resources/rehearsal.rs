//! A copy of a database without its rows, in the same server, for trying a migration out.
//!
//! It has one name, and is made and dropped under the lease of a change, so there is one at a time: whatever was left
//! of an earlier one is dropped first. What a migration tool has noted about itself is copied with its rows, because
//! without it the tool would begin from nothing on a schema that has everything.

use plimsoll_supervisor::order::{Kind, Order};

use super::postgres::{OWNER, PASSWORD_FILE, Postgres, identifier};
use super::tools;
use crate::LocalError;
use crate::error::Refusal;

/// The name of the copy. The app's role cannot make databases, so nobody else has one of this name.
pub(crate) const DATABASE: &str = "plimsoll_rehearsal";
/// What the job says of a schema that has tables, and none that a migration tool is known to keep its notes in.
pub(crate) const NO_LEDGER: &str = "no ledger of migrations";
/// Where the structure lies between the two programs, in the server's own folder: a schema of thousands of tables has
/// megabytes, and a private `/tmp` is small.
const DUMP: &str = "rehearsal.sql";
/// Names of tables in which migration tools note what they did: sqlx, Diesel, Rails, dbmate, golang-migrate, Django,
/// Knex, Prisma, Drizzle, SeaORM, TypeORM, Doctrine, Entity Framework, node-pg-migrate (all of them say `migration`),
/// Flyway, refinery, Atlas, DbUp, Liquibase, Alembic, goose, Sequelize, Rails' metadata.
const LEDGERS: &str = "migration|schema_?(history|versions?|revisions?)|^databasechangelog(lock)?$|^alembic_version$\
                       |^goose_db_version$|^sequelizemeta$|^ar_internal_metadata$";

impl Postgres<'_> {
    /// Drops what is left of an earlier copy and makes one. Prints [`NO_LEDGER`] where a migration cannot be tried on
    /// it. Waits for locks of the app's tables no longer than `lock_timeout_ms`. In the copy no trigger fires: those
    /// of foreign keys would miss the rows that are not there.
    pub(crate) fn copy(&self, lock_timeout_ms: u64) -> Result<Order, LocalError> {
        self.grant_access()?;
        let script = format!(
            r#"{head}
loaded=$(sql --command='SELECT pg_conf_load_time()')
sql --command='SELECT pg_reload_conf()' >/dev/null
tries=0
while [ "$(sql --command='SELECT pg_conf_load_time()')" = "$loaded" ] && [ $tries -lt 50 ]; do
  tries=$((tries + 1)); sleep 0.1
done
{drop}
sql --command="CREATE DATABASE {DATABASE} TEMPLATE template0 OWNER $ROLE" \
  --command='REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC' \
  --command="ALTER DATABASE {DATABASE} SET session_replication_role = 'replica'"
dump() {{
  "$BIN/pg_dump" --dbname="$DATABASE" --lock-wait-timeout={lock_timeout_ms}ms --no-publications --no-subscriptions "$@"
}}
dump --schema-only > "$STORE/{DUMP}"
tables="FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') \
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
ledgers=$(app --command="SELECT format('\"%s\".\"%s\"', n.nspname, c.relname) $tables \
  AND (c.relname ~* '$LEDGERS' OR n.nspname = 'sqitch') ORDER BY 1")
if [ -n "$ledgers" ]; then
  set --
  while read -r ledger; do set -- "$@" --table="$ledger"; done <<END
$ledgers
END
  dump --data-only --disable-triggers "$@" >> "$STORE/{DUMP}"
elif [ "$(app --command="SELECT count(*) $tables")" != 0 ]; then
  echo "{NO_LEDGER}"
fi
"$BIN/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname={DATABASE} --file="$STORE/{DUMP}" >/dev/null
rm -f "$STORE/{DUMP}"
"#,
            head = head(),
            drop = self.drop_statement()?,
        );
        self.client("copy", &script)
    }

    /// Drops the copy, where there is one, and whoever is connected to it.
    pub(crate) fn drop_copy(&self) -> Result<Order, LocalError> {
        let (head, drop) = (head(), self.drop_statement()?);
        self.client(
            "drop",
            &format!("{head}\nrm -f \"$STORE/{DUMP}\"\n{drop}\n"),
        )
    }

    fn drop_statement(&self) -> Result<String, LocalError> {
        let major = tools::postgres(&self.spec.version)?.major;
        // Before version 13 somebody who is still connected is in the way; a job that ended is not.
        let force = if major.parse::<u32>().is_ok_and(|major| major >= 13) {
            " WITH (FORCE)"
        } else {
            ""
        };
        Ok(format!(
            "sql --command='DROP DATABASE IF EXISTS {DATABASE}{force}'"
        ))
    }

    /// A job of the server's owner that speaks to the server by its socket.
    fn client(&self, what: &str, script: &str) -> Result<Order, LocalError> {
        let bin = tools::postgres(&self.spec.version)?.bin;
        for program in ["psql", "pg_dump"] {
            if !bin.join(program).is_file() {
                return Err(LocalError::Refused(Refusal {
                    message: format!("`{program}` is not beside PostgreSQL in {}", bin.display()),
                    hint: Some(
                        "install PostgreSQL's client programs of the same version, or say `dry_run = false` under the \
                         service's `migrate`"
                            .into(),
                    ),
                    fault: plimsoll_deploy::Fault::Usage,
                }));
            }
        }
        let id = format!("prepare-{}-{what}", self.name);
        let command = ["/bin/sh", "-c", script].map(str::to_owned).into();
        let mut order = self.common(&id, Kind::Job, command);
        let sockets = self.layout.need_dir(self.name);
        order.env.extend([
            ("BIN".to_owned(), bin.to_string_lossy().into_owned()),
            (
                "STORE".to_owned(),
                self.seen_store().to_string_lossy().into_owned(),
            ),
            ("SECRETS".to_owned(), order.secrets_dir.clone()),
            ("DATABASE".to_owned(), self.spec.database.clone()),
            ("PGHOST".to_owned(), sockets.to_string_lossy().into_owned()),
            ("PGUSER".to_owned(), OWNER.to_owned()),
            ("ROLE".to_owned(), identifier(&self.spec.user)),
            ("LEDGERS".to_owned(), LEDGERS.to_owned()),
            ("PGCONNECT_TIMEOUT".to_owned(), "10".to_owned()),
            // The app's own limits are no measure for a copy.
            (
                "PGOPTIONS".to_owned(),
                "-c statement_timeout=0 -c client_min_messages=warning".to_owned(),
            ),
        ]);
        Ok(order)
    }
}

/// `sql` speaks to the server, `app` to the app's database.
fn head() -> String {
    format!(
        r#"set -eu
export LC_ALL=C.UTF-8
PGPASSWORD=$(cat "$SECRETS/{PASSWORD_FILE}")
export PGPASSWORD
app() {{ "$BIN/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$DATABASE" "$@"; }}
sql() {{ "$BIN/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname=postgres "$@"; }}"#
    )
}
