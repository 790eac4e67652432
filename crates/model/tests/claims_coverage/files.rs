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
    static SYSTEMS: LazyLock<BTreeMap<String, App>> = LazyLock::new(|| {
        let named = |(name, _): (&str, &str)| (name.to_owned(), system(name, "production"));
        FILES.into_iter().map(named).collect()
    });
    &SYSTEMS
}

/// One system in one environment.
pub(crate) fn system(name: &str, environment: &str) -> App {
    let (_, path) = FILES.iter().find(|(known, _)| *known == name).unwrap();
    let text = std::fs::read_to_string(here(path)).unwrap();
    let parsed = parse(path, &text, Some(environment));
    parsed
        .app
        .unwrap_or_else(|| panic!("{path} has errors: {:#?}", parsed.findings))
}
