//! What the Kubernetes target needs to know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Settings of the Kubernetes target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// The namespace; the app's name unless given.
    pub namespace: String,
    /// Which edge the cluster has.
    pub ingress: GatewayClass,
    /// Vertical autoscaler.
    pub vpa: VpaMode,
    /// Network policy where no edge of the app allows.
    pub network: NetworkDefault,
    /// Pod Security Admission of the namespace.
    pub pod_security: PodSecurity,
    /// Kubernetes versions that the manifests must be valid for: `1.29`.
    pub version: String,
    /// The registry and path that images are pushed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Storage class of volumes; empty is the cluster's default.
    pub storage_class: String,
    /// Storage class of volumes with `access = "many"`; empty is none, and then they are refused.
    pub storage_class_many: String,
    /// The cluster issuer of cert-manager.
    pub cluster_issuer: String,
    /// Whether the monitoring objects (ServiceMonitor, PrometheusRule) are rendered.
    pub monitoring: bool,
    /// Whether etcd encrypts secrets: the EncryptionConfiguration is rendered.
    pub encrypt_secrets: bool,
    /// Labels on every object.
    pub labels: BTreeMap<String, String>,
    /// Annotations on every pod.
    pub annotations: BTreeMap<String, String>,
}

/// Which edge a cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayClass {
    /// ingress-nginx.
    Nginx,
    /// Traefik.
    Traefik,
    /// The Gateway API.
    GatewayApi,
}

/// What a vertical autoscaler may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VpaMode {
    /// There is none.
    Off,
    /// It recommends.
    Recommend,
    /// It acts; refused beside horizontal scaling on the same measure.
    Auto,
}

/// Network policy where no edge of the app allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkDefault {
    /// Closed.
    Deny,
    /// Open.
    Allow,
}

/// A Pod Security Admission level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurity {
    /// The strictest.
    Restricted,
    /// The middle one.
    Baseline,
}
