//! Reads the input of a use case. Unknown members are ignored, wrong types are `VALIDATION_ERROR` naming the field.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode};

/// The members of a JSON object.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Input<'a> {
    /// Returns the members of `value`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when it is not an object.
    pub fn new(value: &'a Value) -> Result<Self, Error> {
        let input = Self::of_options(value);
        match input.map {
            Some(_) => Ok(input),
            None => Err(Error::new(ErrorCode::ValidationError, "The request body must be a JSON object")),
        }
    }

    /// Returns the members of options. Any value but an object has no members.
    #[must_use]
    pub fn of_options(value: &'a Value) -> Self {
        Self { map: value.as_object() }
    }

    /// Returns a member; `null` counts as absent.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.map?.get(field).filter(|value| !value.is_null())
    }

    /// Returns a member, or `null` if it is absent.
    #[must_use]
    pub fn member(&self, field: &str) -> &'a Value {
        self.value(field).unwrap_or(&Value::Null)
    }

    /// Whether sentri delivers the message. Code of the host that sends it itself passes `deliver: false`.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.member("deliver").as_bool().unwrap_or(true)
    }

    /// Returns a string that must be there and must not be empty.
    pub fn text(&self, field: &str) -> Result<&'a str, Error> {
        self.optional_text(field)?.ok_or_else(|| Error::validation(field, format!("{field} is required")))
    }

    /// Returns a string that must not be empty, or `None` if it is absent.
    pub fn optional_text(&self, field: &str) -> Result<Option<&'a str>, Error> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => {
                Err(Error::validation(field, format!("{field} must not be empty")))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::validation(field, format!("{field} must be a string"))),
        }
    }

    /// Returns a list of 1 to `max` items.
    pub fn list(&self, field: &str, max: usize) -> Result<&'a [Value], Error> {
        list(field, self.member(field), max)
    }

    /// Returns a list of strings, which may be empty, or `None` if it is absent.
    pub fn optional_strings(&self, field: &str) -> Result<Option<Vec<String>>, Error> {
        optional_strings(field, self.member(field))
    }
}

/// [`Input::list`] for a value that is not in an object.
pub fn list<'a>(field: &str, value: &'a Value, max: usize) -> Result<&'a [Value], Error> {
    let wrong = |rule: String| Err(Error::validation(field, format!("{field} {rule}")));
    match value {
        Value::Null => wrong("is required".to_owned()),
        Value::Array(items) if items.is_empty() => wrong("must not be empty".to_owned()),
        Value::Array(items) if items.len() > max => wrong(format!("must have at most {max} items")),
        Value::Array(items) => Ok(items),
        _ => wrong("must be a list".to_owned()),
    }
}

/// [`Input::optional_strings`] for a value that is not in an object.
pub fn optional_strings(field: &str, value: &Value) -> Result<Option<Vec<String>>, Error> {
    let wrong = || Error::validation(field, format!("{field} must be a list of strings"));
    match value {
        Value::Null => Ok(None),
        Value::Array(items) => {
            let strings = items.iter().map(|item| item.as_str().map(str::to_owned));
            strings.collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
