//! The options for the time in which the shared Redis is unavailable.

use std::time::Duration;

use serde_json::Value;

use crate::duration;
use crate::error::Error;

pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// The longest patience. It is much shorter than the time for which a request in flight holds its key
/// ([`super::IN_FLIGHT`]), since the request holds the key while it waits.
const LONGEST_PATIENCE: Duration = Duration::from_secs(30);

/// The treatment of requests while the shared answers are unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRedisAway {
    /// A request runs at most once in each process.
    Local,
    /// A request is refused.
    Refuse,
}

impl OnRedisAway {
    pub(super) fn read(choice: &Value) -> Result<Self, Error> {
        match choice.as_str() {
            Some("local") => Ok(Self::Local),
            Some("refuse") => Ok(Self::Refuse),
            _ => Err(Error::configuration("onRedisAway must be 'local' or 'refuse'")),
        }
    }
}

/// Reads `redisPatience`, a duration such as `2s` or a number of milliseconds.
pub(super) fn read_patience(patience: &Value) -> Result<Duration, Error> {
    let length = match patience {
        Value::String(_) => duration::parse(patience).ok(),
        _ if patience.as_f64() == Some(0.0) => Some(Duration::ZERO),
        _ => whole(patience).map(Duration::from_millis),
    };
    length.filter(|length| *length <= LONGEST_PATIENCE).ok_or_else(|| {
        Error::configuration(
            "redisPatience must be a duration such as '2s', or a whole number of milliseconds, and 30 s at most",
        )
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
pub(super) fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (1.0..=9.0e15).contains(&number)).then_some(number as u64)
}
