//! Lifetimes of tokens and sessions, and the interval of session checks.

use std::time::Duration;

use serde_json::Value;

use super::reader::Reader;
use super::time::{DAY, MINUTE, millis};
use crate::clock::Millis;
use crate::error::Error;
use crate::session::SessionRules;

/// The occasions on which `protect()` reads the session's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCheck {
    /// Never: the signature alone decides.
    Off,
    /// If the last read is older than this many milliseconds. With 0 it reads at every request.
    MaxAge(Millis),
}

pub(super) fn lifetimes(read: &mut Reader<'_>, warnings: &mut Vec<String>) -> Result<(Millis, SessionRules), Error> {
    let access = read.duration("accessExpiresIn", 15 * MINUTE)?;
    let idle = read.duration("refreshExpiresIn", 7 * DAY)?;
    let max_age = read.duration("sessionMaxAge", (90 * DAY).max(idle))?;
    let grace = read.zero_or_duration("refreshGrace", Duration::from_secs(10))?;
    for (name, value) in [("accessExpiresIn", access), ("refreshExpiresIn", idle)] {
        if value < Duration::from_secs(1) {
            return Err(read.error(name, "must be at least 1s"));
        }
    }
    if max_age < idle {
        return Err(read.error("sessionMaxAge", "must not be shorter than refreshExpiresIn"));
    }
    if access > idle {
        warnings
            .push("accessExpiresIn is longer than refreshExpiresIn: a session ends before its access token".to_owned());
    }
    Ok((millis(access), SessionRules { idle: millis(idle), max_age: millis(max_age), grace: millis(grace) }))
}

pub(super) fn session_check(read: &mut Reader<'_>) -> Result<SessionCheck, Error> {
    match read.value("sessionCheck") {
        None | Some(Value::Bool(true)) => Ok(SessionCheck::MaxAge(5_000)),
        Some(Value::Bool(false)) => Ok(SessionCheck::Off),
        Some(object) => {
            let mut read = Reader::new("sessionCheck", object)?;
            let max_age = read.zero_or_duration("maxAge", Duration::from_secs(5))?;
            read.finish()?;
            Ok(SessionCheck::MaxAge(millis(max_age)))
        }
    }
}
