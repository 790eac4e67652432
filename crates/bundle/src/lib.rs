//! Owns the rendered documents of one release and their canonical digest.
//!
//! Must not know: who made a document, and what is good.
//!
//! Reading order: [`digest`] (the name of bytes), [`canonical`] (one encoding per value), [`local`] (what this
//! machine runs and routes), [`endpoints`] (where it runs now).

pub mod canonical;
pub mod digest;
pub mod endpoints;
pub mod local;

pub use digest::Digest;
