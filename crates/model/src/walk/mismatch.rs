//! A value of another kind than its key has: what it should have been, and most often what was meant.

use crate::draft::Draft;
use crate::grammar::{Fill, Form, Kind};
use crate::tree::{Node, Value};

/// Says what was wanted, and offers the value in that shape where the meaning is clear.
pub(super) fn draft(path: &str, kind: Kind, node: &Node) -> Draft {
    let found = node.value.name();
    let wanted = name(kind);
    let message = match (kind, &node.value) {
        (Kind::Some(_), Value::List(_)) => "this list may not be empty".to_owned(),
        _ => format!("{wanted} belongs here, and this is {found}"),
    };
    let draft = Draft::error("P003", path, message);
    match meant(kind, &node.value) {
        Some(text) => draft.replace(format!("write `{text}`"), text),
        None => draft.help(format!("write for example `{}`", example(kind))),
    }
}

/// What a value of this kind is called, with its article.
pub(crate) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(form) | Kind::Between(form, ..) => form.name(),
        Kind::Bool => "true or false",
        Kind::Int(..) => "a whole number",
        Kind::Choice(_) => "a word",
        Kind::List(_) | Kind::Some(_) => "a list",
        Kind::Command | Kind::MaybeCommand => "a command as a list of texts",
        Kind::Commands => "a list of commands",
        Kind::Pool => "a whole number or \"auto\"",
        Kind::Map(..) | Kind::Named(..) => "a table of names",
        Kind::Table(_) | Kind::OneOf(_) => "a table",
    }
}

/// A value of this kind, as TOML.
pub(crate) fn example(kind: Kind) -> String {
    match kind {
        Kind::Text(form) => format!("\"{}\"", form.example()),
        Kind::Between(Form::Number, low, _) => low.to_owned(),
        Kind::Between(form, low, high) => {
            let size = form.size(form.example());
            let fits = size >= form.size(low) && size <= form.size(high);
            format!("\"{}\"", if fits { form.example() } else { high })
        }
        Kind::Bool => "true".to_owned(),
        Kind::Int(low, _) => low.to_string(),
        Kind::Pool => "\"auto\"".to_owned(),
        Kind::Choice(words) => format!("\"{}\"", words.first().copied().unwrap_or_default()),
        Kind::List(inner) | Kind::Some(inner) => format!("[{}]", example(*inner)),
        Kind::Command | Kind::MaybeCommand => "[\"/app/server\", \"serve\"]".to_owned(),
        Kind::Commands => "[[\"npm\", \"ci\"], [\"npm\", \"run\", \"build\"]]".to_owned(),
        Kind::Map(form, inner) => format!("{{ {} = {} }}", form.example(), example(*inner)),
        Kind::Named(form, table) => {
            format!("{{ {} = {} }}", form.example(), example(Kind::Table(table)))
        }
        Kind::Table(table) => {
            let required = table
                .keys
                .iter()
                .filter(|key| matches!(key.fill, Fill::Required));
            let mut lines: Vec<String> = required
                .map(|key| format!("{} = {}", key.name, example(key.kind)))
                .collect();
            if let (true, Some(key)) = (lines.is_empty(), table.keys.first()) {
                lines.push(format!("{} = {}", key.name, example(key.kind)));
            }
            format!("{{ {} }}", lines.join(", "))
        }
        Kind::OneOf(tables) => tables
            .first()
            .map_or_else(String::new, |table| example(Kind::Table(table))),
    }
}

/// The same meaning in the shape that is wanted.
fn meant(kind: Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Text(form) | Kind::Between(form, ..), Value::Integer(number)) => {
            quoted(form, &number.to_string())
        }
        (Kind::Text(form) | Kind::Between(form, ..), Value::Float(text)) => quoted(form, text),
        (Kind::Text(Form::Free), Value::Bool(truth)) => Some(format!("\"{truth}\"")),
        (Kind::Bool, Value::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some("true".to_owned()),
            "false" | "no" | "off" => Some("false".to_owned()),
            _ => None,
        },
        (Kind::Bool, Value::Integer(number @ (0 | 1))) => Some((*number == 1).to_string()),
        (Kind::Int(low, high), Value::Text(text)) => text
            .trim()
            .parse()
            .ok()
            .filter(|n: &i64| (low..=high).contains(n))
            .map(|n| n.to_string()),
        (Kind::Command | Kind::MaybeCommand, Value::Text(line)) => words(line),
        (Kind::Commands, Value::Text(line)) => words(line).map(|words| format!("[{words}]")),
        (Kind::List(inner) | Kind::Some(inner), Value::Text(_) | Value::Integer(_)) => {
            literal(*inner, value).map(|item| format!("[{item}]"))
        }
        (Kind::Table(table), Value::Text(_) | Value::Integer(_)) => {
            let first = table.keys.first()?;
            literal(first.kind, value).map(|item| format!("{{ {} = {item} }}", first.name))
        }
        _ => None,
    }
}

/// `value` as TOML, when it fits `kind` as it is.
fn literal(kind: Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Text(form) | Kind::Between(form, ..), Value::Text(text))
            if form.ensure(text).is_ok() =>
        {
            Some(format!("{:?}", text.as_str()))
        }
        (Kind::Choice(words), Value::Text(text)) if words.contains(&text.as_str()) => {
            Some(format!("\"{text}\""))
        }
        (Kind::Int(low, high), Value::Integer(number)) if (low..=high).contains(number) => {
            Some(number.to_string())
        }
        _ => None,
    }
}

fn quoted(form: Form, text: &str) -> Option<String> {
    match form.ensure(text) {
        Ok(()) => Some(format!("\"{text}\"")),
        Err(error) => error.suggestion.map(|better| format!("\"{better}\"")),
    }
}

/// A command line without quotes or anything of a shell, as a list.
fn words(line: &str) -> Option<String> {
    let plain = |word: &str| {
        !word.contains([
            '"', '\'', '\\', '$', '|', '&', ';', '<', '>', '(', ')', '`', '*',
        ])
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() || !words.iter().all(|word| plain(word)) {
        return None;
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    Some(format!("[{}]", quoted.join(", ")))
}
