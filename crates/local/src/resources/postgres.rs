//! A private PostgreSQL: its data directory, made once, and the orders of its server.

use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_bundle::canonical;
use plimsoll_bundle::local::PostgresSpec;
use plimsoll_stdx::fs::{at, sync_dir, write_atomic_mode};
use plimsoll_supervisor::order::{Bind, Kind, Order, StopSignal};
use plimsoll_supervisor::secrets::Secrets;

use super::{ensure_dir, health, order_id, postgres_conf, tools};
use crate::orders::layout::Layout;
use crate::orders::uids;
use crate::{EnvDir, LocalError};

/// The port that a program finds behind its relay, and the name of the socket, which goes by it.
pub(crate) const PORT: u16 = 5432;
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

/// The role that owns the server; the app is another one.
pub(super) const OWNER: &str = "plimsoll";
/// The app's database under construction has this name, and is renamed when it is whole.
const NEW: &str = "new";
/// The whole data directory.
const LIVE: &str = "live";
/// Holds the digest of the document that the data directory was last prepared for.
const PREPARED: &str = "prepared";
/// Files of secrets that the preparation reads.
pub(super) const PASSWORD_FILE: &str = "password";
const SERVER_SQL: &str = "server.sql";
const DATABASE_SQL: &str = "database.sql";
/// A fast shutdown rolls back what is open and writes a checkpoint; on a slow disk 128 MB take some seconds.
const GRACE_MS: u64 = 30_000;
/// Clamped by this machine.
const OPEN_FILES: u64 = 4096;

/// A PostgreSQL of the app.
#[derive(Debug)]
pub(crate) struct Postgres<'a> {
    pub(crate) name: &'a str,
    pub(crate) spec: &'a PostgresSpec,
    pub(crate) env: &'a EnvDir,
    pub(crate) layout: &'a Layout,
}

/// The address that services get.
pub(crate) fn address(spec: &PostgresSpec, sockets: &Path, password: &str) -> String {
    let (user, database) = (encode(&spec.user), encode(&spec.database));
    let host = encode(&sockets.to_string_lossy());
    format!(
        "postgres://{user}:{}@localhost/{database}?host={host}",
        encode(password)
    )
}

/// The same for a client that knows no Unix sockets. Between it and the server there is no network, and PostgreSQL
/// speaks no TLS on the socket behind.
pub(crate) fn address_over_tcp(
    spec: &PostgresSpec,
    (host, port): (&str, u16),
    password: &str,
) -> String {
    let (user, database) = (encode(&spec.user), encode(&spec.database));
    let password = encode(password);
    format!("postgres://{user}:{password}@{host}:{port}/{database}?sslmode=disable")
}

/// What goes behind an address so that its sessions wait for locks no longer than this: `options` of the protocol's own
/// first message, which every client passes on.
pub(crate) fn with_lock_timeout(ms: u64) -> String {
    format!("&options=-c%20lock_timeout%3D{ms}")
}

impl Postgres<'_> {
    /// Makes folders and settings, and says what has to run to its end before the server starts: nothing, when the
    /// data directory was prepared for this very document.
    pub(crate) fn prepare(&self) -> Result<Option<Order>, LocalError> {
        let home = self.env.resource(self.name);
        let user = uids::resource();
        for (dir, mode) in [("store", 0o700), ("run", 0o755)] {
            ensure_dir(&home.join(dir), mode)?;
            self.layout.give(&home.join(dir), &user)?;
        }
        ensure_dir(&home.join("conf"), 0o755)?;
        self.layout.link_sockets(self.name)?;
        let sockets = self.layout.need_dir(self.name);
        for (file, text) in [
            (
                "postgresql.conf",
                postgres_conf::postgresql(self.spec, &sockets),
            ),
            ("pg_ident.conf", String::new()),
        ] {
            // Readable for the server's user; it holds no secret.
            write_atomic_mode(&home.join("conf").join(file), text.as_bytes(), 0o644)?;
        }
        self.grant_access()?;
        let done = std::fs::read_to_string(home.join(PREPARED)).unwrap_or_default();
        if done == self.document()?.as_str() && self.store().join(LIVE).is_dir() {
            return Ok(None);
        }
        self.ensure_version()?;
        Ok(Some(self.preparation()?))
    }

    /// Writes who may enter. A server that runs reads it again when it is told to.
    pub(super) fn grant_access(&self) -> Result<(), LocalError> {
        let path = self.env.resource(self.name).join("conf/pg_hba.conf");
        let text = postgres_conf::access(self.spec, OWNER);
        Ok(write_atomic_mode(&path, text.as_bytes(), 0o644)?)
    }

    /// Remembers that the preparation ended well. A cluster that was made gets its name only now: one that was
    /// half made is made again.
    pub(crate) fn prepared(&self) -> Result<(), LocalError> {
        let (new, live) = (self.store().join(NEW), self.store().join(LIVE));
        if !live.is_dir() {
            std::fs::rename(&new, &live).map_err(at("rename", &new))?;
            sync_dir(&self.store())?;
        }
        let path = self.env.resource(self.name).join(PREPARED);
        Ok(write_atomic_mode(
            &path,
            self.document()?.as_str().as_bytes(),
            0o600,
        )?)
    }

    /// The server's orders.
    pub(crate) fn order(&self) -> Result<Order, LocalError> {
        let tools::Postgres { bin, major } = tools::postgres(&self.spec.version)?;
        let data = self.seen_store().join(LIVE);
        let conf = self.seen_conf();
        // The shim has killed everything of an earlier server; a pid file that names a process that has the number
        // now, perhaps of our own user, must not keep this one from starting. PostgreSQL still checks its shared
        // memory, so that two servers never meet on one data directory.
        let script = "rm -f \"$1/postmaster.pid\" \"$2\"/.s.PGSQL.5432*; shift 2; exec \"$@\"";
        let mut command: Vec<String> = ["/bin/sh", "-c", script, "sh"].map(str::to_owned).into();
        let sockets = self.layout.need_dir(self.name);
        for part in [
            data.as_path(),
            &sockets,
            &bin.join("postgres"),
            Path::new("-D"),
            &data,
        ] {
            command.push(part.to_string_lossy().into_owned());
        }
        for (key, file) in [
            ("config_file", "postgresql.conf"),
            ("hba_file", "pg_hba.conf"),
            ("ident_file", "pg_ident.conf"),
        ] {
            command.push("-c".into());
            command.push(format!("{key}={}", conf.join(file).display()));
        }
        if major.parse::<u32>().is_ok_and(|major| major >= 14) {
            // After a crash every file is flushed before recovery begins: with one call, and not one for each of
            // a thousand files (two seconds of the five that a recovery may take).
            command.push("-c".into());
            command.push("recovery_init_sync_method=syncfs".into());
        }
        let mut order = self.common(&order_id(self.name), Kind::Resource, command);
        order.health = Some(health());
        order.stop_signal = StopSignal::Int;
        order.grace_ms = GRACE_MS;
        order.limits.open_files = OPEN_FILES;
        Ok(order)
    }

    /// Secrets of the preparation; the server itself gets none.
    pub(crate) fn secrets(&self, kind: Kind, password: &str) -> Secrets {
        let mut secrets = Secrets::default();
        if kind == Kind::Job {
            secrets
                .files
                .insert(PASSWORD_FILE.into(), password.to_owned());
            secrets
                .files
                .insert(SERVER_SQL.into(), self.server_sql(password));
            secrets
                .files
                .insert(DATABASE_SQL.into(), self.database_sql());
        }
        secrets
    }

    /// Makes the cluster where there is none, then the role, the database and the extensions, by a server without a
    /// socket (`--single`), so that nobody meets it half done. Every statement may be repeated.
    fn preparation(&self) -> Result<Order, LocalError> {
        let bin = tools::postgres(&self.spec.version)?.bin;
        let id = format!("prepare-{}", self.name);
        let secrets = self.layout.secrets_dir(&id);
        let store = self.seen_store();
        let data = if self.store().join(LIVE).is_dir() {
            LIVE
        } else {
            NEW
        };
        let script = format!(
            r#"set -eu
export LC_ALL=C.UTF-8
if [ {data} = {NEW} ]; then
  rm -rf "$STORE/{NEW}"
  "$BIN/initdb" --pgdata="$STORE/{NEW}" --username={OWNER} --pwfile="$SECRETS/{PASSWORD_FILE}" \
    --auth-local=scram-sha-256 --auth-host=reject --encoding=UTF8 --locale=C.UTF-8 --no-instructions >/dev/null
fi
rm -f "$STORE/{data}/postmaster.pid"
single() {{
  "$BIN/postgres" --single -D "$STORE/{data}" -c exit_on_error=on -c dynamic_shared_memory_type=mmap \
    -c unix_socket_directories= -c listen_addresses= "$1" < "$SECRETS/$2" >/dev/null
}}
single postgres {SERVER_SQL}
single "$DATABASE" {DATABASE_SQL}
"#
        );
        let command = ["/bin/sh", "-c", &script].map(str::to_owned).into();
        let mut order = self.common(&id, Kind::Job, command);
        order.secrets_dir.clone_from(&secrets);
        order.env.extend([
            ("BIN".to_owned(), bin.to_string_lossy().into_owned()),
            ("STORE".to_owned(), store.to_string_lossy().into_owned()),
            ("SECRETS".to_owned(), secrets),
            ("DATABASE".to_owned(), self.spec.database.clone()),
        ]);
        Ok(order)
    }

    pub(super) fn common(&self, id: &str, kind: Kind, command: Vec<String>) -> Order {
        let home = self.env.resource(self.name);
        let mut order = Order::new(id, kind, command);
        self.name.clone_into(&mut order.service);
        order.env.insert("PATH".into(), "/usr/bin:/bin".into());
        order.env.insert("HOME".into(), "/tmp".into());
        order.secrets_dir = self.layout.secrets_dir(id);
        order.root = self.layout.tools();
        order.isolation = self.layout.closed();
        order.user = self.layout.user(uids::resource());
        order.binds = vec![
            Bind {
                source: home.join("store"),
                target: "/store".into(),
                writable: true,
            },
            Bind {
                source: home.join("conf"),
                target: "/conf".into(),
                writable: false,
            },
            self.layout.need_bind(self.name),
        ];
        order
    }

    fn server_sql(&self, password: &str) -> String {
        let (user, database) = (identifier(&self.spec.user), identifier(&self.spec.database));
        let user_text = literal(&self.spec.user);
        let password = literal(password);
        // One statement a line: that is how a single-user server reads.
        format!(
            "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {user_text}) \
             THEN CREATE ROLE {user} LOGIN; END IF; END $do$;\n\
             ALTER ROLE {user} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password};\n\
             {}\
             ALTER DATABASE {database} OWNER TO {user};\n\
             REVOKE ALL ON DATABASE {database} FROM PUBLIC;\n",
            self.create_database(&database, &user),
        )
    }

    /// `CREATE DATABASE` knows no `IF NOT EXISTS`, and runs in no block: it is only said to a cluster that is new.
    fn create_database(&self, database: &str, user: &str) -> String {
        if self.store().join(LIVE).is_dir() {
            return String::new();
        }
        format!("CREATE DATABASE {database} OWNER {user};\n")
    }

    fn database_sql(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for name in &self.spec.extensions {
            lines.push(format!(
                "CREATE EXTENSION IF NOT EXISTS {};\n",
                identifier(name)
            ));
        }
        lines.push(format!(
            "ALTER SCHEMA public OWNER TO {};\n",
            identifier(&self.spec.user)
        ));
        lines.concat()
    }

    /// A data directory of another major version is refused before a server touches it.
    fn ensure_version(&self) -> Result<(), LocalError> {
        let server = tools::postgres(&self.spec.version)?;
        let path = self.store().join(LIVE).join("PG_VERSION");
        let Ok(found) = std::fs::read_to_string(&path) else {
            return Ok(());
        };
        let found = found.trim();
        if found == server.major {
            return Ok(());
        }
        Err(LocalError::Refused(crate::error::Refusal {
            message: format!(
                "the data of `{}` was written by PostgreSQL {found}, and the server is {}",
                self.name, server.major
            ),
            hint: Some(format!(
                "set version = \"{found}\" and install postgresql-{found}, or dump and load the data"
            )),
            fault: plimsoll_deploy::Fault::Usage,
        }))
    }

    fn document(&self) -> Result<Digest, LocalError> {
        Ok(canonical::digest(self.spec)?)
    }

    fn store(&self) -> PathBuf {
        self.env.resource(self.name).join("store")
    }

    pub(super) fn seen_store(&self) -> PathBuf {
        self.layout.seen(&self.store(), "/store")
    }

    fn seen_conf(&self) -> PathBuf {
        self.layout
            .seen(&self.env.resource(self.name).join("conf"), "/conf")
    }
}

pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Percent-encodes what a part of an address may not hold as it is.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;

    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_role_database_and_folder_of_the_socket() {
        let spec = postgres_conf::sample();
        assert_eq!(
            address(&spec, Path::new("/run/needs/db"), "p@ss"),
            "postgres://shop:p%40ss@localhost/shop?host=/run/needs/db"
        );
        assert_eq!(
            address_over_tcp(&spec, ("db", PORT), "p@ss"),
            "postgres://shop:p%40ss@db:5432/shop?sslmode=disable"
        );
    }

    #[test]
    fn names_and_texts_stay_inside_their_quotes() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
