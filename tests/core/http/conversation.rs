//! Reads the files strictly: a member that is not in the format would be an expectation that nobody checks.

use std::path::Path;

use serde_json::{Map, Value};

#[derive(Debug, Clone)]
pub struct Conversation {
    pub file: String,
    pub name: String,
    pub about: Option<String>,
    pub options: Map<String, Value>,
    pub clock: i64,
    pub given: Map<String, Value>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub name: String,
    pub advance: i64,
    pub revoked: Option<Value>,
    pub mail: Option<String>,
    pub repeat: usize,
    pub parallel: bool,
    pub action: Action,
    pub expect: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub enum Action {
    Request(Map<String, Value>),
    Call { method: String, arguments: Vec<Value> },
}

const CONVERSATION: &[&str] = &["name", "about", "config", "clock", "given", "steps"];
const STEP: &[&str] = &["name", "advance", "revoked", "mail", "repeat", "parallel", "request", "call", "expect"];
const REQUEST: &[&str] = &["method", "path", "headers", "as", "body", "rawBody", "jar", "ip"];
const OF_REQUEST: &[&str] =
    &["ok", "error", "status", "body", "headers", "cookies", "events", "hooks", "messages", "tokens", "sameAs"];
const OF_CALL: &[&str] = &["result", "throws", "messages", "tokens", "events"];

/// Every conversation of every file, in order; those of tests/advisories come last.
pub fn load_all() -> Vec<Conversation> {
    [load("http", ""), load("advisories", "advisories/")].concat()
}

fn load(folder: &str, prefix: &str) -> Vec<Conversation> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut conversations = Vec::new();
    for path in paths {
        let file = format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        only(&file, &whole, &["about", "conversations"]);
        for value in whole["conversations"].as_array().expect("conversations is a list") {
            conversations.push(read(&file, value));
        }
    }
    conversations
}

fn read(file: &str, value: &Value) -> Conversation {
    let name = value["name"].as_str().unwrap_or_else(|| panic!("{file}: a conversation has a name")).to_owned();
    let place = format!("{file} / {name}");
    only(&place, value, CONVERSATION);
    let steps = value["steps"].as_array().unwrap_or_else(|| panic!("{place}: steps is a list"));
    assert!(!steps.is_empty(), "{place}: there are steps");
    Conversation {
        about: value.get("about").map(|about| about.as_str().unwrap().to_owned()),
        options: options(value.get("config")),
        clock: value["clock"].as_i64().unwrap_or(super::support::START),
        given: value["given"].as_object().cloned().unwrap_or_default(),
        steps: steps.iter().map(|step| read_step(&place, step)).collect(),
        file: file.to_owned(),
        name,
    }
}

fn read_step(place: &str, value: &Value) -> Step {
    let name = value["name"].as_str().unwrap_or_else(|| panic!("{place}: a step has a name")).to_owned();
    let place = format!("{place} / {name}");
    only(&place, value, STEP);
    let action = match (value.get("request"), value.get("call")) {
        (Some(request), None) => {
            only(&place, request, REQUEST);
            Action::Request(request.as_object().unwrap().clone())
        }
        (None, Some(Value::Array(call))) => {
            let (method, arguments) = call.split_first().unwrap();
            Action::Call { method: method.as_str().unwrap().to_owned(), arguments: arguments.to_vec() }
        }
        _ => panic!("{place}: a step is a request or a call"),
    };
    let is_request = matches!(action, Action::Request(_));
    only(&place, &value["expect"], if is_request { OF_REQUEST } else { OF_CALL });
    let expect = value["expect"].as_object().unwrap().clone();
    let decisive: &[&str] = if is_request { &["ok", "error", "status"] } else { &["result", "throws"] };
    assert_eq!(decisive.iter().filter(|name| expect.contains_key(**name)).count(), 1, "{place}: one of {decisive:?}");
    Step {
        advance: value.get("advance").map_or(0, |text| duration(text.as_str().unwrap())),
        revoked: value.get("revoked").cloned(),
        mail: value.get("mail").map(|word| word.as_str().unwrap().to_owned()),
        repeat: value["repeat"].as_u64().or(value["parallel"].as_u64()).map_or(1, |n| usize::try_from(n).unwrap()),
        parallel: value.get("parallel").is_some(),
        action,
        expect,
        name,
    }
}

fn only(place: &str, value: &Value, known: &[&str]) {
    let map = value.as_object().unwrap_or_else(|| panic!("{place}: an object, not {value}"));
    for name in map.keys() {
        assert!(known.contains(&name.as_str()), "{place}: {name} is not one of {known:?}");
    }
}

/// The options that every conversation starts from, with its own over them. A `null` takes one away.
fn options(own: Option<&Value>) -> Map<String, Value> {
    let mut options = serde_json::json!({
        "mode": "server",
        "secret": "a secret of at least thirty-two bytes, for tests",
        "validRoles": ["user", "admin", "editor"],
        "rateLimit": false,
        "logger": { "info": "[function]", "warn": "[function]", "error": "[function]" },
        "hooks": { "onLogin": "[function]", "onFailedLogin": "[function]", "onLogout": "[function]" },
    });
    let map = options.as_object_mut().unwrap();
    for (name, value) in own.and_then(Value::as_object).into_iter().flatten() {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.clone(), value.clone());
        }
    }
    map.clone()
}

/// `250ms`, `10s`, `15m`, `1h`, `7d` in milliseconds.
fn duration(text: &str) -> i64 {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or_else(|| panic!("{text} has no unit"));
    let unit = match &text[split..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => panic!("{other} is no unit"),
    };
    text[..split].parse::<i64>().unwrap() * unit
}
