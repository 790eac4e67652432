//! Findings before their places are known as lines and columns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use plimsoll_diag::{Finding, LineIndex, Severity, Span};

/// Where each value of the merged file is, by path (`service.backend.scale.max`).
#[derive(Debug, Default)]
pub(crate) struct Spots {
    places: BTreeMap<String, Spot>,
    /// Values that were refused: what is said of them again would only be an echo.
    refused: BTreeSet<String>,
}

/// The place of a key and of its value.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl Spots {
    pub(crate) fn add(&mut self, path: &str, spot: Spot) {
        self.places.insert(path.to_owned(), spot);
    }

    pub(crate) fn refuse(&mut self, path: &str) {
        self.refused.insert(path.to_owned());
    }

    /// Whether the file says anything there.
    pub(crate) fn is_given(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// Whether the value there, or a table around it, was refused.
    pub(crate) fn is_refused(&self, path: &str) -> bool {
        ancestors(path).any(|path| self.refused.contains(path))
    }

    /// The value at `path`; where the file leaves it out, the key of the nearest table that it gives.
    fn value(&self, path: &str) -> Range<usize> {
        match self.places.get(path) {
            Some(spot) => spot.value.clone(),
            None => self.key(path),
        }
    }

    fn key(&self, path: &str) -> Range<usize> {
        let found = ancestors(path).find_map(|path| self.places.get(path));
        found.map_or(0..0, |spot| spot.key.clone())
    }

    /// Keys of the tables around `path`, nearest first.
    fn around<'a>(&'a self, path: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        ancestors(path)
            .skip(1)
            .filter_map(|path| self.places.get(path))
            .map(|spot| spot.key.clone())
    }
}

/// `path`, then each table around it; a quoted part holds its dots.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut cuts = vec![path.len()];
    let mut quoted = false;
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'.' | b'[' if !quoted && at > 0 => cuts.push(at),
            _ => {}
        }
    }
    cuts.sort_unstable_by(|a, b| b.cmp(a));
    cuts.into_iter().map(|cut| &path[..cut])
}

/// `path` and one more part.
pub(crate) fn join(path: &str, part: &str) -> String {
    let bare = !part.is_empty()
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let part = if bare {
        part.to_owned()
    } else {
        format!("\"{}\"", part.replace('"', "'"))
    };
    if path.is_empty() {
        part
    } else {
        format!("{path}.{part}")
    }
}

/// A spot, by path or by bytes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Value(String),
    Key(String),
    Bytes(Range<usize>),
}

/// A finding whose places are not yet lines and columns.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    code: &'static str,
    severity: Severity,
    message: String,
    object: String,
    at: Place,
    label: String,
    also: Vec<(Place, String)>,
    help: Option<String>,
    replacement: Option<(Place, String)>,
    notes: Vec<String>,
}

impl Draft {
    /// An error at the value at `path`.
    pub(crate) fn error(code: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            object: path.to_owned(),
            at: Place::Value(path.to_owned()),
            label: String::new(),
            also: Vec::new(),
            help: None,
            replacement: None,
            notes: Vec::new(),
        }
    }

    /// A warning at the value at `path`.
    pub(crate) fn warning(code: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, path, message)
        }
    }

    /// Whether it says that something is not there, or not where it belongs.
    pub(crate) fn is_about_absence(&self) -> bool {
        // A value at the top of the file most often belongs to a table whose header could not be read.
        let is_stray = self.code == "P002" && !self.object.contains('.');
        is_stray || matches!(self.code, "P005" | "P008" | "P101" | "P102")
    }

    /// Points at the key instead of the value.
    pub(crate) fn at_key(mut self) -> Self {
        self.at = Place::Key(self.object.clone());
        self
    }

    /// Points at these bytes.
    pub(crate) fn at_bytes(mut self, bytes: Range<usize>) -> Self {
        self.at = Place::Bytes(bytes);
        self
    }

    /// What to read at the spot.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another value that belongs to it.
    pub(crate) fn also(mut self, path: &str, label: impl Into<String>) -> Self {
        self.also
            .push((Place::Value(path.to_owned()), label.into()));
        self
    }

    /// What to do, in words.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What to do, as another text at the spot itself.
    pub(crate) fn replace(mut self, help: impl Into<String>, text: impl Into<String>) -> Self {
        self.replacement = Some((self.at.clone(), text.into()));
        self.help(help)
    }

    /// What to do, as another value at `path`; in words only, where the file leaves that out.
    pub(crate) fn set(
        mut self,
        help: impl Into<String>,
        path: &str,
        text: impl Into<String>,
    ) -> Self {
        self.replacement = Some((Place::Value(path.to_owned()), text.into()));
        self.help(help)
    }

    /// A further sentence.
    pub(crate) fn note(mut self, sentence: impl Into<String>) -> Self {
        self.notes.push(sentence.into());
        self
    }

    /// Whether one of its values was already refused, so that it would only be an echo.
    pub(crate) fn is_echo(&self, spots: &Spots) -> bool {
        let refused = |place: &Place| match place {
            Place::Value(path) | Place::Key(path) => spots.is_refused(path),
            Place::Bytes(_) => false,
        };
        refused(&self.at) || self.also.iter().any(|(place, _)| refused(place))
    }

    /// The finding, with its places as lines and columns.
    pub(crate) fn finish(self, file: &str, spots: &Spots, index: &LineIndex<'_>) -> Finding {
        let resolve = |place: &Place| {
            index.span(match place {
                Place::Value(path) => spots.value(path),
                Place::Key(path) => spots.key(path),
                Place::Bytes(bytes) => bytes.clone(),
            })
        };
        let at = resolve(&self.at);
        let mut finding = match self.severity {
            Severity::Error => Finding::error(self.code, file, self.message),
            Severity::Warning | Severity::Note => Finding::warning(self.code, file, self.message),
        };
        finding = finding.at(at, self.label).about(self.object.as_str());
        for (place, label) in &self.also {
            let span = resolve(place);
            if span != at {
                finding = finding.also(span, label.as_str());
            }
        }
        if let Some(header) = header(&self.object, at, spots, index) {
            finding = finding.also(header, "");
        }
        finding = match (self.help, self.replacement) {
            (Some(help), Some((place, text))) if is_there(&place, spots) => {
                finding.edit(help, resolve(&place), text)
            }
            (Some(help), _) => finding.help(help),
            (None, _) => finding,
        };
        finding.notes = self.notes;
        finding
    }
}

fn is_there(place: &Place, spots: &Spots) -> bool {
    match place {
        Place::Value(path) | Place::Key(path) => spots.is_given(path),
        Place::Bytes(_) => true,
    }
}

/// The nearest table header above the spot, so that the excerpt says whose line it is.
fn header(object: &str, at: Span, spots: &Spots, index: &LineIndex<'_>) -> Option<Span> {
    spots
        .around(object)
        .map(|bytes| index.span(bytes))
        .find(|span| span.line != at.line && span.end > 0)
}
