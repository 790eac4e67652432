//! Where in a text.

use std::ops::Range;

use serde::Serialize;

/// A piece of a file: bytes for programs, line and column for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// First byte, from 0.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte, in characters from 1.
    pub column: usize,
}

impl Span {
    /// The bytes.
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Finds lines and columns of byte positions.
#[derive(Debug, Clone)]
pub struct LineIndex<'a> {
    text: &'a str,
    /// Position of the first byte of each line.
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Reads `text` once.
    pub fn new(text: &'a str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// The text that it indexes.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The span of `range`, drawn in to the text and to whole characters, so that any range may be given.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.floor(range.start);
        let end = self.floor(range.end).max(start);
        let line = self.starts.partition_point(|first| *first <= start);
        let first = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let column = self
            .text
            .get(first..start)
            .map_or(0, |before| before.chars().count())
            + 1;
        Span {
            start,
            end,
            line,
            column,
        }
    }

    fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_lines_and_columns_from_one_and_columns_in_characters() {
        let text = "eins\nzwölf = 1\n";
        let span = LineIndex::new(text).span(text.find('=').unwrap()..text.find('=').unwrap() + 1);
        assert_eq!((span.line, span.column), (2, 7));
    }

    #[test]
    fn a_range_outside_the_text_or_inside_a_character_is_drawn_in() {
        let index = LineIndex::new("ö");
        assert_eq!(
            index.span(1..99),
            Span {
                start: 0,
                end: 2,
                line: 1,
                column: 1
            }
        );
        assert_eq!(
            index.span(Range { start: 99, end: 3 }),
            Span {
                start: 2,
                end: 2,
                line: 1,
                column: 2
            }
        );
    }

    #[test]
    fn an_empty_text_has_one_line() {
        assert_eq!(
            LineIndex::new("").span(0..0),
            Span {
                start: 0,
                end: 0,
                line: 1,
                column: 1
            }
        );
    }
}
