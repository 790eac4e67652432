//! What is wrong with somebody's file, where, and what to do.

use serde::Serialize;

use crate::span::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Refused.
    Error,
    /// Accepted, and most likely not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// What a rule says of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// The rule's code, stable for ever.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// A lower-case phrase without a full stop.
    pub message: String,
    /// The file, as the user named it.
    pub file: String,
    /// The spot; absent when it is about the file as a whole.
    pub span: Option<Span>,
    /// What to read at the spot; may be empty.
    pub label: String,
    /// The object that it is about, in the words of the file: `service.backend.scale`, `Deployment/api`.
    pub object: String,
    /// Other spots of the same file that belong to it.
    pub labels: Vec<Label>,
    /// What to do.
    pub fix: Option<Fix>,
    /// Further sentences: the arithmetic, the reason.
    pub notes: Vec<String>,
    /// Controls of standards that ask for the rule, as `STANDARD CONTROL`.
    pub standards: Vec<String>,
}

/// Another spot that belongs to a finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Label {
    /// The spot.
    pub span: Span,
    /// What to read there; empty only keeps the line in sight.
    pub text: String,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fix {
    /// In words.
    pub message: String,
    /// As a change of the text, where one is likely; applying it is the user's choice.
    pub edit: Option<Edit>,
}

/// A change of the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Edit {
    /// What is replaced; empty inserts.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

impl Finding {
    /// An error about `file` as a whole; the other methods say more.
    pub fn error(rule: &str, file: &str, message: impl Into<String>) -> Self {
        Self {
            rule: rule.to_owned(),
            severity: Severity::Error,
            message: message.into(),
            file: file.to_owned(),
            span: None,
            label: String::new(),
            object: String::new(),
            labels: Vec::new(),
            fix: None,
            notes: Vec::new(),
            standards: Vec::new(),
        }
    }

    /// A warning about `file` as a whole.
    pub fn warning(rule: &str, file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, file, message)
        }
    }

    /// The spot, and what to read there.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.span = Some(span);
        self.label = label.into();
        self
    }

    /// The object that it is about.
    #[must_use]
    pub fn about(mut self, object: impl Into<String>) -> Self {
        self.object = object.into();
        self
    }

    /// Another spot.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// What to do, in words.
    #[must_use]
    pub fn help(mut self, message: impl Into<String>) -> Self {
        self.fix = Some(Fix {
            message: message.into(),
            edit: None,
        });
        self
    }

    /// What to do, as a change of the text.
    #[must_use]
    pub fn edit(
        mut self,
        message: impl Into<String>,
        span: Span,
        replacement: impl Into<String>,
    ) -> Self {
        let edit = Edit {
            span,
            replacement: replacement.into(),
        };
        self.fix = Some(Fix {
            message: message.into(),
            edit: Some(edit),
        });
        self
    }

    /// A further sentence.
    #[must_use]
    pub fn note(mut self, sentence: impl Into<String>) -> Self {
        self.notes.push(sentence.into());
        self
    }
}
