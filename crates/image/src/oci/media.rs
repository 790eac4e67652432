//! Media types: what a blob holds, by name.

/// An OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI index: manifests by platform, or referrers.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer as a plain tar.
pub const LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer as a tar under gzip.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer as a tar under Zstandard.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// The configuration of an artefact that has none: the two bytes `{}`.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A Docker image manifest, version 2 schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A Docker layer: a tar under gzip.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A Docker layer as a plain tar.
pub const DOCKER_LAYER_TAR: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// How a layer's tar is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// How the layer of this media type is packed; nothing where it is no layer that we can read (encrypted, foreign).
pub fn packing(media_type: &str) -> Option<Packing> {
    match media_type {
        LAYER_TAR | DOCKER_LAYER_TAR => Some(Packing::Plain),
        LAYER_GZIP | DOCKER_LAYER => Some(Packing::Gzip),
        LAYER_ZSTD => Some(Packing::Zstd),
        _ => None,
    }
}

/// Whether it is a list of manifests.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, INDEX | DOCKER_LIST)
}

/// Whether it is the manifest of one image or artefact.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, MANIFEST | DOCKER_MANIFEST)
}
