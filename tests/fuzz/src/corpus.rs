//! The inputs that are kept of each target: `corpus/NAME.json`, a list of `{text}` or `{base64}`. Where the edge client and
//! Python decide the same, each has the `verdict` of the core.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Target;

/// An input, and its verdict where the target has one.
pub struct Kept {
    /// The input.
    pub data: Vec<u8>,
    /// The verdict as it was when the input was kept.
    pub verdict: Option<String>,
    /// The reason why it is kept though it reaches no code that others don't, such as a bound that it lies at.
    pub why: Option<String>,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(format!("{name}.json"))
}

/// Reads the corpus of the target; none where there is no file yet.
///
/// # Panics
/// When the file is not in the form above.
#[must_use]
pub fn read(name: &str) -> Vec<Kept> {
    let Ok(text) = std::fs::read_to_string(path(name)) else { return Vec::new() };
    let entries: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("corpus/{name}.json: {error}"));
    let member = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let data = |entry: &Value| match member(entry, "text") {
        Some(text) => Some(text.into_bytes()),
        None => STANDARD.decode(member(entry, "base64")?).ok(),
    };
    let kept = |entry: &Value| Kept {
        data: data(entry).unwrap(),
        verdict: member(entry, "verdict"),
        why: member(entry, "why"),
    };
    entries.iter().map(kept).collect()
}

/// Writes the corpus of the target, an input a line in order of length, with the verdicts of now. What is kept for a reason
/// stays.
///
/// # Panics
/// When the file can't be written.
pub fn write(target: &Target, mut inputs: Vec<Vec<u8>>) {
    let reasons: Vec<Kept> = read(target.name).into_iter().filter(|kept| kept.why.is_some()).collect();
    inputs.extend(reasons.iter().map(|kept| kept.data.clone()));
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let line = |data: &Vec<u8>| {
        let mut entry = match std::str::from_utf8(data) {
            Ok(text) => json!({ "text": text }),
            Err(_) => json!({ "base64": STANDARD.encode(data) }),
        };
        if let Some(verdict) = target.verdict.and_then(|verdict| verdict(data)) {
            entry["verdict"] = verdict.into();
        }
        if let Some(kept) = reasons.iter().find(|kept| kept.data == *data) {
            entry["why"] = kept.why.as_deref().into();
        }
        entry.to_string()
    };
    let lines: Vec<String> = inputs.iter().map(line).collect();
    std::fs::write(path(target.name), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}
