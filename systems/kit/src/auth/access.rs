//! Roles and permissions: one static table per system, one extractor that asks it.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{header, request::Parts};
use uuid::Uuid;

use super::token::{Claims, Tokens};
use crate::problem::{Code, Problem};
use crate::request::RequestContext;

/// Someone who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub id: Uuid,
    /// The user's e-mail address.
    pub email: String,
    /// The role.
    pub role: String,
    /// Nothing but changing the password is allowed.
    pub must_change_password: bool,
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        Self {
            id: claims.sub,
            email: claims.email,
            role: claims.role,
            must_change_password: claims.change,
        }
    }
}

/// A permission, or a set of which one suffices: its row of the system's table.
pub trait Permission: Send + Sync + 'static {
    /// As it is written in the contract, for the refusal.
    const NAME: &'static str;

    /// Whether a role has it.
    fn allows(role: &str) -> bool;
}

/// Extracts who asks, refused with 401 without a good token and with 403 when the role lacks `P`.
#[derive(Debug)]
pub struct Require<P> {
    /// Who asks.
    pub who: Identity,
    permission: PhantomData<P>,
}

impl<P: Permission, S: Send + Sync> FromRequestParts<S> for Require<P>
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let who = identify(parts, &Tokens::from_ref(state))?;
        if who.must_change_password {
            return Err(Problem::new(
                Code::PasswordChangeRequired,
                "POST /auth/password first",
            ));
        }
        if !P::allows(&who.role) {
            let detail = format!("{} is not a permission of role {}", P::NAME, who.role);
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(Self {
            who,
            permission: PhantomData,
        })
    }
}

/// Extracts who asks, whatever the role.
#[derive(Debug)]
pub struct LoggedIn(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for LoggedIn
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        identify(parts, &Tokens::from_ref(state)).map(Self)
    }
}

fn identify(parts: &Parts, tokens: &Tokens) -> Result<Identity, Problem> {
    let refused = || {
        Problem::new(
            Code::Unauthorized,
            "the token is missing, invalid or expired",
        )
    };
    let claims = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| tokens.check(token.trim()))
        .ok_or_else(refused)?;
    if let Some(context) = parts.extensions.get::<Arc<RequestContext>>() {
        // The first one to identify the request names it.
        let _named = context.user.set(claims.email.clone());
    }
    Ok(claims.into())
}
