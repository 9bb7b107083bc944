//! The parts of which settings are assembled: values with their sources, and mistakes.

use serde_json::{Map, Value, json};

use crate::config::reader::distance;
use crate::config::table::OptionRow;

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub row: &'static OptionRow,
    pub value: Value,
    pub from: From,
}

/// The source of a value. Later variants override earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    Default,
    File(String, usize),
    Variable(String),
    SecretFile(String, String),
    Flag(String),
}

impl From {
    pub(super) const fn is_default(&self) -> bool {
        matches!(self, Self::Default)
    }

    /// Returns the source as a person would look for it.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File(path, line) => format!("{path}, line {line}"),
            Self::Variable(name) => name.clone(),
            Self::SecretFile(variable, path) => format!("{variable} ({path})"),
            Self::Flag(flag) => format!("--{flag}"),
        }
    }
}

/// A fault in the given settings. `usage` is true for a flag or a variable, and false for a file or an option.
pub(super) struct Mistake {
    pub usage: bool,
    pub message: String,
}

/// The given settings.
pub(super) struct Given<'a> {
    pub flags: &'a Map<String, Value>,
    pub variables: &'a Map<String, Value>,
    pub production: bool,
}

impl<'a> Given<'a> {
    pub(super) fn variable(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> Option<&'a str> {
        self.flags.get(name).and_then(Value::as_str)
    }
}

pub(super) fn insert(object: &mut Value, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(members) = object.as_object_mut() else { return };
    match rest {
        None => {
            members.insert(name.to_owned(), value);
        }
        Some(rest) => insert(members.entry(name).or_insert_with(|| json!({})), rest, value),
    }
}

pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    known
        .map(|one| (distance(one, name), one))
        .min()
        .filter(|(far, _)| *far <= 3)
        .map_or_else(String::new, |(_, one)| format!(": did you mean {one}?"))
}
