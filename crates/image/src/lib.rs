//! Owns the build artefacts of services and their OCI images: made from source by their own tools, assembled
//! without a daemon and without root, named by the digest of their content, kept once on disk.
//!
//! Must not know: deployment (which release uses an artefact, where it runs), the app's file, the environment.
//!
//! Reading order, for artefacts: [`recipe`] (how a service is built), [`build`] (running a recipe), [`cargo`],
//! [`tree`] (what an artefact holds, and its digest), [`store`] (where artefacts are kept), [`precompress`] (siblings
//! of static files). For images: [`oci`] (images as values and as a folder), [`layer`], [`service`] (from an artefact
//! to a plan), [`program`] (what runs alone), [`assemble`] (from a plan to an image), [`package`] and [`sbom`] (what it
//! is made of), [`archive`], [`diff`], [`registry`] (push and pull), [`unpack`] (an image as the root of a replica).

pub mod archive;
pub mod assemble;
pub mod build;
pub mod cargo;
pub mod diff;
pub mod error;
mod inputs;
pub mod layer;
mod npm;
pub mod oci;
pub mod package;
pub mod precompress;
pub mod program;
mod python;
pub mod recipe;
pub mod registry;
pub mod sbom;
pub mod service;
pub mod store;
mod tool;
pub mod tree;
pub mod unpack;

pub use assemble::{BuiltImage, ImageError, ImagePlan, adopt, assemble, join};
pub use build::{Built, build, build_for};
pub use error::BuildError;
pub use recipe::Recipe;
pub use store::ArtefactStore;
