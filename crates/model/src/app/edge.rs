//! The gateway: listeners, TLS, headers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::DurationMs;

/// What the gateway does for every route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The port of plain HTTP.
    pub http: u16,
    /// The port of HTTP over TLS; 0 is none.
    pub https: u16,
    /// TLS.
    pub tls: Tls,
    /// Response headers.
    pub headers: Headers,
    /// Encodings for answers, best first.
    pub compress: Vec<Encoding>,
    /// Networks (CIDR) whose `x-forwarded-for` is believed.
    pub trusted: Vec<String>,
    /// Networks (CIDR) that may reach anything here; empty is all.
    pub allow: Vec<String>,
    /// A page instead of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// How long hashed file names may be cached.
    pub cache_hashed: DurationMs,
    /// Whether answers carry `x-request-id`, and requests a `traceparent`.
    pub request_id: bool,
    /// Whether replicas are spoken to by mutual TLS, on targets with a network between.
    pub mtls: bool,
}

/// TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The lowest version.
    pub min: TlsVersion,
    /// Who issues certificates.
    pub issuer: Issuer,
    /// Whether plain HTTP is answered with a redirect.
    pub redirect: bool,
    /// The address that the ACME authority may write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The ACME directory.
    pub directory: String,
    /// For `issuer = "files"`: the secret with the certificate chain and the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
}

/// Who issues certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Issuer {
    /// An authority of this machine.
    Local,
    /// An ACME authority.
    Acme,
    /// Files that somebody else keeps fresh.
    Files,
}

/// Security headers of every answer; set, never added. Empty text sends no such header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    /// `content-security-policy`.
    pub csp: Csp,
    /// `strict-transport-security: max-age`; 0 sends none.
    pub hsts: DurationMs,
    /// Whether it includes subdomains.
    pub hsts_subdomains: bool,
    /// `x-frame-options`.
    pub frame: FrameOption,
    /// `x-content-type-options: nosniff`.
    pub nosniff: bool,
    /// `referrer-policy`.
    pub referrer: Referrer,
    /// `permissions-policy`; empty sends none.
    pub permissions: String,
    /// Other headers, by lower-case name.
    pub more: BTreeMap<String, String>,
}

/// A content security policy; empty sends none.
pub type Csp = String;

/// `x-frame-options`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameOption {
    /// In no frame.
    #[serde(rename = "DENY")]
    Deny,
    /// In frames of the same origin.
    #[serde(rename = "SAMEORIGIN")]
    SameOrigin,
    /// No such header.
    #[serde(rename = "none")]
    None,
}

/// `referrer-policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Referrer {
    /// Never.
    NoReferrer,
    /// To the same origin only.
    SameOrigin,
    /// The origin only.
    StrictOrigin,
    /// The path to the same origin, else the origin.
    StrictOriginWhenCrossOrigin,
    /// No such header.
    #[serde(rename = "none")]
    None,
}

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Brotli.
    Br,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
}

/// A page instead of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Whether it is shown now.
    pub on: bool,
    /// The page, relative to the file; empty is a plain one.
    pub page: String,
    /// `retry-after`.
    pub retry_after: DurationMs,
    /// Networks (CIDR) that still reach the app.
    pub allow: Vec<String>,
}
