//! Reads `tests/vectors/*.json` and reports every vector that fails, not the first alone.

use serde_json::Value;

/// Runs `run` on what every vector of a file gives and compares with what it expects. An expected `{"error": text}`
/// stands for an `Err` that holds the text.
pub fn run(name: &str, run: impl Fn(&Value) -> Result<Value, String>) {
    let path = format!("{}/../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let vectors: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(vectors.len() > 10, "{name}.json holds next to nothing");
    let mut failures = Vec::new();
    for vector in &vectors {
        let got = run(&vector["given"]);
        let expect = &vector["expect"];
        let passed = match (&got, expect.get("error").and_then(Value::as_str)) {
            (Err(message), Some(part)) => message.contains(part),
            (Ok(value), None) => value == expect,
            _ => false,
        };
        if !passed {
            failures.push(format!("{}: expected {expect}, got {got:?}", vector["id"]));
        }
    }
    assert!(failures.is_empty(), "{name}.json:\n{}", failures.join("\n"));
}

/// A member of a vector that is text.
pub fn text<'a>(given: &'a Value, member: &str) -> &'a str {
    given[member].as_str().unwrap_or_else(|| panic!("{member} is no text in {given}"))
}

/// A member that is a list of texts.
pub fn texts(given: &Value, member: &str) -> Vec<String> {
    given[member].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A member, or nothing when it is null.
pub fn option<'a>(given: &'a Value, member: &str) -> Option<&'a Value> {
    given.get(member).filter(|value| !value.is_null())
}

/// The error's code and message, as vectors look for them.
pub fn shown(error: sentri_core::Error) -> String {
    error.to_string()
}
