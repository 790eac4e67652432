//! Findings for people, as the Rust compiler shows its own.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use crate::finding::{Finding, Fix, Severity};
use crate::report::Report;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours. Meaning never hangs on them.
    pub colour: bool,
    /// Lines of Unicode; else of ASCII.
    pub unicode: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Style {
    /// No colour, ASCII, wide enough for the longest line that people write.
    pub const PLAIN: Self = Self {
        colour: false,
        unicode: false,
        width: 140,
    };
}

/// Every finding with its excerpt, then one line that counts them. Empty when there is none.
pub fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for finding in report.findings() {
        text.push_str(&render_one(finding, report.source(&finding.file), style));
        text.push_str("\n\n");
    }
    if let Some(line) = summary(report) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// `plimsoll.toml: 3 errors, 1 warning`, in the words of a person; nothing when there is nothing to say.
pub fn summary(report: &Report) -> Option<String> {
    let count = |severity, one: &str| match report.count(severity) {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let parts = [
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning"),
        count(Severity::Note, "note"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let mut files: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding.file.as_str())
        .collect();
    files.dedup();
    let place = match files.as_slice() {
        [] => return None,
        [one] => (*one).to_owned(),
        many => format!("{} files", many.len()),
    };
    Some(format!("{place}: {}", parts.join(", ")))
}

fn render_one(finding: &Finding, source: Option<&str>, style: Style) -> String {
    let renderer = if style.colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let decor = if style.unicode {
        DecorStyle::Unicode
    } else {
        DecorStyle::Ascii
    };
    let renderer = renderer.decor_style(decor).term_width(style.width);
    let mut groups = vec![main_group(finding, source)];
    if let Some(fix) = &finding.fix {
        groups.push(fix_group(finding, fix, source));
    }
    renderer.render(&groups)
}

fn main_group<'a>(finding: &'a Finding, source: Option<&'a str>) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .primary_title(finding.message.as_str())
        .id(finding.rule.as_str());
    let mut group = Group::with_title(title);
    match (finding.span, source) {
        (Some(span), Some(source)) => {
            let primary = AnnotationKind::Primary.span(clip(span.range(), source));
            let primary =
                primary.label((!finding.label.is_empty()).then_some(finding.label.as_str()));
            let others = finding.labels.iter().map(|label| {
                let range = clip(label.span.range(), source);
                if label.text.is_empty() {
                    AnnotationKind::Visible.span(range)
                } else {
                    AnnotationKind::Context
                        .span(range)
                        .label(label.text.as_str())
                }
            });
            let snippet = Snippet::source(source).path(finding.file.as_str());
            group = group.element(snippet.annotation(primary).annotations(others));
        }
        (Some(span), None) => {
            let origin = annotate_snippets::Origin::path(finding.file.as_str());
            group = group.element(origin.line(span.line).char_column(span.column));
        }
        (None, _) => {
            group = group.element(annotate_snippets::Origin::path(finding.file.as_str()));
        }
    }
    group.elements(
        finding
            .notes
            .iter()
            .map(|note| Level::NOTE.message(note.as_str())),
    )
}

fn fix_group<'a>(finding: &'a Finding, fix: &'a Fix, source: Option<&'a str>) -> Group<'a> {
    let title = Level::HELP.secondary_title(fix.message.as_str());
    match (&fix.edit, source) {
        (Some(edit), Some(source)) => {
            let patch = Patch::new(clip(edit.span.range(), source), edit.replacement.as_str());
            title.element(
                Snippet::source(source)
                    .path(finding.file.as_str())
                    .patch(patch),
            )
        }
        _ => Group::with_title(title),
    }
}

/// A span of more than one line would push everything else off the screen: its first line says enough.
fn clip(range: std::ops::Range<usize>, source: &str) -> std::ops::Range<usize> {
    let end = range.end.min(source.len());
    let start = range.start.min(end);
    match source
        .get(start..end)
        .and_then(|text| text.find(['\n', '\r']))
    {
        Some(0) => start..start,
        Some(at) => start..start + at,
        None => start..end,
    }
}

#[cfg(test)]
mod tests;
