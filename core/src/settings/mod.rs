//! The options of `sentri serve`, for the command lines of both languages. Flags override the environment, which
//! overrides the file, which overrides the defaults.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::config::reader::distance;
use crate::config::table::{Group, OPTIONS, OptionKind, OptionRow};
use crate::duration;
use crate::wire;

pub mod compose;
mod delivery;
pub mod file;
mod given;
mod print;
pub mod reload;
pub mod schema;
mod sentences;
mod source;
mod text;

use given::{From, Given, Mistake, Setting, insert};

/// The file that is read if no other is named.
const FOUND: &str = "sentri.toml";

/// Settles the options from `{flags, variables, production}`, of which the first two are objects of texts. Returns
/// `{options, serve, settings, warnings, errors, file}`.
///
/// `options` are those of `AuthServer`, and `serve` those of the command. `settings` lists every value that is set as
/// `{name, value, from, hot, mark}` and hides secrets. `errors` lists `{usage, message}`. If there is any error, the
/// other members must not be used.
pub fn settle(input: &Value) -> Value {
    let none = Map::new();
    let member = |name: &str| input.get(name).and_then(Value::as_object).unwrap_or(&none);
    let given = Given {
        flags: member("flags"),
        variables: member("variables"),
        production: input.get("production").and_then(Value::as_bool).unwrap_or(false),
    };
    let mut errors = Vec::new();
    let path = file_of(&given);
    let mut settings = defaults(&given);
    if let Some(path) = &path {
        source::from_file(path, &mut settings, &mut errors);
    }
    source::from_variables(&given, &mut settings, &mut errors);
    source::from_flags(&given, &mut settings, &mut errors);
    let chosen = chosen(settings, &mut errors);
    let (mut options, mut serve) = assemble(&chosen);
    complete(&mut options, &serve, &given);
    let mut warnings = unread(&given);
    delivery::complete(&mut options, &mut serve, &chosen, &given, &mut warnings, &mut errors);
    if errors.is_empty() {
        check(&options, &chosen, &mut warnings, &mut errors);
    }
    let errors: Vec<Value> =
        errors.into_iter().map(|error| json!({ "usage": error.usage, "message": error.message })).collect();
    json!({
        "options": options, "serve": serve, "settings": print::settings(&chosen),
        "warnings": warnings, "errors": errors, "file": path,
    })
}

/// Settles the options as [`settle`] does, from and to JSON text, for bindings. It never fails; mistakes are in
/// `errors`.
pub fn settle_text(input: &str) -> String {
    settle(&wire::parse(input)).to_string()
}

fn file_of(given: &Given<'_>) -> Option<String> {
    let named = given.flag("config").or_else(|| given.variable("SENTRI_CONFIG")).map(str::to_owned);
    named.or_else(|| std::path::Path::new(FOUND).exists().then(|| FOUND.to_owned()))
}

/// Returns the defaults that differ from the library's, or that the command itself reads.
fn defaults(given: &Given<'_>) -> Vec<Setting> {
    let of = |row: &'static OptionRow| {
        let value = match row.name {
            "db" => json!("sqlite:./sentri.db"),
            "validRoles" => json!(["user", "admin"]),
            "knownDevices" => json!(true),
            "hostCookies" => json!(given.production),
            "config" => return None,
            _ if row.group == Group::Serve && !row.default.is_empty() => text::value(row, row.default).ok()?,
            _ => return None,
        };
        Some(Setting { row, value, from: From::Default })
    };
    OPTIONS.iter().filter_map(of).collect()
}

/// Returns the last setting of each option, in the table's order. If an option is set as a whole and its members are
/// set too, the later source overrides the earlier. To set both in the same kind of source is a mistake.
fn chosen(settings: Vec<Setting>, errors: &mut Vec<Mistake>) -> Vec<Setting> {
    let mut last: HashMap<&'static str, (usize, Setting)> = HashMap::new();
    for (order, setting) in settings.into_iter().enumerate() {
        last.insert(setting.row.name, (order, setting));
    }
    let mut dropped = Vec::new();
    let tables = |name: &'static str| name.match_indices('.').map(|(at, _)| &name[..at]);
    let members = last.iter().flat_map(|(name, given)| tables(name).map(move |parent| (parent, *name, given)));
    for (parent, name, (order, member)) in members {
        let Some((above, word)) = last.get(parent) else { continue };
        // The option `messages` says where messages are printed, and its members say what is in them, so both may be
        // set.
        if parent == "messages" {
            continue;
        }
        if word.value == json!(true) {
            dropped.push(parent.to_owned());
        } else if std::mem::discriminant(&word.from) == std::mem::discriminant(&member.from) {
            let message = format!(
                "{}: {name} is of no use while {} says {parent} is {}: leave one out",
                member.from.place(),
                word.from.place(),
                word.value
            );
            errors.push(Mistake { usage: false, message });
        } else {
            dropped.push(if above > order { name.to_owned() } else { parent.to_owned() });
        }
    }
    last.retain(|name, _| !dropped.iter().any(|one| one == name));
    OPTIONS.iter().filter_map(|row| last.remove(row.name)).map(|(_, setting)| setting).collect()
}

fn assemble(chosen: &[Setting]) -> (Value, Value) {
    let (mut options, mut serve) = (json!({}), json!({}));
    for Setting { row, value, .. } in chosen {
        let place = if row.group == Group::Serve || row.name == "messages" { &mut serve } else { &mut options };
        let value = match (row.group, row.kind) {
            (Group::Serve, OptionKind::Duration) => seconds(value),
            _ => value.clone(),
        };
        insert(place, row.name, value);
    }
    (options, serve)
}

/// Converts a duration to seconds, the unit in which the hosts read it.
fn seconds(value: &Value) -> Value {
    let length = duration::parse(value).unwrap_or(Duration::ZERO);
    json!(length.as_secs_f64())
}

/// Adds the defaults of the command that depend on other settings, for example the prefix of cookies, and no admin role
/// if `validRoles` has no `admin`.
fn complete(options: &mut Value, serve: &Value, given: &Given<'_>) {
    let roles = options.get("validRoles").and_then(Value::as_array).cloned().unwrap_or_default();
    if options.get("adminRoles").is_none() && !roles.contains(&json!("admin")) {
        insert(options, "adminRoles", json!([]));
    }
    let cookie = options.get("cookie").cloned().unwrap_or_else(|| json!({}));
    if serve.get("hostCookies") == Some(&json!(true)) && cookie.is_object() && cookie.get("prefix").is_none() {
        insert(options, "cookie.prefix", json!("__Host-"));
    }
    match options.get("verification") {
        Some(Value::Bool(true)) => insert(options, "verification", json!({})),
        Some(Value::Bool(false)) => insert(options, "verification", Value::Null),
        _ => {}
    }
    if options.get("administration").is_none() {
        insert(options, "administration", json!(true));
    }
    let has_admins = options.get("adminRoles").and_then(Value::as_array).is_none_or(|roles| !roles.is_empty());
    if options.get("setup").is_none() && has_admins {
        insert(options, "setup", json!(true));
    }
    insert(options, "mode", json!("server"));
    insert(options, "production", json!(given.production));
}

/// Checks the options as an `AuthServer` does, and puts the source of a wrong option in front of the error.
fn check(options: &Value, chosen: &[Setting], warnings: &mut Vec<String>, errors: &mut Vec<Mistake>) {
    match Config::from_options(options) {
        Ok(config) => warnings.extend(config.warnings),
        Err(error) => {
            let named = error.message.split([' ', ':']).next().unwrap_or_default();
            let of = |name: &str| chosen.iter().find(|one| one.row.name == name);
            let place = of(named).or_else(|| of(named.split('.').next()?)).map(|one| one.from.place());
            let message = match place {
                Some(place) if place != "default" => format!("{place}: {}", error.message),
                _ => error.message,
            };
            errors.push(Mistake { usage: false, message });
        }
    }
}

/// Returns warnings about variables that look like misspelt options.
fn unread(given: &Given<'_>) -> Vec<String> {
    let known: Vec<String> = OPTIONS.iter().flat_map(OptionRow::variables).collect();
    let is_near = |name: &String| {
        name.starts_with("SENTRI_")
            && !["SENTRI_ENV", "SENTRI_PASSWORD"].contains(&name.as_str())
            && !known.contains(name)
            && !name.strip_suffix("_FILE").is_some_and(|name| known.iter().any(|one| one == name))
    };
    // Variables of other programs may begin with `SENTRI_` too, so only a near match counts as misspelt.
    let hint = |name: &String| {
        let one = known.iter().find(|one| distance(one, name) <= 2)?;
        Some(format!("{name} is not read: did you mean {one}?"))
    };
    given.variables.keys().filter(|name| is_near(name)).filter_map(hint).collect()
}
