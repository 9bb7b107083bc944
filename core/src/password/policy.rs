//! What a new password must be, and how it is hashed.

use serde_json::Value;

use super::blocklist;
use crate::config::reader::Reader;
use crate::error::Error;

/// The most that bcrypt reads of a password, in bytes.
pub const BCRYPT_MAX_BYTES: usize = 72;

/// How new hashes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// bcrypt `$2b$` with this cost, 10 to 31.
    Bcrypt {
        /// log2 of the rounds.
        cost: u32,
    },
    /// argon2id with the parameters of the OWASP cheat sheet: m=19456 KiB, t=2, p=1.
    Argon2id,
}

/// The rules for new passwords. Lengths are Unicode code points (NIST SP 800-63B-4, 3.1.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How new hashes are made.
    pub algorithm: Algorithm,
    /// At least so many code points.
    pub min_length: usize,
    /// At most so many code points.
    pub max_length: usize,
    /// Whether common passwords are refused.
    pub blocklist: bool,
}

impl Policy {
    /// Reads the option `password`; `cost` comes from `saltRounds`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn from_options(options: Option<&Value>, cost: u32) -> Result<Self, Error> {
        let mut policy =
            Self { algorithm: Algorithm::Bcrypt { cost }, min_length: 8, max_length: 1024, blocklist: false };
        let Some(options) = options else { return Ok(policy) };
        let mut read = Reader::new("password", options)?;
        match read.string("preset")? {
            None => {}
            Some("nist") => {
                policy.min_length = 15;
                policy.blocklist = true;
            }
            Some(_) => return Err(read.error("preset", "must be 'nist'")),
        }
        match read.string("algorithm")? {
            None | Some("bcrypt") => {}
            Some("argon2id") => policy.algorithm = Algorithm::Argon2id,
            Some(_) => return Err(read.error("algorithm", "must be 'bcrypt' or 'argon2id'")),
        }
        let least = u32::try_from(policy.min_length).unwrap_or(8);
        policy.min_length = read.integer("minLength", least, 1..=1024)? as usize;
        policy.max_length = read.integer("maxLength", 1024, 1..=1024)? as usize;
        read.finish()?;
        if policy.max_length < policy.min_length {
            return Err(read_error("password.maxLength must not be below password.minLength"));
        }
        Ok(policy)
    }

    /// Checks that a password is short enough to be looked at at all; done before any hashing.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn check_length(&self, password: &str) -> Result<(), Error> {
        if password.len() > self.max_length * 4 || password.chars().count() > self.max_length {
            let message = format!("password must have at most {} characters", self.max_length);
            return Err(Error::validation("password", message));
        }
        Ok(())
    }

    /// Checks a new password. Nothing of it is ever cut off.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that says which rule it breaks.
    pub fn check_new(&self, password: &str) -> Result<(), Error> {
        self.check_length(password)?;
        if password.chars().count() < self.min_length {
            let message = format!("password must have at least {} characters", self.min_length);
            return Err(Error::validation("password", message));
        }
        if matches!(self.algorithm, Algorithm::Bcrypt { .. }) {
            if password.len() > BCRYPT_MAX_BYTES {
                let message = format!("password must have at most {BCRYPT_MAX_BYTES} bytes in UTF-8");
                return Err(Error::validation("password", message));
            }
            // Other implementations of bcrypt stop at the first NUL.
            if password.contains('\0') {
                return Err(Error::validation("password", "password must not contain NUL"));
            }
        }
        if self.blocklist && blocklist::contains(password) {
            let message = "password is among the most common ones: choose another";
            return Err(Error::validation("password", message));
        }
        Ok(())
    }
}

fn read_error(message: &str) -> Error {
    Error::configuration(message)
}
