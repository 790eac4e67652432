//! First data: the bootstrap administrator and the shipped rules everywhere, a login for each role and two sources in
//! development.

use recon_core::mapping::Mapping;
use recon_core::rules::RuleSet;
use recon_core::synth;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::types::Json;
use systems_kit::auth::password;
use systems_kit::problem::Problem;
use uuid::Uuid;

use crate::app::App;
use crate::permissions::ROLES;

/// What every environment needs before it can serve: the shipped rules, and an administrator when one is asked for.
pub async fn ensure_basics(app: &App) -> Result<(), sqlx::Error> {
    let rules = RuleSet::bank_default();
    let version = i32::try_from(rules.version).unwrap_or(i32::MAX);
    // Rule sets never change once they are there: another version is another row.
    sqlx::query(
        "INSERT INTO rule_set (id, name, version, is_default, rules, created_by)
         VALUES ($1, $2, $3, NOT EXISTS (SELECT 1 FROM rule_set WHERE is_default), $4, 'system')
         ON CONFLICT DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(&rules.name)
    .bind(version)
    .bind(Json(&rules))
    .execute(app.pool())
    .await?;
    bootstrap(app).await
}

async fn bootstrap(app: &App) -> Result<(), sqlx::Error> {
    let Some(bootstrap) = &app.settings().bootstrap else {
        return Ok(());
    };
    let admins: i64 = sqlx::query_scalar("SELECT count(*) FROM app_user WHERE role = 'admin'")
        .fetch_one(app.pool())
        .await?;
    if admins > 0 {
        return Ok(());
    }
    let hash = match password::hash(&bootstrap.password).await {
        Ok(hash) => hash,
        Err(error) => {
            tracing::error!(%error, "the first administrator cannot be made");
            return Ok(());
        }
    };
    // Several replicas may start at once; the address decides.
    sqlx::query(
        "INSERT INTO app_user (id, email, pw_hash, role, must_change_password) VALUES ($1, $2, $3, 'admin', true)
         ON CONFLICT DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(&bootstrap.email)
    .bind(hash)
    .execute(app.pool())
    .await?;
    tracing::info!(email = bootstrap.email, "the first administrator is there");
    Ok(())
}

/// Makes the development logins and sources, and answers the logins. Running it again gives the same logins when
/// `SEED_PASSWORD` is set, and fresh passwords when it is not.
pub async fn development(app: &App) -> Result<Value, Problem> {
    ensure_basics(app).await?;
    let chosen = app.settings().seed_password.clone();
    let secret = chosen.unwrap_or_else(generated_password);
    if !all_have(app.pool(), &secret).await? {
        // One hash for all: these accounts share their password anyway, and each hash costs a quarter of a second.
        let hash = password::hash(&secret)
            .await
            .map_err(|e| crate::handlers::auth::password_problem(&e))?;
        write_logins(app.pool(), &hash).await?;
    }
    write_source(app.pool(), "Bank", &synth::left_mapping()).await?;
    write_source(app.pool(), "Ledger", &synth::right_mapping()).await?;
    let logins: Vec<Value> = ROLES
        .iter()
        .map(|role| json!({"role": role, "email": email(role), "password": secret}))
        .collect();
    Ok(json!({"logins": logins}))
}

fn email(role: &str) -> String {
    format!("{role}@example.com")
}

/// 122 random bits.
fn generated_password() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Whether every login is there, enabled and opened by this password already. All of one seeding share a hash, so
/// one check
/// does for all.
async fn all_have(pool: &PgPool, secret: &str) -> Result<bool, Problem> {
    let hashes: Vec<(String,)> = sqlx::query_as(
        "SELECT pw_hash FROM app_user u JOIN unnest($1::text[], $2::text[]) AS s(email, role) ON s.email = u.email AND s.role = u.role
         WHERE NOT u.disabled AND NOT u.must_change_password",
    )
    .bind(ROLES.map(email).to_vec())
    .bind(ROLES.map(str::to_owned).to_vec())
    .fetch_all(pool)
    .await?;
    let Some((hash,)) = hashes.first() else {
        return Ok(false);
    };
    if hashes.len() != ROLES.len() || hashes.iter().any(|(other,)| other != hash) {
        return Ok(false);
    }
    password::verify(secret, hash)
        .await
        .map_err(|e| crate::handlers::auth::password_problem(&e))
}

async fn write_logins(pool: &PgPool, hash: &str) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = ROLES.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query(
        "INSERT INTO app_user (id, email, pw_hash, role)
         SELECT s.id, s.email, $4, s.role FROM unnest($1::uuid[], $2::text[], $3::text[]) AS s(id, email, role)
         ON CONFLICT (email) DO UPDATE SET pw_hash = excluded.pw_hash, role = excluded.role, disabled = false,
           must_change_password = false",
    )
    .bind(ids)
    .bind(ROLES.map(email).to_vec())
    .bind(ROLES.map(str::to_owned).to_vec())
    .bind(hash)
    .execute(pool)
    .await
    .map(|_| ())
}

async fn write_source(pool: &PgPool, name: &str, mapping: &Mapping) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO source (id, name, mapping) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(name)
    .bind(Json(mapping))
    .execute(pool)
    .await
    .map(|_| ())
}
