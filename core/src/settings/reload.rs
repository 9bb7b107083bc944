//! SIGHUP: the options that can change while a server runs.

use serde_json::{Map, Value, json};

use crate::config::table::{Group, OPTIONS, OptionRow};
use crate::wire;

/// Compares the options in force with those that `settle` returns now. Returns `{changed, renew, options, settings}`.
///
/// `changed` lists the differences as `{name, hot}`; `hot` is false if the change takes a restart. `options` and
/// `settings` are those in force afterwards, and `renew` says whether an `AuthServer` with these options must replace
/// the present server. A server with users or keys in memory is never replaced, since they would be lost.
pub fn reload(before: &Value, after: &Value) -> Value {
    let can_renew = !is_in_memory(&before["options"]);
    let is_hot = |row: &OptionRow| row.hot && (can_renew || row.group == Group::Serve);
    let (was, is) = (by_name(before), by_name(after));
    let mut options = before["options"].clone();
    let (mut changed, mut settings, mut renew) = (Vec::new(), Vec::new(), false);
    for row in OPTIONS {
        let (key, hot) = (row.key(), is_hot(row));
        let (old, new) = (was.get(&key), is.get(&key));
        settings.extend(if hot { new } else { old }.map(|one| (*one).clone()));
        if old.map(|one| &one["mark"]) != new.map(|one| &one["mark"]) {
            changed.push(json!({ "name": key, "hot": hot }));
            renew = renew || (hot && row.group != Group::Serve);
        }
        if hot && row.group != Group::Serve && !row.name.contains('.') {
            replace(&mut options, row.name, after["options"].get(row.name));
        }
    }
    // The way of messages does not change while the server runs, but the links in them do.
    if let (true, Some(messages)) = (can_renew, options.get_mut("messages").filter(|messages| messages.is_object())) {
        replace(messages, "links", after["options"]["messages"].get("links"));
    }
    json!({ "changed": changed, "renew": renew, "options": options, "settings": settings })
}

/// Compares as [`reload`] does, from `{before, after}` as JSON text, for bindings.
pub fn reload_text(input: &str) -> String {
    let input = wire::parse(input);
    reload(&input["before"], &input["after"]).to_string()
}

fn is_in_memory(options: &Value) -> bool {
    let db = &options["db"];
    let name = db.as_str().or_else(|| db["filename"].as_str()).or_else(|| db["connectionString"].as_str());
    let is_memory = name.is_some_and(|name| name.contains(":memory:") || name.contains("mode=memory"));
    is_memory || options["keys"] == json!("ephemeral")
}

fn by_name(settled: &Value) -> std::collections::HashMap<String, &Value> {
    let of = |one: &'_ Value| one["name"].as_str().map(str::to_owned);
    settled["settings"].as_array().into_iter().flatten().filter_map(|one| Some((of(one)?, one))).collect()
}

fn replace(options: &mut Value, name: &str, value: Option<&Value>) {
    let none = &mut Map::new();
    let members = options.as_object_mut().unwrap_or(none);
    match value {
        Some(value) => members.insert(name.to_owned(), value.clone()),
        None => members.shift_remove(name),
    };
}
