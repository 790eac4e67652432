//! The file as a tree of values that know their place, before anything is known of their meaning.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Deeper nesting than any key of the grammar has (6); what is below is refused, so that no walk can overflow.
const DEEPEST: usize = 24;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The last part of its key, where the value was first given.
    pub(crate) key: Range<usize>,
    /// The value; of a table with a header, the header.
    pub(crate) span: Range<usize>,
    /// The value itself.
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    /// Decimal digits; what does not fit is a float's text.
    Integer(i64),
    Float(String),
    Bool(bool),
    Date(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// What the parser made of a mistake of syntax; all that is to be said of it has been said.
    Broken,
}

impl Value {
    /// What it is, for messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Broken => "unreadable",
        }
    }
}

/// A mistake of syntax.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
}

/// Reads all that can be read.
pub(crate) fn read(text: &str) -> (Node, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<SyntaxError> = errors
        .into_iter()
        .map(|error| SyntaxError {
            message: error.message().to_owned(),
            span: error.span().unwrap_or(0..0),
        })
        .collect();
    let span = table.span();
    let value = convert_table(table.get_ref(), 0, &mut errors);
    let mut root = Node {
        key: 0..0,
        span,
        value,
    };
    mark_broken(&mut root, &errors);
    (root, errors)
}

/// Marks the values in which a mistake of syntax lies, and drops the keys.
fn mark_broken(node: &mut Node, errors: &[SyntaxError]) {
    let has_error = |span: &Range<usize>| {
        errors
            .iter()
            .any(|error| span.start <= error.span.start && error.span.start < span.end)
    };
    match &mut node.value {
        Value::Table(entries) => {
            entries.retain(|name, below| {
                !(name.is_empty() || has_error(&below.key)) || errors.is_empty()
            });
            for below in entries.values_mut() {
                mark_broken(below, errors);
            }
        }
        Value::List(items) => {
            for item in items {
                mark_broken(item, errors);
            }
        }
        _ if has_error(&node.span) => node.value = Value::Broken,
        _ => {}
    }
}

fn convert_table(table: &DeTable<'_>, depth: usize, errors: &mut Vec<SyntaxError>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let node = Node {
            key: key.span(),
            span: value.span(),
            value: convert(value.get_ref(), &value.span(), depth + 1, errors),
        };
        (key.get_ref().to_string(), node)
    });
    Value::Table(entries.collect())
}

fn convert(
    value: &DeValue<'_>,
    span: &Range<usize>,
    depth: usize,
    errors: &mut Vec<SyntaxError>,
) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => {
            let parsed = i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix());
            parsed.map_or_else(|_| Value::Float(digits.to_string()), Value::Integer)
        }
        DeValue::Float(digits) => Value::Float(digits.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(_) | DeValue::Table(_) if depth > DEEPEST => {
            errors.push(SyntaxError {
                message: "nested too deeply".to_owned(),
                span: span.clone(),
            });
            Value::List(Vec::new())
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| Node {
                key: item.span(),
                span: item.span(),
                value: convert(item.get_ref(), &item.span(), depth + 1, errors),
            });
            Value::List(items.collect())
        }
        DeValue::Table(table) => convert_table(table, depth, errors),
    }
}
