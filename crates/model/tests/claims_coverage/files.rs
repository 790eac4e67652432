//! The three systems' files, as the model reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use plimsoll_model::{App, parse};

/// Each system's name and file, from this crate's folder.
const FILES: [(&str, &str); 3] = [
    ("cultivai", "fixtures/systems/cultivai.toml"),
    ("logistics", "fixtures/systems/logistics.toml"),
    (
        "reconciliation",
        "../../systems/reconciliation/plimsoll.toml",
    ),
];

/// A path from this crate's folder.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every system in production, where all of its claims are made.
pub(crate) fn systems() -> &'static BTreeMap<String, App> {
    static SYSTEMS: LazyLock<BTreeMap<String, App>> =
        LazyLock::new(|| FILES.into_iter().map(read).collect());
    &SYSTEMS
}

fn read((name, path): (&str, &str)) -> (String, App) {
    let text = std::fs::read_to_string(here(path)).unwrap();
    let parsed = parse(path, &text, Some("production"));
    let app = parsed
        .app
        .unwrap_or_else(|| panic!("{path} has errors: {:#?}", parsed.findings));
    (name.to_owned(), app)
}
