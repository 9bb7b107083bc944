//! The rules for a new password and for its hash (`password` and `saltRounds` options).

use serde_json::{Map, Value};

use super::bcrypt::MAX_BYTES;
use super::blocklist::is_common;
use crate::error::Error;

/// A password hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// bcrypt, at [`Policy::cost`].
    Bcrypt,
    /// Argon2id, m=19456 KiB, t=2, p=1.
    Argon2id,
}

/// The policy for new passwords. Lengths count Unicode code points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The algorithm for new passwords.
    pub algorithm: HashAlgorithm,
    /// The cost of bcrypt, which is the binary logarithm of its rounds. The options allow 10 to 31.
    pub cost: u32,
    /// The least number of code points.
    pub min_length: usize,
    /// The most code points.
    pub max_length: usize,
    /// Whether well-known passwords are refused.
    pub blocklist: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { algorithm: HashAlgorithm::Bcrypt, cost: 12, min_length: 8, max_length: 1024, blocklist: false }
    }
}

impl Policy {
    /// The greatest `maxLength`, in code points.
    pub(crate) const LONGEST: usize = 4096;
    /// The members of the `password` option.
    pub const MEMBERS: &[&'static str] = &["preset", "algorithm", "minLength", "maxLength"];

    /// Reads the `password` option (`{algorithm, minLength, maxLength, preset}`, or the name of a preset) and the
    /// `saltRounds` option. The preset `nist` requires 15 code points, as NIST SP 800-63B-4, 3.1.1.2, does for a
    /// password as the only factor, and refuses well-known passwords. Other members override it.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming the member.
    pub fn from_options(password: Option<&Value>, salt_rounds: Option<&Value>) -> Result<Self, Error> {
        let mut policy = Self::default();
        let none = Map::new();
        let (preset, members) = match password {
            None | Some(Value::Null) => (None, &none),
            Some(Value::Object(members)) => (members.get("preset").filter(|preset| !preset.is_null()), members),
            Some(preset @ Value::String(_)) => (Some(preset), &none),
            Some(_) => return Err(Error::configuration("password must be an object such as {minLength: 10}")),
        };
        match preset.map(Value::as_str) {
            None => {}
            Some(Some("nist")) => (policy.min_length, policy.blocklist) = (15, true),
            Some(_) => return Err(Error::configuration("password.preset must be 'nist'")),
        }
        match members.get("algorithm").filter(|algorithm| !algorithm.is_null()).map(Value::as_str) {
            None | Some(Some("bcrypt")) => {}
            Some(Some("argon2id")) => policy.algorithm = HashAlgorithm::Argon2id,
            Some(_) => return Err(Error::configuration("password.algorithm must be 'bcrypt' or 'argon2id'")),
        }
        if let Some(length) = whole(members.get("minLength"), "password.minLength", 1, 1024)? {
            policy.min_length = length;
        }
        if let Some(length) = whole(members.get("maxLength"), "password.maxLength", 1, Self::LONGEST)? {
            policy.max_length = length;
        }
        if policy.min_length > policy.max_length {
            return Err(Error::configuration("password.minLength must not exceed password.maxLength"));
        }
        if policy.algorithm == HashAlgorithm::Bcrypt && policy.min_length > MAX_BYTES {
            return Err(Error::configuration(
                "password.minLength must be at most 72 with bcrypt, which uses no more; choose algorithm 'argon2id'",
            ));
        }
        if let Some(cost) = whole(salt_rounds, "saltRounds", 10, 31)? {
            policy.cost = u32::try_from(cost).map_err(|_| Error::configuration("saltRounds is out of range"))?;
        }
        Ok(policy)
    }

    /// Checks that `password` may be chosen. `field` names it in the error. The check is cheap, so it is made before
    /// the password is hashed.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with the rule that is not met. It never repeats the password.
    pub fn check(&self, field: &str, password: &str) -> Result<(), Error> {
        if self.is_too_long(password) {
            return Err(Error::validation(
                field,
                format!("The password must not be longer than {} characters", self.max_length),
            ));
        }
        if password.chars().count() < self.min_length {
            return Err(Error::validation(
                field,
                format!("The password must have at least {} characters", self.min_length),
            ));
        }
        self.check_hashable(field, password)?;
        if self.blocklist && is_common(password) {
            return Err(Error::validation(field, "The password is too well known; choose another"));
        }
        Ok(())
    }

    /// Checks that every byte of `password` counts. bcrypt uses 72 bytes. It repeats a shorter password after a NUL, so
    /// `ab` and `ab\0ab` would be the same password.
    pub(super) fn check_hashable(&self, field: &str, password: &str) -> Result<(), Error> {
        if self.algorithm != HashAlgorithm::Bcrypt {
            return Ok(());
        }
        if password.len() > MAX_BYTES {
            return Err(Error::validation(field, "The password must not be longer than 72 bytes"));
        }
        if password.contains('\0') {
            return Err(Error::validation(field, "The password must not hold the NUL character"));
        }
        Ok(())
    }

    /// Whether `password` is longer than the policy allows.
    #[must_use]
    pub fn is_too_long(&self, password: &str) -> bool {
        // Very long texts are refused by their bytes alone, since a code point has at most four.
        password.len() > self.max_length.saturating_mul(4) || password.chars().count() > self.max_length
    }

    /// Returns the highest cost of a stored bcrypt hash that is verified, which is 16, or the policy's own cost if that
    /// is higher.
    pub(crate) fn highest_cost(&self) -> u32 {
        self.cost.max(16)
    }
}

fn whole(value: Option<&Value>, name: &str, least: usize, most: usize) -> Result<Option<usize>, Error> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    // A number that comes from JavaScript may be written 12.0.
    (least..=most)
        .find(|n| value.as_f64().is_some_and(|given| given == *n as f64))
        .map(Some)
        .ok_or_else(|| Error::configuration(format!("{name} must be a whole number from {least} to {most}")))
}
