//! The start of a server. `migrate()` and `ready()` wait for a database that is still starting.
//!
//! The wait is divided into slices, so that the host can report it and can stop. A slice returns a line to print, and
//! the arguments of the next call.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::AuthServer;
use crate::duration;
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::failure::{Failure, StoreError};
use crate::service::keys;

/// The default time for which the start waits.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// The longest time between two printed lines.
const SLICE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(250);
/// The longest wait of a server that has started for keys that another process made. The database may be away.
const LOOK: Duration = Duration::from_secs(2);
/// The time after a failed attempt in which requests are refused at once. It is longer than a pause and an attempt.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// The two calls that wait for the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Migrate,
    Ready,
}

impl AuthServer {
    /// Runs a slice of a start, for at most the time `wait` of `options`. Returns `null` when the start is done, or
    /// `{waiting, again}`, a line to print and the options of the next call.
    pub(crate) async fn start(&self, start: Start, options: &Value) -> Result<Value, Error> {
        let wait = wait_from(options.get("wait"))?;
        let goes_on = options.get("goesOn").and_then(Value::as_bool).unwrap_or(false);
        let started = Instant::now();
        if goes_on {
            self.note_failure();
        }
        loop {
            let failure = match self.attempt(start).await {
                Ok(()) => {
                    *self.0.failed_at.lock() = None;
                    return Ok(Value::Null);
                }
                Err(failure) => failure,
            };
            let Some(cause) = passing(&failure).filter(|_| !self.0.closed.load(Ordering::Acquire)) else {
                return Err(self.public(failure));
            };
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                *self.0.failed_at.lock() = None;
                return Err(at_the_end(self.public(failure)));
            }
            self.note_failure();
            if !goes_on || started.elapsed() >= SLICE {
                return Ok(self.slice(cause, left));
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
    }

    async fn attempt(&self, start: Start) -> Result<(), Failure> {
        match start {
            Start::Migrate => self.migrate_once().await,
            Start::Ready => {
                self.get_ready().await?;
                // What signs by the host's own hand waits for no look: whoever does so seldom calls this before.
                keys::catch_up_within(self.realm(), LOOK).await;
                Ok(())
            }
        }
    }

    fn note_failure(&self) {
        *self.0.failed_at.lock() = Some(Instant::now());
    }

    /// Whether a start failed recently and goes on trying, so that a request need not try too.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.failed_at.lock().is_some_and(|at| at.elapsed() < KNOWN_FOR)
    }

    fn slice(&self, cause: &str, left: Duration) -> Value {
        let what = refusal(cause).map_or_else(String::new, |what| format!("{what}: "));
        let line = format!("waiting for the database, {} s left: {what}{cause}", left.as_secs().max(1));
        self.realm().note_in_background(
            Event::new(EventName::HookFailure).with("hook", "database").with("cause", line.as_str()),
        );
        json!({ "waiting": line, "again": { "wait": format!("{}ms", left.as_millis().max(1)), "goesOn": true } })
    }
}

/// Reads `wait`, a duration, or 0 for a single attempt.
fn wait_from(value: Option<&Value>) -> Result<Duration, Error> {
    match value {
        None | Some(Value::Null) => Ok(DEFAULT_WAIT),
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => Ok(Duration::ZERO),
        Some(Value::String(text)) if matches!(text.trim(), "0" | "0s") => Ok(Duration::ZERO),
        Some(value) => {
            duration::parse(value).map_err(|problem| Error::configuration(format!("wait {problem}, or 0 for no wait")))
        }
    }
}

/// Returns the cause of a failure that may pass with time. A file that can't be opened is no such failure.
fn passing(failure: &Failure) -> Option<&str> {
    match failure {
        Failure::Store(StoreError::Unavailable(cause) | StoreError::Conflict(cause)) => Some(cause.as_str()),
        _ => None,
    }
    .filter(|cause| !cause.starts_with("cannot open the SQLite file"))
}

/// Returns which part of the option `db` the database refuses, by the error code in the cause.
fn refusal(cause: &str) -> Option<&'static str> {
    let code = cause.split(':').next().unwrap_or_default();
    Some(match code {
        "28P01" => "db has a wrong password, or its role does not exist",
        "28000" => "db names a role that does not exist or may not log in",
        "3D000" | "1049" => "db names a database that does not exist",
        "1044" => "db names a role without access to the database",
        "1045" => "db has a wrong user or password",
        "1130" => "the database does not let this host in",
        _ if ["failed to lookup address", "ENOTFOUND", "EAI_AGAIN"].iter().any(|word| cause.contains(word)) => {
            "db names an unknown host"
        }
        _ => return None,
    })
}

/// Returns the error when the wait is over. It is a `CONFIGURATION_ERROR` if the database refuses a part of the option
/// `db`.
fn at_the_end(error: Error) -> Error {
    let cause = error.details.as_ref().and_then(|details| details.get("cause")).and_then(Value::as_str);
    match cause.and_then(|cause| refusal(cause).map(|what| format!("{what} ({cause})"))) {
        Some(message) => Error { details: error.details, ..Error::configuration(message) },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Duration, refusal, wait_from};

    #[test]
    fn what_is_refused_is_named() {
        for (cause, word) in [
            ("28P01: password authentication failed for user \"app\"", "password"),
            ("28000: role \"app\" does not exist", "role"),
            ("3D000: database \"x\" does not exist", "database"),
            ("1045: Access denied for user 'app'@'h' (using password: YES)", "password"),
            ("1049: Unknown database 'x'", "database"),
            ("error connecting: failed to lookup address information: Name or service not known", "unknown host"),
        ] {
            assert!(refusal(cause).unwrap().contains(word), "{cause}");
        }
        assert_eq!(refusal("57P03: the database system is starting up"), None);
    }

    #[test]
    fn the_wait_is_a_duration_or_none() {
        assert_eq!(wait_from(None).unwrap(), Duration::from_secs(30));
        assert_eq!(wait_from(Some(&json!("1m"))).unwrap(), Duration::from_secs(60));
        for none in [json!(0), json!("0"), json!("0s")] {
            assert_eq!(wait_from(Some(&none)).unwrap(), Duration::ZERO);
        }
        assert!(wait_from(Some(&json!("30"))).unwrap_err().message.starts_with("wait is ambiguous"));
    }
}
