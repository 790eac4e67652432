//! Owns static files over HTTP: which file answers a path, in which coding and span, with which caching. A folder is
//! indexed once, and only what the index names is ever opened.
//!
//! Must not know: connections, routes, TLS. It answers a request's head with an answer's head and a body; the gateway
//! and the small server of a front end's image bring the rest.
//!
//! Reading order: [`site`] (what is served), [`serve`] (an answer), [`path`] (one spelling per path), `index` (what is
//! in a folder), `negotiate`, `range`, `mime`, `read`.

mod index;
mod mime;
mod negotiate;
pub mod path;
mod range;
mod read;
pub mod serve;
pub mod site;

pub use index::{Folder, FolderError};
pub use negotiate::choose;
pub use read::FileBody;
pub use serve::{Ask, Content, serve};
pub use site::Site;
