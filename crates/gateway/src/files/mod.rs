//! Static files: a folder is indexed once, and only what the index names is ever opened.

mod index;
mod mime;
mod negotiate;
mod range;
mod read;
mod serve;

pub(crate) use index::Folder;
pub(crate) use negotiate::choose;
pub(crate) use serve::{Ask, serve};
