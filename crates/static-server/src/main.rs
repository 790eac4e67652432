//! The small server of a front end's image: files with their settings, two health paths, an orderly end.
//!
//! Must not know: TLS, routes, limits, headers of the edge. Whatever stands in front of it brings those.
//!
//! ```text
//! plimsoll-static [--root /srv] [--spa index.html]
//! ```
//!
//! `PORT` (8080) and `HOST` (0.0.0.0) say where it listens; every `SETTING_NAME` is a member `NAME` of `/config.json`,
//! so that one image serves every environment. `/livez` and `/readyz` answer as long as no file has these names.

mod answer;
mod listen;
mod settings;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use plimsoll_files::{Folder, Site};

use crate::settings::Settings;

/// A year, in seconds: what has a hash of its content in its name never changes under it.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&message);
            ExitCode::from(2)
        }
    }
}

fn start() -> Result<(), String> {
    let settings = Settings::read(std::env::args().skip(1), std::env::vars())?;
    let folder = Folder::read(&settings.root).map_err(|error| match error {
        plimsoll_files::FolderError::Read { path, source } => {
            format!("cannot read {}: {source}", path.display())
        }
        error @ plimsoll_files::FolderError::TooMany { .. } => error.to_string(),
    })?;
    let site = Site {
        folder: Some(Arc::new(folder)),
        spa: settings.spa.clone(),
        settings: settings.document(),
        immutable: http::HeaderValue::from_static(IMMUTABLE),
    };
    // One thread: a file server waits for sockets, and the image's limit is a fraction of a core.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?
        .block_on(listen::run(settings.address, Arc::new(site)))
}

/// A line for whoever reads the log. One that cannot be written is nobody's loss.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
