//! The JSON Schema of a file of options, for editors.

use serde_json::{Value, json};

use crate::config::table::{Group, OPTIONS, OptionKind, OptionRow};

/// Returns the schema (JSON Schema, draft 2020-12).
pub fn schema() -> Value {
    let mut top = json!({});
    let mut serve = json!({});
    for row in OPTIONS.iter().filter(|row| row.flag().is_some() && row.name != "config") {
        let place = if row.group == Group::Serve { &mut serve } else { &mut top };
        let mut described = of_kind(row);
        described["description"] = json!(row.sentence);
        match row.name.split_once('.') {
            None => place[row.name] = described,
            Some((parent, member)) => put(members_of(&mut place[parent]), member, described),
        }
    }
    top["serve"] = json!({ "type": "object", "additionalProperties": false, "properties": serve });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sentri", "type": "object",
        "additionalProperties": false, "properties": top,
    })
}

/// Puts a member into its object, which may be nested.
fn put(members: &mut Value, name: &str, described: Value) {
    match name.split_once('.') {
        None => members[name] = described,
        Some((parent, member)) => {
            let object = &mut members[parent];
            if object.is_null() {
                *object = json!({ "type": "object", "additionalProperties": false, "properties": {} });
            }
            let is_object = object["type"] == "object";
            put(if is_object { &mut object["properties"] } else { members_of(object) }, member, described);
        }
    }
}

/// Returns the members of an option that may be an object or another value.
fn members_of(option: &mut Value) -> &mut Value {
    let empty = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    if option.is_null() {
        *option = json!({ "anyOf": [empty] });
    } else if option.get("anyOf").is_none() {
        let description = option["description"].take();
        let word = option.take();
        *option = json!({ "description": description, "anyOf": [empty, word] });
        if let Some(word) = option["anyOf"][1].as_object_mut() {
            word.remove("description");
        }
    }
    &mut option["anyOf"][0]["properties"]
}

fn of_kind(row: &OptionRow) -> Value {
    match row.kind {
        OptionKind::Text if row.name == "apiKey" => {
            json!({ "type": ["string", "array"], "items": { "type": "string" } })
        }
        OptionKind::Text | OptionKind::Code => json!({ "type": "string" }),
        OptionKind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        OptionKind::Switch | OptionKind::Members => json!({ "type": "boolean" }),
        OptionKind::List => json!({ "type": "array", "items": { "type": "string" } }),
        OptionKind::Duration => json!({ "type": ["string", "number"] }),
        OptionKind::Choice(words) => json!({ "enum": words }),
        OptionKind::Proxies => json!({ "type": ["integer", "string", "array"], "items": { "type": "string" } }),
        OptionKind::Table => json!({ "type": ["string", "object"] }),
    }
}
