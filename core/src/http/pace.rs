//! The time of an answer that must not reveal whether an account has an identifier.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Response;
use crate::error::ErrorCode;
use crate::failure::Failure;
use crate::service::Realm;

/// Longer than the answer to a request of a message takes, but on a machine or a database that is very busy.
const STEP: Duration = Duration::from_millis(50);
/// Much longer than the difference between two failed logins (a login that finds a user reads one row more), and too
/// short to notice for a user who mistypes a password.
const STEP_OF_LOGIN: Duration = Duration::from_millis(10);

/// The beginning of a request that is answered after whole steps of time: the work with and without an account differs
/// by microseconds, which an average over many requests would show (OWASP Forgot Password Cheat Sheet: answers "in a
/// consistent amount of time").
pub(in crate::http) struct Pace {
    begun: Instant,
    answers: Answers,
}

/// The answers that wait.
#[derive(Clone, Copy)]
enum Answers {
    /// Those that say nothing of the identifier. A refusal does not wait.
    Successes,
    /// Those to a wrong password. A right one does not wait.
    WrongPasswords,
}

impl Pace {
    /// Begins now, for an answer that is the same with and without an account. With a test clock, which production
    /// refuses, nothing waits.
    pub fn begin(realm: &Realm) -> Option<Self> {
        Self::of(realm, Answers::Successes)
    }

    /// Begins now, for a login.
    pub fn of_login(realm: &Realm) -> Option<Self> {
        Self::of(realm, Answers::WrongPasswords)
    }

    fn of(realm: &Realm, answers: Answers) -> Option<Self> {
        (!realm.clock.is_set_by_hand()).then(|| Self { begun: Instant::now(), answers })
    }

    /// Whether an answer waits.
    pub fn holds(&self, answer: &Result<Response, Failure>) -> bool {
        match (self.answers, answer) {
            (Answers::Successes, Ok(_)) => true,
            (Answers::WrongPasswords, Err(Failure::Refused(error))) => error.is(ErrorCode::InvalidCredentials),
            _ => false,
        }
    }

    /// Waits for the end of the step, when all work is done.
    pub async fn end(self) {
        let step = match self.answers {
            Answers::Successes => STEP,
            Answers::WrongPasswords => STEP_OF_LOGIN,
        };
        sleep_until(self.begun + whole_steps(self.begun.elapsed(), step)).await;
    }
}

/// The time of as many whole steps as hold `elapsed`, at least a single step.
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
