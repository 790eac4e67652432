//! Accounts.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use systems_kit::auth::access::Require;
use systems_kit::auth::password;
use systems_kit::body::{Json, Path, Query};
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use super::auth::{check_new, password_problem};
use crate::app::App;
use crate::audit::{Event, append};
use crate::page::{PageQuery, json, list};
use crate::permissions::{ROLES, UsersManage};

const USER: &str = "SELECT id::text, json_build_object('id', id, 'email', email, 'role', role, 'disabled', disabled,
    'must_change_password', must_change_password)::text FROM app_user";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    email: String,
    role: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    role: Option<String>,
    disabled: Option<bool>,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<UsersManage>,
    Query(page): Query<PageQuery>,
) -> Answer {
    let limit = page.limit()?;
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{USER} WHERE ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2"
    )))
    .bind(page.after::<Uuid>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

pub(crate) async fn create(
    State(app): State<App>,
    Require { who, .. }: Require<UsersManage>,
    Json(new): Json<NewUser>,
) -> Answer {
    let email = new.email.trim().to_lowercase();
    if !(3..=254).contains(&email.len()) || !email.contains('@') {
        return Err(Problem::fault("/email", "invalid", "not an e-mail address"));
    }
    check_role(&new.role)?;
    check_new(&new.password)?;
    let hash = password::hash(&new.password)
        .await
        .map_err(|e| password_problem(&e))?;
    let id = Uuid::now_v7();
    let mut transaction = app.pool().begin().await?;
    sqlx::query(
        "INSERT INTO app_user (id, email, pw_hash, role, must_change_password) VALUES ($1, $2, $3, $4, true)",
    )
    .bind(id)
    .bind(&email)
    .bind(hash)
    .bind(&new.role)
    .execute(&mut *transaction)
    .await?;
    let after = Some(json!({"email": email, "role": new.role}));
    let event = Event {
        action: "user.create",
        entity: "user",
        id,
        before: None,
        after,
    };
    append(&mut transaction, &who, event).await?;
    transaction.commit().await?;
    respond(&app, id, StatusCode::CREATED).await
}

pub(crate) async fn update(
    State(app): State<App>,
    Require { who, .. }: Require<UsersManage>,
    Path(id): Path<Uuid>,
    Json(change): Json<UserChange>,
) -> Answer {
    if let Some(role) = &change.role {
        check_role(role)?;
    }
    if id == who.id {
        return Err(Problem::new(
            Code::FourEyes,
            "nobody changes their own account",
        ));
    }
    let mut transaction = app.pool().begin().await?;
    let before: Option<(String, bool)> =
        sqlx::query_as("SELECT role, disabled FROM app_user WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let (role, disabled) = before.ok_or_else(|| Problem::new(Code::NotFound, "no such user"))?;
    sqlx::query(
        "UPDATE app_user SET role = coalesce($2, role), disabled = coalesce($3, disabled) WHERE id = $1",
    )
    .bind(id)
    .bind(&change.role)
    .bind(change.disabled)
    .execute(&mut *transaction)
    .await?;
    let event = Event {
        action: "user.update",
        entity: "user",
        id,
        before: Some(json!({"role": role, "disabled": disabled})),
        after: Some(json!({"role": change.role, "disabled": change.disabled})),
    };
    append(&mut transaction, &who, event).await?;
    transaction.commit().await?;
    app.refresh().revoke_user(id).await?;
    respond(&app, id, StatusCode::OK).await
}

async fn respond(app: &App, id: Uuid, status: StatusCode) -> Answer {
    let (_, document): (String, String) =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("{USER} WHERE id = $1")))
            .bind(id)
            .fetch_one(app.pool())
            .await?;
    Ok(json(status, document))
}

fn check_role(role: &str) -> Result<(), Problem> {
    if ROLES.contains(&role) {
        return Ok(());
    }
    Err(Problem::fault(
        "/role",
        "unknown",
        format!("one of {}", ROLES.join(", ")),
    ))
}
