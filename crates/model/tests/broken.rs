//! Broken files: every mistake of each is found in one run, and nothing else.
//!
//! Beside each `NAME.toml` stands `NAME.expected`: code, place and message of each finding, in the order of the
//! file. After
//! a change on purpose, `PLIMSOLL_BLESS=1 cargo test -p plimsoll-model --test broken` writes them anew, to be read.

// `cfg(test)` tells clippy that helpers are tests too.
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    use plimsoll_diag::{Finding, Severity};
    use plimsoll_model::{RULES, parse};

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
    }

    fn files() -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = entries
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .collect();
        files.sort();
        files
    }

    fn listing(findings: &[Finding]) -> String {
        let mut text = String::new();
        for finding in findings {
            let severity = if finding.severity == Severity::Error {
                "error"
            } else {
                "warning"
            };
            let (line, column) = finding.span.map_or((0, 0), |span| (span.line, span.column));
            writeln!(
                text,
                "{severity} {} {line}:{column} {}",
                finding.rule, finding.message
            )
            .unwrap();
            if let Some(fix) = &finding.fix {
                writeln!(text, "    {}", fix.message).unwrap();
            }
        }
        text
    }

    fn findings(file: &Path) -> Vec<Finding> {
        let text = std::fs::read_to_string(file).unwrap();
        let parsed = parse("plimsoll.toml", &text, None);
        let refused = parsed
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        assert_eq!(parsed.app.is_none(), refused, "{}", file.display());
        parsed.findings
    }

    #[test]
    fn every_mistake_of_a_broken_file_is_found_and_nothing_else() {
        let bless = std::env::var_os("PLIMSOLL_BLESS").is_some();
        let mut wrong = String::new();
        for file in files() {
            let found = listing(&findings(&file));
            let expected_file = file.with_extension("expected");
            if bless {
                write(&expected_file, &found);
            }
            let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
            if found != expected {
                writeln!(
                    wrong,
                    "== {}\n-- expected\n{expected}-- found\n{found}",
                    file.display()
                )
                .unwrap();
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    /// A test's own file needs no durability.
    fn write(path: &Path, text: &str) {
        use std::io::Write as _;
        std::fs::File::create(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    #[test]
    fn there_are_forty_broken_files_with_several_mistakes_each() {
        let several = files()
            .iter()
            .filter(|file| findings(file).len() >= 2)
            .count();
        assert!(several >= 40, "only {several}");
    }

    #[test]
    fn no_two_broken_files_make_the_same_mistakes() {
        let mut seen = BTreeSet::new();
        for file in files() {
            let messages: BTreeSet<String> = findings(&file)
                .into_iter()
                .map(|finding| finding.rule + &finding.message)
                .collect();
            assert!(seen.insert(messages), "{} repeats another", file.display());
        }
    }

    #[test]
    fn every_rule_is_found_in_some_broken_file() {
        let found: BTreeSet<String> = files()
            .iter()
            .flat_map(|file| findings(file))
            .map(|finding| finding.rule)
            .collect();
        let grammar = [
            "P001", "P002", "P003", "P004", "P005", "P006", "P007", "P008", "P009", "P010",
        ];
        let wanted = RULES.iter().map(|rule| rule.code).chain(grammar);
        let missing: Vec<&str> = wanted.filter(|code| !found.contains(*code)).collect();
        assert!(missing.is_empty(), "no broken file shows {missing:?}");
        assert!(
            !found.contains("P000"),
            "the grammar and the types disagree"
        );
    }

    #[test]
    fn every_error_says_what_to_do() {
        // A mistake of syntax has the parser's own words, and a text that fits no form may have no likely repair.
        let silent: Vec<String> = files()
            .iter()
            .flat_map(|file| findings(file))
            .filter(|finding| {
                finding.fix.is_none() && !["P001", "P004"].contains(&finding.rule.as_str())
            })
            .map(|finding| finding.message)
            .collect();
        assert!(silent.is_empty(), "{silent:#?}");
    }
}
