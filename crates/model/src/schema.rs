//! The published JSON Schema of `plimsoll.toml`, made from the grammar.

use serde_json::{Map, Value as Json, json};

use crate::grammar::{Fill, Form, Key, Kind, Table, root};

/// The schema (draft 2020-12), indented, with a line break at its end. Editors use it; the parser knows more.
pub fn schema() -> String {
    let mut document = of_table(root());
    if let Json::Object(map) = &mut document {
        map.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        map.insert("title".to_owned(), "plimsoll.toml".into());
        let overlay = json!({ "type": "object", "description": "What differs in this environment, with the same keys." });
        let env = json!({
            "type": "object",
            "description": "Environments: `[env.NAME.…]`, laid over the rest of the file key by key.",
            "propertyNames": { "pattern": Form::Slug.pattern() },
            "additionalProperties": overlay,
        });
        if let Some(Json::Object(properties)) = map.get_mut("properties") {
            properties.insert("env".to_owned(), env);
        }
    }
    // Text, numbers and lists with text keys: serde_json has no way to fail on them.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn of_table(table: &'static Table) -> Json {
    let mut properties = Map::new();
    for key in table.keys {
        properties.insert(key.name.to_owned(), of_key(key));
    }
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| matches!(key.fill, Fill::Required))
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn of_key(key: &'static Key) -> Json {
    let mut schema = of_kind(key.kind);
    if let Json::Object(map) = &mut schema {
        map.insert("description".to_owned(), key.doc.into());
        if let Fill::Value(text) = key.fill
            && let Ok(value) = serde_json::from_str::<Json>(text)
        {
            map.insert("default".to_owned(), value);
        }
    }
    schema
}

fn of_kind(kind: Kind) -> Json {
    match kind {
        Kind::Text(form) => of_form(form),
        Kind::Between(Form::Number, ..) => {
            json!({ "anyOf": [{ "type": "number" }, of_form(Form::Number)] })
        }
        Kind::Between(form, low, high) => {
            let mut schema = of_form(form);
            if let Json::Object(map) = &mut schema {
                map.insert("$comment".to_owned(), format!("{low} to {high}").into());
            }
            schema
        }
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::List(inner) => json!({ "type": "array", "items": of_kind(*inner) }),
        Kind::Some(inner) => json!({ "type": "array", "items": of_kind(*inner), "minItems": 1 }),
        Kind::Command => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        Kind::MaybeCommand => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Commands => json!({ "anyOf": [
            of_kind(Kind::Command),
            { "type": "array", "items": of_kind(Kind::Command) },
        ] }),
        Kind::Pool => json!({ "anyOf": [{ "const": "auto" }, of_kind(Kind::Int(1, 10_000))] }),
        Kind::Map(form, inner) => of_names(form, &of_kind(*inner)),
        Kind::Named(form, table) => of_names(form, &of_table(table)),
        Kind::Table(table) => of_table(table),
        Kind::OneOf(tables) => {
            let all: Vec<Json> = tables.iter().map(|table| of_table(table)).collect();
            json!({ "oneOf": all })
        }
    }
}

fn of_names(form: Form, values: &Json) -> Json {
    let mut schema = json!({ "type": "object", "additionalProperties": values });
    if let (Some(pattern), Json::Object(map)) = (form.pattern(), &mut schema) {
        map.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    }
    schema
}

fn of_form(form: Form) -> Json {
    // A day is a TOML date, which editors hand over as text.
    let mut schema = json!({ "type": "string", "examples": [form.example()] });
    if let (Some(pattern), Json::Object(map)) = (form.pattern(), &mut schema) {
        map.insert("pattern".to_owned(), pattern.into());
    }
    schema
}
