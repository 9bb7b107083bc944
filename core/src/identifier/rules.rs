//! The identifiers that an application's options allow.

use serde_json::Value;

use super::{Normalized, confusable, exact_form, invalid, is_kind, is_mailbox, normalize};
use crate::error::Error;

/// Which identifiers are allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentifierRules {
    valid: Option<Vec<String>>,
    refuses_confusables: bool,
}

impl IdentifierRules {
    /// Reads the `validIdentifiers` option; absent or null allows every type.
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

    /// These with the `confusables` option; absent or null allows every username.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` unless it is one of its words.
    pub fn with_confusables(self, option: Option<&Value>) -> Result<Self, Error> {
        let refuses_confusables = match option {
            None | Some(Value::Null) => false,
            Some(word) if word == "allow" => false,
            Some(word) if word == "refuse" => true,
            Some(_) => return Err(Error::configuration("confusables must be 'allow' or 'refuse'")),
        };
        Ok(Self { refuses_confusables, ..self })
    }

    /// [`normalize`], for a new identifier of an allowed type only.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the type is not listed, the value does not fit it, or it is a username that may pass for
    /// another one where those are refused.
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

    /// The same for one that its user has already.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the type is not listed or the value does not fit it.
    pub fn normalize_held(&self, kind: &str, value: &str) -> Result<Normalized, Error> {
        match &self.valid {
            Some(valid) if !valid.iter().any(|name| name == kind) => {
                Err(invalid(format!("The identifier type must be one of: {}", valid.join(", "))))
            }
            _ => normalize(kind, value),
        }
    }

    /// The type and the normal form of a value that a message can go to: one e-mail address, or a phone number with its
    /// country. Digits without a country are open to every type, so nobody knows whose they are.
    #[must_use]
    pub fn addressee(&self, value: &str) -> Option<(&'static str, String)> {
        let normalized = |kind| self.normalize(kind, value).ok().map(|found| found.normalized);
        let email = normalized("email").filter(|address| is_mailbox(address)).map(|address| ("email", address));
        let phone = || normalized("phone").filter(|number| number.starts_with('+')).map(|number| ("phone", number));
        email.or_else(phone)
    }
}
