//! The published schemas of what commands print, and what is really printed.

use plimsoll_local::Status;
use serde_json::{Value, json};

use crate::project::{Project, Spec};

const STATUS: &str = include_str!("../../../../docs/reference/status.schema.json");
const UP: &str = include_str!("../../../../docs/reference/up.schema.json");
/// The words of JSON Schema that [`check`] understands. A schema with others would be checked by half.
const WORDS: [&str; 14] = [
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "title",
    "description",
    "examples",
    "type",
    "const",
    "enum",
    "required",
    "properties",
    "items",
    "minimum",
];

/// What is wrong with `value`. Stricter than JSON Schema in one place: a field that the schema does not name is
/// wrong, because the schema is to be complete.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let words = schema.as_object().unwrap();
    for word in words.keys() {
        assert!(WORDS.contains(&word.as_str()), "{at}: `{word}`");
    }
    if let Some(target) = schema["$ref"].as_str() {
        let target = root.pointer(&target[1..]).unwrap();
        return check(root, target, value, at, wrong);
    }
    let mut refuse = |what: String| wrong.push(format!("{at}: {what}"));
    if !schema["type"].is_null() && !is_of_type(&schema["type"], value) {
        refuse(format!("{value} is no {}", schema["type"]));
    }
    if words.contains_key("const") && schema["const"] != *value {
        refuse(format!("{value} is not {}", schema["const"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        refuse(format!("{value} is none of {allowed:?}"));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        refuse(format!("{number} is below {least}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            refuse(format!("{name} is missing"));
        }
    }
    if let Some(known) = schema["properties"].as_object() {
        for (name, field) in value.as_object().into_iter().flatten() {
            match known.get(name) {
                Some(schema) => check(root, schema, field, &format!("{at}.{name}"), wrong),
                None => wrong.push(format!("{at}: `{name}` is not in the schema")),
            }
        }
    }
    if !schema["items"].is_null() {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            check(
                root,
                &schema["items"],
                item,
                &format!("{at}[{index}]"),
                wrong,
            );
        }
    }
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    };
    match types.as_array() {
        Some(types) => types.iter().any(is),
        None => is(types),
    }
}

fn complaints(schema: &str, value: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let mut wrong = Vec::new();
    check(&schema, &schema, value, "$", &mut wrong);
    wrong
}

fn printed(status: &Status) -> Value {
    serde_json::to_value(status).unwrap()
}

#[test]
fn a_status_is_as_its_schema_says_up_down_and_unattended() {
    let Some(project) = Project::new(&Spec::plain()) else {
        return;
    };
    let status = || printed(&project.local.status().unwrap());
    assert_eq!(complaints(STATUS, &status()), Vec::<String>::new(), "down");
    project.up();
    let up = status();
    assert!(up["processes"].as_array().unwrap().len() >= 6, "{up}");
    assert_eq!(complaints(STATUS, &up), Vec::<String>::new(), "up");
    crate::project::kill(project.pids(plimsoll_local::ProcessKind::Supervisor)[0]);
    crate::project::wait("the supervisor's end", || status()["phase"] == "unattended");
    assert_eq!(
        complaints(STATUS, &status()),
        Vec::<String>::new(),
        "unattended"
    );
}

#[test]
fn the_check_finds_what_is_wrong_and_the_example_of_up_is_right() {
    let schema: Value = serde_json::from_str(UP).unwrap();
    let mut up = schema["examples"][0].clone();
    assert_eq!(complaints(UP, &up), Vec::<String>::new());
    up["version"] = json!(2);
    up["urls"] = json!("one");
    up["logins"][0]["role"] = json!(null);
    up["more"] = json!(1);
    up["ready_ms"] = json!(-1);
    up.as_object_mut().unwrap().remove("app");
    let found = complaints(UP, &up);
    assert_eq!(found.len(), 6, "{found:?}");
}
