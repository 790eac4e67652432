//! Access tokens: short-lived JWTs that say who someone is and in which role.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hs256;

/// A stolen token is worth this much, and a change of role takes effect after it.
pub const ACCESS_SECONDS: u64 = 15 * 60;

/// Who someone is, as the token says it.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// The user's id.
    pub sub: Uuid,
    /// The user's e-mail address.
    pub email: String,
    /// The role.
    pub role: String,
    /// The password must be changed before anything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub change: bool,
    /// The issuing system.
    pub iss: String,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
}

/// Signs and checks access tokens.
#[derive(Clone)]
pub struct Tokens {
    issuer: &'static str,
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens of one system under one key (at least 32 bytes, checked with the settings).
    pub fn new(issuer: &'static str, secret: &str) -> Self {
        hs256::install();
        let (signing, checking) = hs256::keys(secret);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Issued and checked by clocks of one deployment: no need to honour what has expired.
        validation.leeway = 0;
        validation.validate_aud = false;
        Self {
            issuer,
            signing,
            checking,
            validation,
        }
    }

    /// A token for someone who has just shown who they are.
    pub fn issue(
        &self,
        user: &super::access::Identity,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now = crate::clock::unix_seconds();
        let claims = Claims {
            sub: user.id,
            email: user.email.clone(),
            role: user.role.clone(),
            change: user.must_change_password,
            iss: self.issuer.to_owned(),
            iat: now,
            exp: now + ACCESS_SECONDS,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
    }

    /// Who the token is for; `None` when it does not hold for whatever reason.
    pub fn check(&self, token: &str) -> Option<Claims> {
        jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)
            .ok()
            .map(|data| data.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Identity;
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn identity() -> Identity {
        Identity {
            id: Uuid::now_v7(),
            email: "a@example.com".to_owned(),
            role: "auditor".to_owned(),
            must_change_password: false,
        }
    }

    fn claims(exp: u64) -> Claims {
        let identity = identity();
        Claims {
            sub: identity.id,
            email: identity.email,
            role: "admin".to_owned(),
            change: false,
            iss: "recon".to_owned(),
            iat: 0,
            exp,
        }
    }

    fn unsigned(header: &str, claims: &Claims) -> String {
        let body = serde_json::to_vec(claims).unwrap();
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(body)
        )
    }

    #[test]
    fn a_token_holds_for_its_system_and_key_only() {
        let tokens = Tokens::new("recon", SECRET);
        let token = tokens.issue(&identity()).unwrap();
        assert_eq!(tokens.check(&token).unwrap().role, "auditor");
        assert_eq!(Tokens::new("other", SECRET).check(&token), None);
        assert_eq!(
            Tokens::new("recon", "another key of at least 32 bytes!").check(&token),
            None
        );
    }

    #[test]
    fn forged_and_expired_tokens_are_refused() {
        let tokens = Tokens::new("recon", SECRET);
        let future = crate::clock::unix_seconds() + 600;
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"HS512","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            "{}",
        ] {
            assert_eq!(
                tokens.check(&unsigned(header, &claims(future))),
                None,
                "{header}"
            );
        }
        let expired = claims(crate::clock::unix_seconds() - 1);
        let expired =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &expired, &tokens.signing);
        assert_eq!(tokens.check(&expired.unwrap()), None);
        let good = tokens.issue(&identity()).unwrap();
        for end in 0..good.len() {
            assert_eq!(tokens.check(&good[..end]), None);
        }
    }
}
