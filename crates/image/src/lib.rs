//! Owns build artefacts of services, content-addressed on disk.
//!
//! Must not know: deployment.
