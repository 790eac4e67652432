//! Findings together with the texts that they are about.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity};

/// Findings of one run, and the sources that their excerpts are cut from.
#[derive(Debug, Clone, Default)]
pub struct Report {
    findings: Vec<Finding>,
    sources: BTreeMap<String, String>,
}

impl Report {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the text of a file, for excerpts.
    pub fn add_source(&mut self, file: impl Into<String>, text: impl Into<String>) {
        self.sources.insert(file.into(), text.into());
    }

    /// Adds findings; they stand in the order of file and position, whatever found them.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.findings.sort_by(|a, b| {
            let spot =
                |finding: &Finding| (finding.file.clone(), finding.span, finding.rule.clone());
            spot(a).cmp(&spot(b))
        });
    }

    /// All of them.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The text of a file.
    pub fn source(&self, file: &str) -> Option<&str> {
        self.sources.get(file).map(String::as_str)
    }

    /// How many there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// Whether anything is refused.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}
