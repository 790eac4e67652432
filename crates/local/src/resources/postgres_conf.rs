//! The settings of a private PostgreSQL.

use std::path::Path;

use plimsoll_bundle::local::PostgresSpec;

const MIB: u64 = 1 << 20;

/// `postgresql.conf`: what the file of the app says comes last and wins, except for what keeps the server private.
pub(super) fn postgresql(spec: &PostgresSpec, sockets: &Path) -> String {
    let memory = spec.memory_bytes;
    // A quarter, as PostgreSQL's manual advises; at least what a server starts with everywhere.
    let shared = (memory / 4).clamp(16 * MIB, 8192 * MIB) / MIB;
    let cache = (memory / 4 * 3).max(64 * MIB) / MIB;
    let reserved = spec
        .reserve
        .clamp(1, spec.max_connections.saturating_sub(1).max(1));
    let mut settings = vec![
        ("max_connections", spec.max_connections.max(2).to_string()),
        ("superuser_reserved_connections", reserved.to_string()),
        ("shared_buffers", format!("{shared}MB")),
        ("effective_cache_size", format!("{cache}MB")),
        ("maintenance_work_mem", "32MB".into()),
        // A process's tree has no /dev/shm of its own; a file leaves nothing behind outside the data directory.
        ("dynamic_shared_memory_type", "mmap".into()),
        // Bounds what a recovery after a crash has to replay: well below a second of it.
        ("max_wal_size", "128MB".into()),
        ("min_wal_size", "32MB".into()),
        ("checkpoint_timeout", "5min".into()),
        ("jit", "off".into()),
        ("max_worker_processes", "4".into()),
        ("max_parallel_workers", "2".into()),
        ("fsync", "on".into()),
        ("synchronous_commit", "on".into()),
        ("full_page_writes", "on".into()),
        ("password_encryption", "scram-sha-256".into()),
        ("timezone", "UTC".into()),
        ("log_timezone", "UTC".into()),
        ("log_destination", "stderr".into()),
        ("logging_collector", "off".into()),
        ("log_line_prefix", "%p ".into()),
        ("statement_timeout", spec.statement_timeout_ms.to_string()),
    ];
    if spec.slow_query_ms > 0 {
        settings.push(("log_min_duration_statement", spec.slow_query_ms.to_string()));
    }
    for (name, value) in &spec.settings {
        settings.push((name.as_str(), value.clone()));
    }
    settings.extend([
        ("listen_addresses", String::new()),
        (
            "unix_socket_directories",
            sockets.to_string_lossy().into_owned(),
        ),
        // Who reaches the folder may connect; who may enter is for the password to say.
        ("unix_socket_permissions", "0777".into()),
    ]);
    let line =
        |(name, value): &(&str, String)| format!("{name} = '{}'\n", value.replace('\'', "''"));
    settings.iter().map(line).collect()
}

/// `pg_hba.conf`: the app's role enters its own database and the copy of it that migrations are tried on, the owner
/// everything, each with the password.
pub(super) fn access(spec: &PostgresSpec, owner: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!(
        "local {},{} {} scram-sha-256\nlocal all {} scram-sha-256\nlocal all all reject\n",
        quoted(&spec.database),
        quoted(super::rehearsal::DATABASE),
        quoted(&spec.user),
        quoted(owner),
    )
}

#[cfg(test)]
pub(super) fn sample() -> PostgresSpec {
    PostgresSpec {
        version: String::new(),
        database: "shop".into(),
        user: "shop".into(),
        max_connections: 20,
        reserve: 3,
        extensions: vec!["citext".into()],
        statement_timeout_ms: 30_000,
        slow_query_ms: 500,
        settings: std::collections::BTreeMap::new(),
        memory_bytes: 256 * MIB,
        storage_bytes: 1024 * MIB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_of_the_file_opens_a_tcp_port_or_leaves_its_quotes() {
        let mut spec = sample();
        spec.settings.insert("listen_addresses".into(), "*".into());
        spec.settings
            .insert("search_path".into(), "a'\nlisten_addresses = '*".into());
        let text = postgresql(&spec, Path::new("/run/needs/db"));
        let last = text
            .lines()
            .rfind(|line| line.starts_with("listen_addresses"))
            .unwrap();
        assert_eq!(last, "listen_addresses = ''");
    }

    #[test]
    fn a_name_with_quotes_stays_one_name() {
        let spec = PostgresSpec {
            user: "a\" all \"b".into(),
            ..sample()
        };
        let first = "local \"shop\",\"plimsoll_rehearsal\" \"a\"\" all \"\"b\" scram";
        assert!(access(&spec, "plimsoll").starts_with(first));
    }

    #[test]
    fn memory_is_dealt_out_within_bounds() {
        let text = postgresql(&sample(), Path::new("/s"));
        assert!(text.contains("shared_buffers = '64MB'\n"));
        let tiny = PostgresSpec {
            memory_bytes: 0,
            max_connections: 0,
            reserve: 9,
            ..sample()
        };
        let text = postgresql(&tiny, Path::new("/s"));
        assert!(text.contains("shared_buffers = '16MB'\n"));
        assert!(text.contains("superuser_reserved_connections = '1'\n"));
    }
}
