//! The values of parameters and columns of statements.

use std::fmt;

use crate::clock::{Millis, from_iso};
use crate::failure::StoreError;

/// The value of a parameter or a column. `Debug` shows only its kind, since texts may be hashes, keys and identifiers.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A 64-bit integer.
    Int(i64),
    /// A text, which must not hold U+0000, since PostgreSQL refuses it.
    Text(String),
    /// An instant in milliseconds since 1970 UTC. Drivers without a time type bind it by
    /// [`to_iso`](crate::clock::to_iso).
    Time(Millis),
}

impl Value {
    /// Returns the text of a column that may be NULL.
    ///
    /// # Errors
    /// `Other` for another kind.
    pub fn into_optional_text(self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            other => Err(unexpected("text", &other)),
        }
    }

    /// Returns the text of a column.
    ///
    /// # Errors
    /// `Other` for NULL and for another kind.
    pub fn into_text(self) -> Result<String, StoreError> {
        self.into_optional_text()?.ok_or_else(|| unexpected("text", &Self::Null))
    }

    /// Returns the integer in a column. Drivers of other languages may bring it as text.
    ///
    /// # Errors
    /// `Other` for anything else.
    pub fn into_int(self) -> Result<i64, StoreError> {
        match self {
            Self::Int(int) => Ok(int),
            Self::Text(text) => text.parse().map_err(|_| StoreError::Other("column: expected an integer".into())),
            other => Err(unexpected("an integer", &other)),
        }
    }

    /// Returns the instant in a column that may be NULL. It is a [`Value::Time`], a text that [`from_iso`] reads, or an
    /// integer of milliseconds.
    ///
    /// # Errors
    /// `Other` for anything else.
    pub fn into_optional_time(self) -> Result<Option<Millis>, StoreError> {
        match self {
            Self::Null => Ok(None),
            Self::Time(at) | Self::Int(at) => Ok(Some(at)),
            Self::Text(text) => {
                let at = from_iso(&text);
                at.map(Some).ok_or_else(|| StoreError::Other("column: expected an instant".into()))
            }
        }
    }

    /// Returns the instant in a column.
    ///
    /// # Errors
    /// `Other` for NULL and for anything that is not an instant.
    pub fn into_time(self) -> Result<Millis, StoreError> {
        self.into_optional_time()?.ok_or_else(|| unexpected("an instant", &Self::Null))
    }
}

fn unexpected(wanted: &str, got: &Value) -> StoreError {
    StoreError::Other(format!("column: expected {wanted}, got {got:?}"))
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Int(_) => "Int(..)",
            Self::Text(_) => "Text(..)",
            Self::Time(_) => "Time(..)",
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
