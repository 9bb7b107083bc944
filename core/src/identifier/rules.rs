//! The identifiers that an application's options allow.

use serde_json::Value;

use super::{Normalized, confusable, exact_form, invalid, is_kind, is_mailbox, normalize};
use crate::error::Error;

/// The identifiers that are allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentifierRules {
    valid: Option<Vec<String>>,
    refuses_confusables: bool,
}

impl IdentifierRules {
    /// Reads the `validIdentifiers` option. If it is absent or null, every type is allowed.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` unless it is a non-empty list of type names.
    pub fn from_option(option: Option<&Value>) -> Result<Self, Error> {
        let option = match option {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(option) => option,
        };
        let names = option.as_array().filter(|names| !names.is_empty());
        let valid = names.and_then(|names| {
            names.iter().map(|name| name.as_str().filter(|name| is_kind(name)).map(str::to_owned)).collect()
        });
        match valid {
            Some(valid) => Ok(Self { valid: Some(valid), ..Self::default() }),
            None => Err(Error::configuration(
                "validIdentifiers must be a non-empty list of type names: lower-case letters, digits, '_' and '-', \
                 beginning with a letter, at most 64 characters",
            )),
        }
    }

    /// Adds the `confusables` option. If it is absent or null, every username is allowed.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` unless it is `allow` or `refuse`.
    pub fn with_confusables(self, option: Option<&Value>) -> Result<Self, Error> {
        let refuses_confusables = match option {
            None | Some(Value::Null) => false,
            Some(word) if word == "allow" => false,
            Some(word) if word == "refuse" => true,
            Some(_) => return Err(Error::configuration("confusables must be 'allow' or 'refuse'")),
        };
        Ok(Self { refuses_confusables, ..self })
    }

    /// Normalizes a new identifier as [`normalize`] does, if these rules allow it.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` if the type is not listed, the value does not fit it, or it is a username that may look like
    /// another and such usernames are refused.
    pub fn normalize(&self, kind: &str, value: &str) -> Result<Normalized, Error> {
        let made = self.normalize_held(kind, value)?;
        if self.refuses_confusables
            && kind == "username"
            && let Some(reason) = confusable::reason(&exact_form(value)?)
        {
            return Err(invalid(reason));
        }
        Ok(made)
    }

    /// Normalizes an identifier that its user has already, which may look like another.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` if the type is not listed or the value does not fit it.
    pub fn normalize_held(&self, kind: &str, value: &str) -> Result<Normalized, Error> {
        match &self.valid {
            Some(valid) if !valid.iter().any(|name| name == kind) => {
                Err(invalid(format!("The identifier type must be one of: {}", valid.join(", "))))
            }
            _ => normalize(kind, value),
        }
    }

    /// Returns the type and the normal form of a value to which a message can go: a single e-mail address, or a phone
    /// number with its country. Digits without a country may be of any type, so no message goes there.
    #[must_use]
    pub fn addressee(&self, value: &str) -> Option<(&'static str, String)> {
        let normalized = |kind| self.normalize(kind, value).ok().map(|found| found.normalized);
        let email = normalized("email").filter(|address| is_mailbox(address)).map(|address| ("email", address));
        let phone = || normalized("phone").filter(|number| number.starts_with('+')).map(|number| ("phone", number));
        email.or_else(phone)
    }
}
