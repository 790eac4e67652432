//! Goes through a merged file with the grammar in hand: checks every key and value, fills in what is left out.
//!
//! The result is complete whatever the file says. A refused value is replaced by one that fits, and its path is
//! kept, so
//! that the checks after this one see a whole app and say nothing of what was already refused.

mod mismatch;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::draft::{Draft, Spot, Spots, join};
use crate::grammar::{Fill, Form, Key, Kind, Table};
use crate::suggest;
use crate::tree::{Node, Value};
use crate::units::UnitError;

pub(crate) use mismatch::{example, name};

/// What a walk has seen.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) spots: Spots,
}

impl Walk {
    /// The whole file, as JSON that fits [`crate::App`].
    pub(crate) fn root(&mut self, table: &'static Table, node: &Node) -> Json {
        let empty = BTreeMap::new();
        let entries = if let Value::Table(entries) = &node.value {
            entries
        } else {
            &empty
        };
        Json::Object(self.table("", table, entries))
    }

    fn table(
        &mut self,
        path: &str,
        table: &'static Table,
        entries: &BTreeMap<String, Node>,
    ) -> Map<String, Json> {
        let mut map = Map::new();
        let slips = self.unknown_keys(path, table, entries);
        for key in table.keys {
            let below = join(path, key.name);
            if let Some(node) = entries
                .get(key.name)
                .or_else(|| slips.get(key.name).copied())
            {
                self.see(&below, node);
                map.insert(key.name.to_owned(), self.value(&below, key.kind, node));
            } else if let Some(value) = self.fill(path, key) {
                map.insert(key.name.to_owned(), value);
            }
        }
        for key in table.keys {
            if let (Fill::Same(other), false) = (key.fill, map.contains_key(key.name))
                && let Some(value) = map.get(other).cloned()
            {
                map.insert(key.name.to_owned(), value);
            }
        }
        map
    }

    fn see(&mut self, path: &str, node: &Node) {
        let (key, value) = match &node.value {
            // A table's span may be empty or that of a header; its key is what a person would point at.
            Value::Table(_) => (node.key.clone(), node.key.clone()),
            _ => (node.key.clone(), node.span.clone()),
        };
        self.spots.add(path, Spot { key, value });
    }

    fn fill(&mut self, path: &str, key: &'static Key) -> Option<Json> {
        match key.fill {
            Fill::Absent | Fill::Same(_) | Fill::Derived(_) => None,
            Fill::Empty => Some(self.empty(&join(path, key.name), key.kind)),
            Fill::Value(text) => Some(literal(text)),
            Fill::Required => {
                self.missing(path, key);
                Some(self.placeholder(&join(path, key.name), key.kind))
            }
        }
    }

    fn empty(&mut self, path: &str, kind: Kind) -> Json {
        match kind {
            Kind::Table(table) => Json::Object(self.table(path, table, &BTreeMap::new())),
            Kind::Map(..) | Kind::Named(..) => Json::Object(Map::new()),
            _ => Json::Array(Vec::new()),
        }
    }

    /// A value of `kind` that fits, for what was refused.
    fn placeholder(&mut self, path: &str, kind: Kind) -> Json {
        self.spots.refuse(path);
        match kind {
            Kind::Text(form) => form.example().into(),
            Kind::Between(_, low, _) => low.into(),
            Kind::Bool => false.into(),
            Kind::Int(low, _) => low.into(),
            Kind::Pool => 1.into(),
            Kind::Choice(words) => words.first().copied().unwrap_or_default().into(),
            Kind::Some(inner) => vec![self.placeholder(path, *inner)].into(),
            Kind::Command => vec!["program"].into(),
            Kind::Commands => vec![vec!["program"]].into(),
            Kind::List(_) | Kind::MaybeCommand => Json::Array(Vec::new()),
            Kind::Map(..) | Kind::Named(..) => Json::Object(Map::new()),
            Kind::Table(table) => self.silent(path, table),
            Kind::OneOf(tables) => match tables.first() {
                Some(table) => self.silent(path, table),
                None => Json::Null,
            },
        }
    }

    /// An empty table, filled without a word about what is missing from it.
    fn silent(&mut self, path: &str, table: &'static Table) -> Json {
        let heard = self.drafts.len();
        let map = self.table(path, table, &BTreeMap::new());
        self.drafts.truncate(heard);
        Json::Object(map)
    }

    fn value(&mut self, path: &str, kind: Kind, node: &Node) -> Json {
        match (kind, &node.value) {
            (_, Value::Broken) => self.placeholder(path, kind),
            (Kind::Text(form), Value::Text(text)) => self.text(path, kind, form, text),
            (Kind::Text(Form::Date), Value::Date(text)) => self.text(path, kind, Form::Date, text),
            (Kind::Between(form, low, high), Value::Text(text)) => {
                self.between(path, (form, low, high), text)
            }
            (Kind::Between(Form::Number, low, high), Value::Float(text)) => {
                self.between(path, (Form::Number, low, high), text)
            }
            (Kind::Between(Form::Number, low, high), Value::Integer(number)) => {
                self.between(path, (Form::Number, low, high), &number.to_string())
            }
            (Kind::Bool, Value::Bool(truth)) => (*truth).into(),
            (Kind::Int(low, high), Value::Integer(number)) => self.int(path, (low, high), *number),
            (Kind::Pool, Value::Text(word)) if word == "auto" => "auto".into(),
            (Kind::Pool, Value::Integer(number)) => self.int(path, (1, 10_000), *number),
            (Kind::Choice(words), Value::Text(text)) => self.choice(path, words, text),
            (Kind::MaybeCommand, Value::List(items)) if items.is_empty() => Json::Array(Vec::new()),
            (Kind::Command | Kind::MaybeCommand, Value::List(items)) => self.command(path, items),
            (Kind::Commands, Value::List(items)) => self.commands(path, items),
            (Kind::List(inner), Value::List(items)) => self.list(path, *inner, items),
            (Kind::Some(inner), Value::List(items)) if !items.is_empty() => {
                self.list(path, *inner, items)
            }
            (Kind::Map(form, inner), Value::Table(entries)) => {
                self.names(path, form, *inner, entries)
            }
            (Kind::Named(form, table), Value::Table(entries)) => {
                self.names(path, form, Kind::Table(table), entries)
            }
            (Kind::Table(table), Value::Table(entries)) => {
                Json::Object(self.table(path, table, entries))
            }
            (Kind::OneOf(tables), Value::Table(entries)) => self.one_of(path, tables, entries),
            _ => {
                self.drafts.push(mismatch::draft(path, kind, node));
                self.placeholder(path, kind)
            }
        }
    }

    fn text(&mut self, path: &str, kind: Kind, form: Form, text: &str) -> Json {
        match form.ensure(text) {
            Ok(()) => text.into(),
            Err(error) => {
                self.malformed(path, &error);
                self.placeholder(path, kind)
            }
        }
    }

    fn malformed(&mut self, path: &str, error: &UnitError) {
        let draft = Draft::error("P004", path, &*error.message);
        self.drafts.push(match &error.suggestion {
            Some(better) => draft.replace(format!("write `{better}`"), format!("\"{better}\"")),
            None => draft,
        });
    }

    fn between(
        &mut self,
        path: &str,
        (form, low, high): (Form, &'static str, &'static str),
        text: &str,
    ) -> Json {
        let kind = Kind::Between(form, low, high);
        if let Err(error) = form.ensure(text) {
            self.malformed(path, &error);
            return self.placeholder(path, kind);
        }
        let (size, least, most) = (form.size(text), form.size(low), form.size(high));
        if size < least || size > most {
            let edge = if size < least { low } else { high };
            let draft = Draft::error(
                "P006",
                path,
                format!("`{text}` lies outside {low} to {high}"),
            );
            self.drafts.push(
                draft
                    .label(format!("the bound is {edge}"))
                    .help(format!("choose a value between {low} and {high}")),
            );
            return self.placeholder(path, kind);
        }
        text.into()
    }

    fn int(&mut self, path: &str, (low, high): (i64, i64), number: i64) -> Json {
        if (low..=high).contains(&number) {
            return number.into();
        }
        if low == high {
            let draft = Draft::error(
                "P006",
                path,
                format!("this tool knows {low} here, and not {number}"),
            );
            self.drafts.push(draft.replace(
                format!("write `{low}`, or use a newer tool"),
                low.to_string(),
            ));
            return self.placeholder(path, Kind::Int(low, high));
        }
        let draft = Draft::error(
            "P006",
            path,
            format!("{number} lies outside {low} to {high}"),
        );
        self.drafts
            .push(draft.help(format!("choose a number between {low} and {high}")));
        self.placeholder(path, Kind::Int(low, high))
    }

    fn choice(&mut self, path: &str, words: &'static [&'static str], text: &str) -> Json {
        if words.contains(&text) {
            return text.into();
        }
        let all = suggest::listing(words.iter().copied());
        let draft = Draft::error(
            "P007",
            path,
            format!("`{}` is not one of {all}", text.escape_debug()),
        );
        self.drafts
            .push(match suggest::closest(text, words.iter().copied()) {
                Some(word) => {
                    draft.replace(format!("did you mean `{word}`?"), format!("\"{word}\""))
                }
                None => draft.help(format!("write one of {all}")),
            });
        self.placeholder(path, Kind::Choice(words))
    }

    fn list(&mut self, path: &str, inner: Kind, items: &[Node]) -> Json {
        let items = items.iter().enumerate().map(|(at, node)| {
            let below = format!("{path}[{at}]");
            self.see(&below, node);
            self.value(&below, inner, node)
        });
        Json::Array(items.collect())
    }

    fn command(&mut self, path: &str, items: &[Node]) -> Json {
        let words = self.list(path, Kind::Text(Form::Free), items);
        let program = words.get(0).and_then(Json::as_str).unwrap_or_default();
        if program.trim().is_empty() {
            let draft = Draft::error("P004", path, "a command needs a program");
            self.drafts.push(
                draft.help("write the program and its arguments: `[\"/app/server\", \"serve\"]`"),
            );
            return self.placeholder(path, Kind::Command);
        }
        words
    }

    fn commands(&mut self, path: &str, items: &[Node]) -> Json {
        let single = items
            .first()
            .is_some_and(|item| matches!(item.value, Value::Text(_)));
        if single {
            return vec![self.command(path, items)].into();
        }
        self.list(path, Kind::Command, items)
    }

    fn names(
        &mut self,
        path: &str,
        form: Form,
        inner: Kind,
        entries: &BTreeMap<String, Node>,
    ) -> Json {
        let mut map = Map::new();
        for (name, node) in entries {
            let below = join(path, name);
            self.see(&below, node);
            let value = self.value(&below, inner, node);
            if let Err(error) = form.ensure(name) {
                let draft = Draft::error("P010", &below, error.message).at_key();
                self.drafts.push(match error.suggestion {
                    Some(better) => draft.replace(format!("call it `{better}`"), better),
                    None => draft.help(format!("choose a name as `{}`", form.example())),
                });
                self.spots.refuse(&below);
                continue;
            }
            map.insert(name.clone(), value);
        }
        Json::Object(map)
    }

    fn one_of(
        &mut self,
        path: &str,
        tables: &'static [&'static Table],
        entries: &BTreeMap<String, Node>,
    ) -> Json {
        let mark = |table: &'static Table| table.keys.first().map_or("", |key| key.name);
        let found: Vec<&'static Table> = tables
            .iter()
            .copied()
            .filter(|table| entries.contains_key(mark(table)))
            .collect();
        let all = suggest::listing(tables.iter().map(|table| mark(table)));
        match found.as_slice() {
            [one] => Json::Object(self.table(path, one, entries)),
            [] => {
                let near = entries.keys().find_map(|key| {
                    let word = suggest::closest(key, tables.iter().map(|table| mark(table)))?;
                    Some((key, word))
                });
                let draft =
                    Draft::error("P008", path, format!("one of {all} is missing here")).at_key();
                self.drafts.push(match near {
                    Some((key, word)) => draft.help(format!("did you mean `{word}` by `{key}`?")),
                    None => draft.help(format!("say which it is by one of {all}")),
                });
                self.placeholder(path, Kind::OneOf(tables))
            }
            [first, second, ..] => {
                let (first, second) = (mark(first), mark(second));
                for name in [first, second] {
                    if let Some(node) = entries.get(name) {
                        self.see(&join(path, name), node);
                    }
                }
                let draft = Draft::error(
                    "P008",
                    &join(path, second),
                    format!("`{first}` and `{second}` exclude each other"),
                );
                self.drafts.push(
                    draft
                        .at_key()
                        .also(&join(path, first), "and this")
                        .help(format!("keep one of {all}")),
                );
                self.placeholder(path, Kind::OneOf(tables))
            }
        }
    }

    fn missing(&mut self, path: &str, key: &'static Key) {
        let place = if path.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{path}`")
        };
        let line = format!("{} = {}", key.name, example(key.kind));
        let draft = Draft::error(
            "P005",
            path,
            format!("`{}` is missing from {place}", key.name),
        )
        .at_key();
        self.drafts
            .push(draft.help(format!("add `{line}`: {}", lower(key.doc))));
    }

    /// Keys that the table does not have. The value of one that is surely a slip is returned under the key that was
    /// meant, so that what is wrong with it is found in the same run.
    fn unknown_keys<'a>(
        &mut self,
        path: &str,
        table: &'static Table,
        entries: &'a BTreeMap<String, Node>,
    ) -> BTreeMap<&'static str, &'a Node> {
        let mut slips = BTreeMap::new();
        for (name, node) in entries.iter().filter(|(name, _)| table.key(name).is_none()) {
            let place = if path.is_empty() {
                "at the top of the file".to_owned()
            } else {
                format!("in `{path}`")
            };
            let message = format!("`{}` is not a key {place}", name.escape_debug());
            let draft = Draft::error("P002", &join(path, name), message).at_bytes(node.key.clone());
            let names = || table.keys.iter().map(|key| key.name);
            let near = suggest::closest(name, names());
            let surely = near.filter(|word| suggest::is_surely(name, word, &node.value));
            if let Some(word) = surely.filter(|word| !entries.contains_key(*word)) {
                slips.entry(word).or_insert(node);
            }
            self.drafts
                .push(if let Some(help) = suggest::familiar(noun(path), name) {
                    draft.help(help)
                } else if let Some(word) = near {
                    draft.replace(format!("did you mean `{word}`?"), word)
                } else if let Some(home) = home(table, name) {
                    draft.help(format!("`{name}` belongs into `{}`", join(path, home)))
                } else {
                    draft.help(format!("keys here are {}", suggest::listing(names())))
                });
        }
        slips
    }
}

/// The noun whose own table is at `path`: `service` for `service.api`; few deeper ones have familiar keys.
fn noun(path: &str) -> &str {
    let mut parts = path.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), ..) => "",
        (Some("service"), Some(_), Some("health")) => "probe",
        (Some("service"), Some(_), Some("scale")) => "scale",
        (Some(noun), Some(_), None) => noun,
        _ => "-",
    }
}

/// The key of `table` whose own table has a key `name`.
fn home(table: &'static Table, name: &str) -> Option<&'static str> {
    let holds = |key: &&Key| matches!(key.kind, Kind::Table(below) if below.key(name).is_some());
    table.keys.iter().find(holds).map(|key| key.name)
}

/// A default of the grammar.
fn literal(text: &str) -> Json {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => serde_json::from_str(text).unwrap_or(Json::Null),
    }
}

fn lower(doc: &str) -> String {
    let mut chars = doc.trim_end_matches('.').chars();
    let first = chars
        .next()
        .map(|c| c.to_lowercase().to_string())
        .unwrap_or_default();
    first + chars.as_str()
}
