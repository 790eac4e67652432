//! Findings for programs. The form is stable: fields may be added, none changes or goes.

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::report::Report;

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    findings: &'a [Finding],
    errors: usize,
    warnings: usize,
}

/// One JSON document, indented, with a line break at its end: `{"findings":[{"rule":…}],"errors":1,"warnings":0}`.
pub fn render(report: &Report) -> String {
    let document = Document {
        findings: report.findings(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
    };
    // Text, numbers and lists with text keys: serde_json has no way to fail on them.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::LineIndex;

    #[test]
    fn the_document_has_rule_place_and_fix_of_each_finding() {
        let span = LineIndex::new("a = 1").span(4..5);
        let mut report = Report::new();
        report.add([Finding::error("P001", "a.toml", "wrong")
            .at(span, "here")
            .edit("write 2", span, "2")]);
        let value: serde_json::Value = serde_json::from_str(&render(&report)).unwrap();
        assert_eq!(value["errors"], 1);
        assert_eq!(value["findings"][0]["rule"], "P001");
        assert_eq!(value["findings"][0]["severity"], "error");
        assert_eq!(value["findings"][0]["span"]["column"], 5);
        assert_eq!(value["findings"][0]["fix"]["edit"]["replacement"], "2");
    }

    #[test]
    fn nothing_found_is_a_document_too() {
        let value: serde_json::Value = serde_json::from_str(&render(&Report::new())).unwrap();
        assert_eq!(value["findings"], serde_json::json!([]));
    }
}
