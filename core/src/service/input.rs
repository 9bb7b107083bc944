//! Reads the input of a use case. Unknown members are ignored, wrong types are `VALIDATION_ERROR` naming the field.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode};

/// Members of a JSON object.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    map: &'a Map<String, Value>,
}

impl<'a> Input<'a> {
    /// The members of `value`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when it is not an object.
    pub fn new(value: &'a Value) -> Result<Self, Error> {
        value
            .as_object()
            .map(|map| Self { map })
            .ok_or_else(|| Error::new(ErrorCode::ValidationError, "The request body must be a JSON object"))
    }

    /// A member; `null` counts as absent.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// A string that must be there and not be empty.
    pub fn text(&self, field: &str) -> Result<&'a str, Error> {
        self.optional_text(field)?.ok_or_else(|| Error::validation(field, format!("{field} is required")))
    }

    /// A string that is not empty, if it is there.
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

    /// A list of 1 to `max` items.
    pub fn list(&self, field: &str, max: usize) -> Result<&'a [Value], Error> {
        match self.value(field) {
            None => Err(Error::validation(field, format!("{field} is required"))),
            Some(Value::Array(items)) if items.is_empty() => {
                Err(Error::validation(field, format!("{field} must not be empty")))
            }
            Some(Value::Array(items)) if items.len() > max => {
                Err(Error::validation(field, format!("{field} must have at most {max} items")))
            }
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(Error::validation(field, format!("{field} must be a list"))),
        }
    }

    /// A list of strings, if it is there; may be empty.
    pub fn optional_strings(&self, field: &str) -> Result<Option<Vec<String>>, Error> {
        let wrong = || Error::validation(field, format!("{field} must be a list of strings"));
        match self.value(field) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let strings = items.iter().map(|item| item.as_str().map(str::to_owned));
                strings.collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }
}
