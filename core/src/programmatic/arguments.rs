//! The arguments of a programmatic call.

use serde_json::Value;

use crate::error::Error;

/// Arguments of a call, by position. `null` and absent are the same.
pub(super) struct Arguments {
    pub list: Vec<Value>,
    /// The number of the host's transaction that the call is part of.
    pub transaction: Option<u32>,
}

impl Arguments {
    pub fn text(&self, index: usize, name: &str) -> Result<&str, Error> {
        match self.list.get(index) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(Error::validation(name, format!("{name} must be a string that is not empty"))),
        }
    }

    /// The id of something: no id has control characters, and not every database can be asked for one.
    pub fn id(&self, index: usize, name: &str) -> Result<&str, Error> {
        let id = self.text(index, name)?;
        if id.contains(char::is_control) {
            return Err(Error::validation(name, format!("{name} must not contain control characters")));
        }
        Ok(id)
    }

    pub fn value(&self, index: usize) -> Value {
        self.list.get(index).cloned().unwrap_or(Value::Null)
    }

    pub fn member<'a>(&'a self, index: usize, name: &str) -> Option<&'a Value> {
        self.list.get(index)?.get(name).filter(|value| !value.is_null())
    }

    pub fn text_member<'a>(&'a self, index: usize, name: &str) -> Result<Option<&'a str>, Error> {
        match self.member(index, name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::validation(name, format!("{name} must be a string"))),
        }
    }
}

/// The number of items for a page of a list.
///
/// # Errors
/// `VALIDATION_ERROR`
pub(super) fn page_limit(value: Option<&Value>) -> Result<Option<u32>, Error> {
    value
        .map(|value| {
            let whole = value.as_u64().and_then(|n| u32::try_from(n).ok());
            whole.ok_or_else(|| Error::validation("limit", "limit must be a whole number"))
        })
        .transpose()
}
