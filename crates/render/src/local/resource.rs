//! Resources.

use plimsoll_bundle::local::{PostgresSpec, RedisClass, RedisSpec, ResourceSpec};
use plimsoll_model::app::{DataClass, Resource, ResourceKind};

use super::Omitted;

/// One resource: supervised here, or somebody else's.
pub(super) fn render(name: &str, resource: &Resource, omitted: &mut Vec<Omitted>) -> ResourceSpec {
    if resource.replicas.read + resource.replicas.standby > 0 {
        omitted.push(Omitted {
            key: format!("resource.{name}.replicas"),
            effect: "one instance runs here; reads go to it too",
        });
    }
    if let Some(address) = &resource.address {
        return ResourceSpec::External {
            scheme: scheme(resource.kind).to_owned(),
            address: address.to_string(),
            secret: resource.secret.clone(),
        };
    }
    match resource.kind {
        ResourceKind::Postgres => ResourceSpec::Postgres(postgres(resource)),
        ResourceKind::Redis => ResourceSpec::Redis(redis(resource)),
        ResourceKind::Sqlite => ResourceSpec::Sqlite {
            storage_bytes: resource.storage.0,
        },
        ResourceKind::S3 | ResourceKind::Smtp | ResourceKind::Http => ResourceSpec::External {
            scheme: scheme(resource.kind).to_owned(),
            address: String::new(),
            secret: resource.secret.clone(),
        },
    }
}

fn scheme(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Postgres => "postgres",
        ResourceKind::Redis => "redis",
        ResourceKind::Sqlite => "sqlite",
        ResourceKind::S3 => "s3",
        ResourceKind::Smtp => "smtp",
        ResourceKind::Http => "http",
    }
}

fn postgres(resource: &Resource) -> PostgresSpec {
    PostgresSpec {
        version: resource.version.clone(),
        database: resource.name.clone(),
        user: resource.user.clone(),
        max_connections: resource.max_connections,
        reserve: resource.reserve,
        extensions: resource.extensions.clone(),
        statement_timeout_ms: resource.statement_timeout.0,
        slow_query_ms: resource.slow_query.0,
        settings: resource.settings.clone(),
        memory_bytes: resource.memory.0,
        storage_bytes: resource.storage.0,
    }
}

fn redis(resource: &Resource) -> RedisSpec {
    RedisSpec {
        memory_bytes: resource.memory.0,
        class: match resource.class {
            DataClass::State => RedisClass::State,
            DataClass::Cache => RedisClass::Cache,
        },
        settings: resource.settings.clone(),
    }
}
