//! Login, rotation, logout.

use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use std::net::SocketAddr;
use systems_kit::auth::access::{Identity, LoggedIn};
use systems_kit::auth::password::{self, PasswordError};
use systems_kit::auth::refresh::Rotation;
use systems_kit::auth::token::ACCESS_SECONDS;
use systems_kit::body::Json;
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use crate::app::App;
use crate::audit::{Event, append};
use crate::page::json;
use crate::permissions;
use crate::settings::SHORTEST_PASSWORD;

/// Longer ones are an attempt to make us hash a lot.
const LONGEST_PASSWORD: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    refresh_token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    current_password: String,
    new_password: String,
}

/// A row of `app_user`.
struct Account {
    id: Uuid,
    email: String,
    pw_hash: String,
    role: String,
    disabled: bool,
    must_change_password: bool,
}

impl Account {
    fn identity(&self) -> Identity {
        Identity {
            id: self.id,
            email: self.email.clone(),
            role: self.role.clone(),
            must_change_password: self.must_change_password,
        }
    }
}

pub(crate) async fn login(
    State(app): State<App>,
    address: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Answer {
    if login.password.len() > LONGEST_PASSWORD {
        return Err(Problem::fault("/password", "too_long", "at most 256 bytes"));
    }
    let email = login.email.trim().to_lowercase();
    let address = client_address(&app, address.map(|info| info.0.0), &headers);
    if let Some(seconds) = app.lockout().wait(&email, &address).await? {
        let detail = format!("try again in {seconds} seconds");
        return Err(Problem::new(Code::LockedOut, detail).retry_after(seconds));
    }
    let account = by_email(&app, &email).await?;
    let known = match &account {
        Some(account) => password::verify(&login.password, &account.pw_hash).await,
        None => password::verify_nobody(&login.password).await,
    };
    let known = known.map_err(|e| password_problem(&e))?;
    let Some(account) = account.filter(|account| known && !account.disabled) else {
        app.lockout().fail(&email, &address).await?;
        return Err(Problem::new(
            Code::InvalidCredentials,
            "the e-mail or the password is wrong",
        ));
    };
    app.lockout().clear(&email, &address).await?;
    let refresh_token = app.refresh().issue(account.id).await?;
    session(&app, &account.identity(), &refresh_token)
}

pub(crate) async fn refresh(State(app): State<App>, Json(body): Json<Refresh>) -> Answer {
    let refused = |why: &str| Err(Problem::new(Code::Unauthorized, why));
    match app.refresh().rotate(&body.refresh_token).await? {
        Rotation::Unknown => refused("the refresh token is unknown or has expired"),
        Rotation::Reused => {
            tracing::warn!("a refresh token was used twice, its family is revoked");
            refused("the refresh token was used before; log in again")
        }
        Rotation::Renewed { user, token } => {
            // Read anew, so that a change of role or a disabled account takes effect here.
            let account = by_id(&app, user).await?.filter(|account| !account.disabled);
            match account {
                Some(account) => session(&app, &account.identity(), &token),
                None => refused("the account is disabled"),
            }
        }
    }
}

pub(crate) async fn logout(State(app): State<App>, Json(body): Json<Refresh>) -> Answer {
    app.refresh().revoke(&body.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn me(LoggedIn(who): LoggedIn) -> Response {
    json(StatusCode::OK, user(&who).to_string())
}

pub(crate) async fn change_password(
    State(app): State<App>,
    LoggedIn(who): LoggedIn,
    Json(body): Json<NewPassword>,
) -> Answer {
    check_new(&body.new_password)?;
    let account = by_id(&app, who.id).await?;
    let account = account.ok_or_else(|| Problem::new(Code::Unauthorized, "the account is gone"))?;
    let known = password::verify(&body.current_password, &account.pw_hash).await;
    if !known.map_err(|e| password_problem(&e))? {
        return Err(Problem::new(
            Code::InvalidCredentials,
            "the current password is wrong",
        ));
    }
    let hash = password::hash(&body.new_password)
        .await
        .map_err(|e| password_problem(&e))?;
    let mut transaction = app.pool().begin().await?;
    sqlx::query("UPDATE app_user SET pw_hash = $2, must_change_password = false WHERE id = $1")
        .bind(who.id)
        .bind(hash)
        .execute(&mut *transaction)
        .await?;
    let event = Event {
        action: "user.password",
        entity: "user",
        id: who.id,
        before: None,
        after: None,
    };
    append(&mut transaction, &who, event).await?;
    transaction.commit().await?;
    app.refresh().revoke_user(who.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Refuses a new password that is too short or too long.
pub(crate) fn check_new(password: &str) -> Result<(), Problem> {
    if password.chars().count() < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD {
        let detail = "a password has 12 to 256 characters";
        return Err(Problem::fault("/new_password", "out_of_range", detail));
    }
    Ok(())
}

/// What hashing says to the caller.
pub(crate) fn password_problem(error: &PasswordError) -> Problem {
    match error {
        PasswordError::Busy | PasswordError::CutOff => {
            Problem::new(Code::Unavailable, "too many logins at once").retry_after(2)
        }
        PasswordError::Hashing(_) => Problem::internal(error),
    }
}

fn session(app: &App, who: &Identity, refresh_token: &str) -> Answer {
    let access_token = app
        .tokens()
        .issue(who)
        .map_err(|error| Problem::internal(&error))?;
    let document = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "refresh_token": refresh_token,
        "user": user(who),
    });
    Ok(json(StatusCode::OK, document.to_string()))
}

fn user(who: &Identity) -> serde_json::Value {
    json!({
        "id": who.id,
        "email": who.email,
        "role": who.role,
        "must_change_password": who.must_change_password,
        "permissions": permissions::of_role(&who.role),
    })
}

const ACCOUNT: &str =
    "SELECT id, email, pw_hash, role, disabled, must_change_password FROM app_user";

type AccountRow = (Uuid, String, String, String, bool, bool);

fn account((id, email, pw_hash, role, disabled, must_change_password): AccountRow) -> Account {
    Account {
        id,
        email,
        pw_hash,
        role,
        disabled,
        must_change_password,
    }
}

async fn by_email(app: &App, email: &str) -> Result<Option<Account>, sqlx::Error> {
    let row = sqlx::query_as(sqlx::AssertSqlSafe(format!("{ACCOUNT} WHERE email = $1")))
        .bind(email)
        .fetch_optional(app.pool())
        .await?;
    Ok(row.map(account))
}

async fn by_id(app: &App, id: Uuid) -> Result<Option<Account>, sqlx::Error> {
    let row = sqlx::query_as(sqlx::AssertSqlSafe(format!("{ACCOUNT} WHERE id = $1")))
        .bind(id)
        .fetch_optional(app.pool())
        .await?;
    Ok(row.map(account))
}

/// The address that the outermost trusted proxy saw: each proxy appends one to `x-forwarded-for`, and what stands
/// left of the
/// trusted ones was written by the client.
fn client_address(app: &App, peer: Option<SocketAddr>, headers: &HeaderMap) -> String {
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let trusted = app.settings().trusted_proxies;
    let seen = forwarded.len().checked_sub(trusted).filter(|_| trusted > 0);
    match seen.and_then(|place| forwarded.get(place)) {
        Some(address) => (*address).to_owned(),
        None => peer.map_or_else(String::new, |peer| peer.ip().to_string()),
    }
}
