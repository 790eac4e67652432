//! Appending to the audit trail.

use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use systems_kit::auth::access::Identity;
use uuid::Uuid;

/// What happened.
#[derive(Debug)]
pub struct Event<'a> {
    /// `noun.verb`.
    pub action: &'a str,
    /// The kind of thing.
    pub entity: &'a str,
    /// Which one.
    pub id: Uuid,
    /// What it was.
    pub before: Option<Value>,
    /// What it became.
    pub after: Option<Value>,
}

/// Appends an event by a person. Call it last in a transaction: it holds the trail's lock until the commit.
pub async fn append(
    connection: &mut PgConnection,
    who: &Identity,
    event: Event<'_>,
) -> Result<(), sqlx::Error> {
    write(connection, (&who.email, &who.role), event).await
}

/// Appends an event that nobody asked for: the end of a run.
pub async fn append_system(
    connection: &mut PgConnection,
    event: Event<'_>,
) -> Result<(), sqlx::Error> {
    write(connection, ("system", "system"), event).await
}

async fn write(
    connection: &mut PgConnection,
    (actor, role): (&str, &str),
    event: Event<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT audit_append($1, $2, $3, $4, $5, $6, $7)")
        .bind(actor)
        .bind(role)
        .bind(event.action)
        .bind(event.entity)
        .bind(event.id.to_string())
        .bind(event.before.map(Json))
        .bind(event.after.map(Json))
        .execute(connection)
        .await
        .map(|_| ())
}
