//! The published schema of what the doctor prints and keeps, and what it really says.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/reference/doctor.schema.json");
/// The words of JSON Schema that [`look`] understands. A schema with others would be checked by half.
const WORDS: [&str; 13] = [
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "title",
    "description",
    "type",
    "const",
    "enum",
    "required",
    "properties",
    "items",
    "minimum",
];

/// What is wrong with a document. A field that the schema does not name is wrong too: the schema is to be complete.
pub(crate) fn wrong(document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut wrong = Vec::new();
    look(&schema, &schema, (document, ""), &mut wrong);
    wrong
}

fn look(root: &Value, schema: &Value, (value, at): (&Value, &str), wrong: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        return look(
            root,
            root.pointer(&target[1..]).unwrap(),
            (value, at),
            wrong,
        );
    }
    for word in schema.as_object().unwrap().keys() {
        assert!(WORDS.contains(&word.as_str()), "{at}: `{word}`");
    }
    if schema["type"] != Value::Null && !is_of_type(&schema["type"], value) {
        wrong.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if schema["const"] != Value::Null && schema["const"] != *value {
        wrong.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|allowed| !allowed.contains(value))
    {
        wrong.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    for field in value.as_object().into_iter().flatten() {
        let (name, value) = field;
        match schema["properties"].get(name) {
            Some(schema) => look(root, schema, (value, &format!("{at}/{name}")), wrong),
            None => wrong.push(format!("{at}/{name} is not in the schema")),
        }
    }
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|_| value.is_object())
    {
        if value.get(name.as_str().unwrap()).is_none() {
            wrong.push(format!("{at}: {name} is missing"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        look(
            root,
            &schema["items"],
            (item, &format!("{at}/{index}")),
            wrong,
        );
    }
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    types
        .as_array()
        .map_or_else(|| is(types), |types| types.iter().any(is))
}

#[test]
fn a_document_that_is_not_as_published_is_noticed() {
    let document = serde_json::json!({ "format": "plimsoll.status", "rows": [{ "result": "passed" }], "more": 1 });
    let wrong = wrong(&document);
    for part in [
        "is not \"plimsoll.evidence\"",
        "\"passed\" is none of",
        "/more is not",
        "\"machine\" is missing",
    ] {
        assert!(
            wrong.iter().any(|line| line.contains(part)),
            "{part}: {wrong:#?}"
        );
    }
}
