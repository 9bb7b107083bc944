//! Reads one level of the options object. It checks types, applies defaults and refuses unknown names.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::table::{self, Group};
use crate::crypto::Secret;
use crate::duration;
use crate::error::Error;

/// The text that bindings write for a function, which JSON can't hold.
pub const FUNCTION: &str = "[function]";

/// Reads an object of options, and notes which of its members were asked for. `null` counts as absent.
pub struct Reader<'a> {
    path: String,
    map: &'a Map<String, Value>,
    known: HashSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// Makes a reader of `value`. `path` is the option's name, or empty for the top level.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when `value` is not an object.
    pub fn new(path: &str, value: &'a Value) -> Result<Self, Error> {
        let Some(map) = value.as_object() else {
            let what = if path.is_empty() { "the options" } else { path };
            return Err(Error::configuration(format!("{what} must be an object")));
        };
        Ok(Self { path: path.to_owned(), map, known: HashSet::new() })
    }

    /// Returns the full name of an option, for error messages.
    pub fn name(&self, option: &str) -> String {
        if self.path.is_empty() { option.to_owned() } else { format!("{}.{option}", self.path) }
    }

    /// Makes a `CONFIGURATION_ERROR` about an option. `message` follows the option's name.
    pub fn error(&self, option: &str, message: impl std::fmt::Display) -> Error {
        Error::configuration(format!("{} {message}", self.name(option)))
    }

    /// Returns the raw value of an option.
    pub fn value(&mut self, option: &'static str) -> Option<&'a Value> {
        self.known.insert(option);
        self.map.get(option).filter(|value| !value.is_null())
    }

    /// Reads a string, which may be empty.
    pub fn string(&mut self, option: &'static str) -> Result<Option<&'a str>, Error> {
        match self.value(option) {
            None => Ok(None),
            // A function here is a mistake. Its placeholder must not become the value, least of all that of a secret.
            Some(Value::String(text)) if text != FUNCTION => Ok(Some(text)),
            Some(_) => Err(self.error(option, "must be a string")),
        }
    }

    /// Reads a secret: a string, or a JWK of the type `oct` (RFC 7518, 6.4) for bytes that are no text.
    pub fn secret(&mut self, option: &'static str) -> Result<Option<Secret<Vec<u8>>>, Error> {
        if let Some(Value::Object(jwk)) = self.value(option) {
            let key = jwk.get("k").and_then(Value::as_str).filter(|_| jwk.get("kty").is_some_and(|kty| kty == "oct"));
            let bytes = key.and_then(|key| URL_SAFE_NO_PAD.decode(key).ok());
            return bytes.map(|bytes| Some(Secret::new(bytes))).ok_or_else(|| self.error(option, "must be a string"));
        }
        Ok(self.string(option)?.map(|text| Secret::new(text.as_bytes().to_vec())))
    }

    /// Reads a string with at least one character.
    pub fn text(&mut self, option: &'static str) -> Result<Option<&'a str>, Error> {
        match self.string(option)? {
            Some("") => Err(self.error(option, "must not be empty: set it, or leave it out")),
            other => Ok(other),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self, option: &'static str, default: bool) -> Result<bool, Error> {
        match self.value(option) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.error(option, "must be true or false")),
        }
    }

    /// Reads a whole number within `range`.
    pub fn integer(
        &mut self,
        option: &'static str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, Error> {
        match self.value(option) {
            None => Ok(default),
            Some(value) => whole(value).filter(|number| range.contains(number)).ok_or_else(|| {
                self.error(option, format!("must be a whole number from {} to {}", range.start(), range.end()))
            }),
        }
    }

    /// Reads a duration, see [`duration::parse`].
    pub fn duration(&mut self, option: &'static str, default: Duration) -> Result<Duration, Error> {
        match self.value(option) {
            None => Ok(default),
            Some(value) => duration::parse(value).map_err(|message| self.error(option, message)),
        }
    }

    /// Reads a duration as [`Reader::duration`] does, or 0 for no time at all.
    pub fn zero_or_duration(&mut self, option: &'static str, default: Duration) -> Result<Duration, Error> {
        if self.value(option).and_then(Value::as_f64) == Some(0.0) {
            return Ok(Duration::ZERO);
        }
        self.duration(option, default)
    }

    /// Refuses options by name, with the reason `why`.
    pub fn refuse(&self, options: &[&str], why: &str) -> Result<(), Error> {
        let given = |option: &&&str| self.map.get(**option).is_some_and(|value| !value.is_null());
        options.iter().find(given).map_or(Ok(()), |option| Err(self.error(option, why)))
    }

    /// Reads a list of strings. A single string counts as a list if `single` is set.
    pub fn strings(&mut self, option: &'static str, single: bool) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.value(option) else { return Ok(None) };
        let list = match value {
            Value::String(text) if single => Some(vec![text.clone()]),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        list.map(Some).ok_or_else(|| self.error(option, "must be a list of strings"))
    }

    /// Whether a function was given.
    pub fn function(&mut self, option: &'static str) -> Result<bool, Error> {
        match self.value(option) {
            None => Ok(false),
            Some(Value::String(text)) if text == FUNCTION => Ok(true),
            Some(_) => Err(self.error(option, "must be a function")),
        }
    }

    /// Refuses members that are not in `known`, if the option is an object. The code that reads the option checks the
    /// rest.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` with the nearest known name.
    pub fn only(path: &str, option: Option<&'a Value>, known: &[&'static str]) -> Result<Option<&'a Value>, Error> {
        if let Some(object @ Value::Object(_)) = option {
            let mut read = Reader::new(path, object)?;
            read.known.extend(known);
            read.finish()?;
        }
        Ok(option)
    }

    /// Returns the raw value of an option after [`Reader::only`] has checked the names of its members.
    pub(super) fn only_members(
        &mut self,
        option: &'static str,
        known: &[&'static str],
    ) -> Result<Option<&'a Value>, Error> {
        Self::only(option, self.value(option), known)
    }

    /// Returns an option that was read but is not in the table, in which every option must be.
    pub(super) fn missing(&self, group: Group) -> Option<&'static str> {
        self.known.iter().copied().find(|name| !table::is_option(name, group))
    }

    /// Refuses unknown options, with the nearest known name.
    pub fn finish(self) -> Result<(), Error> {
        for name in self.map.keys() {
            if self.known.contains(name.as_str()) {
                continue;
            }
            let nearest = self.known.iter().min_by_key(|known| distance(known, name));
            let hint = nearest
                .filter(|known| distance(known, name) <= 3)
                .map_or_else(String::new, |known| format!(": did you mean {}?", self.name(known)));
            return Err(self.error(name, format!("is not an option{hint}")));
        }
        Ok(())
    }
}

fn whole(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).or_else(|| {
        let float = value.as_f64()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
        (float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&float)).then_some(float as u32)
    })
}

/// Returns the Levenshtein distance of two names, ignoring case.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[row.len() - 1]
}
