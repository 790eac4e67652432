//! What is published from the grammar is what is committed. `PLIMSOLL_BLESS=1` writes it anew.

// `cfg(test)` tells clippy that helpers are tests too.
#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    fn page(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs/reference")
            .join(name)
    }

    fn ensure_current(name: &str, made: &str) {
        let file = page(name);
        if std::env::var_os("PLIMSOLL_BLESS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::File::create(&file)
                .unwrap()
                .write_all(made.as_bytes())
                .unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == made,
            "{name} is not what the grammar says: run the tests with PLIMSOLL_BLESS=1"
        );
    }

    #[test]
    fn the_published_schema_is_that_of_the_grammar() {
        ensure_current("plimsoll.schema.json", &plimsoll_model::schema());
    }

    #[test]
    fn the_file_of_the_guide_to_connections_is_accepted() {
        let guide = std::fs::read_to_string(page("../guide/connections.md")).unwrap();
        let file = guide.split("```toml\n").nth(1).unwrap();
        let file = file.split("```").next().unwrap();
        let head = "plimsoll = 1\n[app]\nname = \"shop\"\nowner = \"shop@example.com\"\n";
        let parsed = plimsoll_model::parse("plimsoll.toml", &format!("{head}{file}"), None);
        assert!(parsed.app.is_some(), "{:?}", parsed.findings);
    }

    #[test]
    fn the_reference_page_is_that_of_the_grammar() {
        ensure_current("plimsoll-toml.md", &plimsoll_model::reference());
    }
}
