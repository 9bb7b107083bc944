//! Reads the input of a use case. Unknown members are ignored, wrong types are `VALIDATION_ERROR` naming the field.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode};

/// Members of a JSON object.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Input<'a> {
    /// The members of `value`.
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

    /// The members of options; anything but an object has none.
    #[must_use]
    pub fn of_options(value: &'a Value) -> Self {
        Self { map: value.as_object() }
    }

    /// A member; `null` counts as absent.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.map?.get(field).filter(|value| !value.is_null())
    }

    /// A member, `null` where it is absent.
    #[must_use]
    pub fn member(&self, field: &str) -> &'a Value {
        self.value(field).unwrap_or(&Value::Null)
    }

    /// Whether a message goes out; `deliver: false` is for code of the host, which sends it by itself.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.member("deliver").as_bool().unwrap_or(true)
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
        list(field, self.member(field), max)
    }

    /// A list of strings, if it is there; may be empty.
    pub fn optional_strings(&self, field: &str) -> Result<Option<Vec<String>>, Error> {
        optional_strings(field, self.member(field))
    }
}

/// [`Input::list`] of a value that is not in an object.
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

/// [`Input::optional_strings`] of a value that is not in an object.
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
