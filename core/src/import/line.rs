//! Reads the members of a line's JSON object by type. A member of a wrong type is refused, never taken for absent.

use serde_json::{Map, Value};

use super::user::refused;
use crate::clock::{Millis, from_iso};
use crate::crypto::Secret;
use crate::error::Error;
use crate::factor::base32;

/// The shortest and the longest secret of an authenticator app in bytes (RFC 4226, 4 asks for 16; many have 10).
const TOTP_BYTES: std::ops::RangeInclusive<usize> = 10..=128;

/// The members of a JSON object. Each method takes the names that a member may have, and reads the first that is
/// present.
#[derive(Clone, Copy)]
pub(super) struct Line<'a>(&'a Map<String, Value>);

impl<'a> Line<'a> {
    pub(super) const fn new(members: &'a Map<String, Value>) -> Self {
        Self(members)
    }

    /// Returns a member; `null` counts as absent.
    pub(super) fn value(&self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    /// Returns the name of a member that is not among `names`.
    pub(super) fn unknown(&self, names: &[&str]) -> Option<&'a str> {
        self.0.keys().map(String::as_str).find(|name| !names.contains(name))
    }

    /// Returns a text; an empty text counts as absent.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<&'a str>, Error> {
        match self.value(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(wrong(names, "text")),
        }
    }

    /// Returns a text that must be there.
    pub(super) fn required(&self, names: &[&str]) -> Result<&'a str, Error> {
        self.text(names)?.ok_or_else(|| refused(format!("{} is missing", names[0])))
    }

    /// Returns an id, which may be a number in the JSON.
    pub(super) fn id(&self, names: &[&str]) -> Result<String, Error> {
        match self.value(names) {
            Some(Value::Number(number)) if number.is_u64() => Ok(number.to_string()),
            _ => self.required(names).map(str::to_owned),
        }
    }

    /// Returns a boolean, which databases may write as 0 or 1; `false` if it is absent.
    pub(super) fn flag(&self, names: &[&str]) -> Result<bool, Error> {
        Ok(self.optional_flag(names)?.unwrap_or(false))
    }

    pub(super) fn optional_flag(&self, names: &[&str]) -> Result<Option<bool>, Error> {
        match self.value(names) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::Number(number)) if matches!(number.as_u64(), Some(0 | 1)) => {
                Ok(Some(number.as_u64() == Some(1)))
            }
            Some(_) => Err(wrong(names, "true or false")),
        }
    }

    /// Returns a whole number.
    pub(super) fn number(&self, names: &[&str]) -> Result<Option<u32>, Error> {
        match self.value(names) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                number.map(Some).ok_or_else(|| wrong(names, "a whole number"))
            }
        }
    }

    /// Returns an object.
    pub(super) fn object(&self, names: &[&str]) -> Result<Option<Self>, Error> {
        match self.value(names) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self(members))),
            Some(_) => Err(wrong(names, "an object")),
        }
    }

    /// Returns an object that may be written as a JSON text, since several systems keep one in a column.
    pub(super) fn embedded(&self, name: &'static str) -> Result<Option<Map<String, Value>>, Error> {
        match self.value(&[name]) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members.clone())),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => match crate::json::parse_strict(text.as_bytes()) {
                Ok(Value::Object(members)) => Ok(Some(members)),
                _ => Err(wrong(&[name], "a JSON object")),
            },
            Some(_) => Err(wrong(&[name], "a JSON object")),
        }
    }

    /// Returns a list; an empty one if it is absent.
    pub(super) fn list(&self, names: &[&str]) -> Result<&'a [Value], Error> {
        match self.value(names) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(wrong(names, "a list")),
        }
    }

    /// Returns a list of objects.
    pub(super) fn objects(&self, names: &[&str]) -> Result<Vec<Self>, Error> {
        let object = |item: &'a Value| item.as_object().map(Self).ok_or_else(|| wrong(names, "a list of objects"));
        self.list(names)?.iter().map(object).collect()
    }

    /// Returns a list of words, which may also be a single text with commas between them.
    pub(super) fn words(&self, names: &[&str]) -> Result<Vec<String>, Error> {
        let words = match self.value(names) {
            Some(Value::String(text)) => text.split(',').map(|word| word.trim().to_owned()).collect(),
            _ => {
                let items = self.list(names)?.iter().map(|item| item.as_str().map(str::to_owned));
                items.collect::<Option<Vec<String>>>().ok_or_else(|| wrong(names, "a list of texts"))?
            }
        };
        Ok(words.into_iter().filter(|word| !word.is_empty()).collect())
    }

    /// Returns an instant in ISO 8601, in the form of SQL, or in milliseconds.
    pub(super) fn instant(&self, names: &[&str]) -> Result<Option<Millis>, Error> {
        let read = |text: &str| is_bounded(text).then(|| from_iso(text)).flatten();
        let instant = match self.value(names) {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => read(text),
            Some(Value::Number(number)) => read(&number.to_string()),
            Some(Value::Object(members)) => members.get("$date").and_then(Value::as_str).and_then(read),
            Some(_) => None,
        };
        instant.map(Some).ok_or_else(|| wrong(names, "an instant"))
    }

    /// Returns the secret of an authenticator app in canonical base32.
    pub(super) fn totp(&self, names: &[&str]) -> Result<Option<Secret<String>>, Error> {
        let Some(text) = self.text(names)? else { return Ok(None) };
        let letters = text.chars().filter(|c| !matches!(c, ' ' | '-' | '=')).map(|c| c.to_ascii_uppercase());
        let letters = Secret::new(letters.collect::<String>());
        let bytes = base32::decode(letters.expose()).map(Secret::new);
        totp_of(bytes.as_ref().map_or(&[], |bytes| bytes.expose().as_slice())).map(Some)
    }
}

/// Encodes the key of an authenticator app as its secret in base32.
pub(super) fn totp_of(key: &[u8]) -> Result<Secret<String>, Error> {
    if !TOTP_BYTES.contains(&key.len()) {
        return Err(refused("the secret of an authenticator app is no base32 of 10 to 128 bytes"));
    }
    Ok(Secret::new(base32::encode(key)))
}

/// Refuses authenticator apps whose codes are not six digits, by SHA-1, of 30 seconds.
pub(super) fn check_codes(algorithm: &str, digits: u32, period: u32) -> Result<(), Error> {
    let is_sha1 = matches!(algorithm, "HmacSHA1" | "SHA1" | "sha1" | "SHA-1");
    if is_sha1 && digits == 6 && period == 30 {
        return Ok(());
    }
    Err(refused("the codes of the authenticator app are not of six digits, SHA-1 and 30 seconds"))
}

/// Whether a text can be an instant of bounded size: it has a year of four digits, or is a number of at most 14 digits.
fn is_bounded(text: &str) -> bool {
    let mut runs = text.split(|c: char| !c.is_ascii_digit()).map(str::len);
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 40 && if is_number { text.len() <= 14 } else { runs.next() == Some(4) && runs.all(|run| run <= 9) }
}

fn wrong(names: &[&str], what: &str) -> Error {
    refused(format!("{} must be {what}", names[0]))
}
