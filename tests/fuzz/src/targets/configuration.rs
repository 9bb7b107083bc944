//! Files of `sentri serve`: a line with the format, and the text. The same code reads them for Node and Python.

use sentri_core::settings::file::parse;
use sentri_core::settings::settle;
use serde_json::{Map, Value, json};

use crate::reading::Node;

pub fn check(data: &[u8]) {
    let Some(input) = super::text(data) else { return };
    let (format, text) = super::split_line(input);
    variables(text);
    let Some(read) = parse(format, text) else {
        return assert!(!["toml", "json", "yaml", "yml"].contains(&format));
    };
    let lines = text.matches(['\n', '\r']).count() + 1;
    match &read {
        Ok(entries) => {
            assert!(entries.iter().all(|entry| (1..=lines).contains(&entry.line)), "{entries:?}");
            assert!(entries.len() <= text.len());
        }
        Err((line, why)) => assert!((1..=lines + 1).contains(line), "line {line} of {lines}: {why}"),
    }
    if format == "json" {
        let node = Node::read(text.as_bytes());
        if let Ok(entries) = &read {
            let node = node.expect("what is taken is JSON");
            assert!(!node.repeats(), "a name stands twice: {text}");
            let mut leaves = Vec::new();
            flatten("", &node, &mut leaves);
            let entries: Vec<(String, Value)> =
                entries.iter().map(|entry| (entry.path.clone(), plain(&entry.value))).collect();
            assert_eq!(entries, leaves, "{text}");
        }
    }
}

/// With numbers as most hosts have them: no option takes one that they can't tell from its neighbour.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap_or_default() + 0.0),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

fn flatten(path: &str, node: &Node, leaves: &mut Vec<(String, Value)>) {
    match node {
        Node::Members(members) if path.is_empty() || !members.is_empty() => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, leaves);
            }
        }
        Node::Plain(Value::Null) if path.is_empty() => {}
        other => leaves.push((path.to_owned(), plain(&other.value()))),
    }
}

/// Lines `NAME=value` as variables. Whatever they say, what is printed of a secret is not the secret.
fn variables(text: &str) {
    const SECRET: &str = "canary-canary-canary-canary-canary-canary-canary";
    let mut given: Map<String, Value> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.ends_with("_FILE") && !["SENTRI_CONFIG", "CONFIG"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if given.is_empty() || !given.keys().any(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
    {
        return;
    }
    given.insert("SENTRI_SECRET".to_owned(), SECRET.into());
    let settled = settle(&json!({ "flags": {}, "variables": given, "production": text.len().is_multiple_of(2) }));
    for part in ["settings", "warnings", "errors"] {
        assert!(!settled[part].to_string().contains(SECRET), "{part}: {}", settled[part]);
    }
}
