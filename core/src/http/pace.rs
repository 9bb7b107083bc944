//! Delays answers, so that their time does not reveal whether an account has an identifier.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Response;
use crate::error::ErrorCode;
use crate::failure::Failure;
use crate::service::Realm;

/// The step for requests of a message. It is longer than such an answer takes, unless the machine or the database is
/// very busy.
const STEP: Duration = Duration::from_millis(50);
/// The step for logins. It is much longer than the difference between two failed logins, of which the one that finds a
/// user reads a row more, and too short for a user who mistypes a password to notice.
const STEP_OF_LOGIN: Duration = Duration::from_millis(10);

/// The start of a request that is answered only after whole steps of time. The work with and without an account differs
/// by microseconds, which an average over many requests would reveal (OWASP Forgot Password Cheat Sheet, "in a
/// consistent amount of time").
pub(in crate::http) struct Pace {
    begun: Instant,
    answers: Answers,
}

/// The answers that are delayed.
#[derive(Clone, Copy)]
enum Answers {
    /// Successes, which must not reveal whether the identifier exists. A refusal is not delayed.
    Successes,
    /// Answers to a wrong password. Other answers are not delayed.
    WrongPasswords,
}

impl Pace {
    /// Starts now, for an answer that is the same with and without an account. `None`: a test clock is set, which
    /// production refuses, and nothing is delayed.
    pub fn begin(realm: &Realm) -> Option<Self> {
        Self::of(realm, Answers::Successes)
    }

    /// Starts now, for a login.
    pub fn of_login(realm: &Realm) -> Option<Self> {
        Self::of(realm, Answers::WrongPasswords)
    }

    fn of(realm: &Realm, answers: Answers) -> Option<Self> {
        (!realm.clock.is_set_by_hand()).then(|| Self { begun: Instant::now(), answers })
    }

    /// Whether an answer must be delayed.
    pub fn holds(&self, answer: &Result<Response, Failure>) -> bool {
        match (self.answers, answer) {
            (Answers::Successes, Ok(_)) => true,
            (Answers::WrongPasswords, Err(Failure::Refused(error))) => error.is(ErrorCode::InvalidCredentials),
            _ => false,
        }
    }

    /// Waits until the end of the present step. It is called when all work is done.
    pub async fn end(self) {
        let step = match self.answers {
            Answers::Successes => STEP,
            Answers::WrongPasswords => STEP_OF_LOGIN,
        };
        sleep_until(self.begun + whole_steps(self.begun.elapsed(), step)).await;
    }
}

/// Rounds `elapsed` up to whole steps, at least to a single step.
fn whole_steps(elapsed: Duration, step: Duration) -> Duration {
    let steps = elapsed.as_nanos().div_ceil(step.as_nanos()).max(1);
    step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Answers, Pace};
    use crate::error::ErrorCode;
    use crate::failure::Failure;
    use crate::http::Response;

    #[test]
    fn a_right_password_and_other_refusals_do_not_wait() {
        let begun = tokio::time::Instant::now();
        let (login, message) =
            (Pace { begun, answers: Answers::WrongPasswords }, Pace { begun, answers: Answers::Successes });
        for (answer, of_login, of_message) in [
            (Ok(Response::default()), false, true),
            (Err(Failure::from(ErrorCode::InvalidCredentials)), true, false),
            (Err(Failure::from(ErrorCode::MfaRequired)), false, false),
            (Err(Failure::from(ErrorCode::RateLimitExceeded)), false, false),
            (Err(Failure::HashQueueFull), false, false),
        ] {
            assert_eq!((login.holds(&answer), message.holds(&answer)), (of_login, of_message));
        }
    }
}
