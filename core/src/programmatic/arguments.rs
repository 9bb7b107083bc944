//! The arguments of a programmatic call.

use serde_json::Value;

use crate::error::Error;
use crate::service::input::Input;

/// The arguments of a call, by position. `null` counts as absent.
pub(super) struct Arguments(pub Vec<Value>);

impl Arguments {
    pub fn text(&self, index: usize, name: &str) -> Result<&str, Error> {
        match self.value(index) {
            Value::String(text) if !text.is_empty() => Ok(text),
            _ => Err(Error::validation(name, format!("{name} must be a string that is not empty"))),
        }
    }

    /// Reads an id. Control characters are refused, since no id has them and not every database accepts them in a
    /// query.
    pub fn id(&self, index: usize, name: &str) -> Result<&str, Error> {
        let id = self.text(index, name)?;
        if id.contains(char::is_control) {
            return Err(Error::validation(name, format!("{name} must not contain control characters")));
        }
        Ok(id)
    }

    pub fn value(&self, index: usize) -> &Value {
        self.0.get(index).unwrap_or(&Value::Null)
    }

    /// Reads the options at a position. A value that is no object has no members.
    pub fn options(&self, index: usize) -> Input<'_> {
        Input::of_options(self.value(index))
    }

    pub fn text_member<'a>(&'a self, index: usize, name: &str) -> Result<Option<&'a str>, Error> {
        match self.options(index).value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::validation(name, format!("{name} must be a string"))),
        }
    }

    /// Reads the option `limit`, the number of items on a page of a list.
    pub fn limit(&self, index: usize) -> Result<Option<u32>, Error> {
        let Some(value) = self.options(index).value("limit") else { return Ok(None) };
        let whole = value.as_u64().and_then(|n| u32::try_from(n).ok());
        whole.map(Some).ok_or_else(|| Error::validation("limit", "limit must be a whole number"))
    }
}
