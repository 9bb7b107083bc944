//! Reads settings from a file, the environment and flags.

use std::collections::HashMap;

use serde_json::json;

use super::given::{From, Given, Mistake, Setting, insert, nearest};
use super::{file, text};
use crate::config::table::{OPTIONS, OptionRow};

/// The longest file that a `NAME_FILE` variable may name, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

pub(super) fn from_file(path: &str, settings: &mut Vec<Setting>, errors: &mut Vec<Mistake>) {
    let mut fail = |message| errors.push(Mistake { usage: false, message });
    let entries = match file::read(path) {
        Ok(entries) => entries,
        Err(message) => return fail(message),
    };
    let rows: HashMap<String, &'static OptionRow> =
        OPTIONS.iter().filter(|row| row.flag().is_some() && row.name != "config").map(|row| (row.key(), row)).collect();
    for entry in entries {
        let from = From::File(path.to_owned(), entry.line);
        let place = from.place();
        // Members of `db` are checked when the database is opened.
        let key = if entry.path.starts_with("db.") { "db" } else { entry.path.as_str() };
        let Some(row) = rows.get(key).copied() else {
            fail(format!("{place}: {} is not an option{}", entry.path, nearest(&entry.path, rows.keys())));
            continue;
        };
        if entry.value.is_null() {
            continue;
        }
        if let Some(member) = entry.path.strip_prefix("db.") {
            let mut members = match settings.iter().position(|one| one.row.name == "db" && one.from != From::Default) {
                Some(at) => settings.remove(at).value,
                None => json!({}),
            };
            insert(&mut members, member, entry.value);
            settings.push(Setting { row, value: members, from });
            continue;
        }
        match text::checked(row, entry.value) {
            Ok(value) => settings.push(Setting { row, value, from }),
            Err(why) => fail(format!("{place}: {} {why}", entry.path)),
        }
    }
}

pub(super) fn from_variables(given: &Given<'_>, settings: &mut Vec<Setting>, errors: &mut Vec<Mistake>) {
    for row in OPTIONS {
        for name in row.variables() {
            let direct = given.variable(&name).map(|text| (text.to_owned(), From::Variable(name.clone())));
            let file = format!("{name}_FILE");
            // The variable `SENTRI_SECRET_FILE` belongs to the option `secretFile`.
            let named = given.variable(&file).filter(|_| row.name != "secret");
            let found = match (direct, named) {
                (Some(direct), _) => direct,
                (None, Some(path)) => match file::text_of(path, MAX_SECRET_BYTES) {
                    Ok(text) if !text.trim().is_empty() => {
                        (text.trim_end_matches(['\r', '\n']).to_owned(), From::SecretFile(file, path.to_owned()))
                    }
                    read => {
                        let why = read.err().unwrap_or_else(|| "is empty".to_owned());
                        let message = format!("{file} names {path}, which {why}");
                        errors.push(Mistake { usage: true, message });
                        break;
                    }
                },
                (None, None) => continue,
            };
            add(row, &found.0, found.1, settings, errors);
            break;
        }
    }
}

pub(super) fn from_flags(given: &Given<'_>, settings: &mut Vec<Setting>, errors: &mut Vec<Mistake>) {
    for row in OPTIONS {
        let Some(flag) = row.flag() else { continue };
        if let Some(text) = given.flag(&flag) {
            add(row, text, From::Flag(flag), settings, errors);
        }
    }
}

fn add(row: &'static OptionRow, text: &str, from: From, settings: &mut Vec<Setting>, errors: &mut Vec<Mistake>) {
    match text::value(row, text) {
        Ok(value) => settings.push(Setting { row, value, from }),
        Err(why) => errors.push(Mistake { usage: true, message: format!("{} {why}", from.place()) }),
    }
}
