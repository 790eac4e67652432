//! Owns the build artefacts of services: made from source by their own tools, named by the digest of their content,
//! kept once on disk.
//!
//! Must not know: deployment (which release uses an artefact, where it runs).
//!
//! Reading order: [`recipe`] (how a service is built), [`build`] (running a recipe), [`tree`] (what an artefact
//! holds, and its digest), [`store`] (where artefacts are kept), [`precompress`] (siblings of static files), [`oci`]
//! (images as values and as a folder).

pub mod build;
pub mod error;
mod inputs;
pub mod oci;
pub mod precompress;
pub mod recipe;
pub mod store;
mod tool;
pub mod tree;

pub use build::{Built, build};
pub use error::BuildError;
pub use recipe::Recipe;
pub use store::ArtefactStore;
