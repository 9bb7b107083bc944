//! Counted attempts. An attempt takes a place in a bucket, or places in several buckets that are settled together.

use std::time::Duration;

use super::{Realm, Trail};
use crate::cache::LimitVerdict;
use crate::cache::Settlement::{self, Counted, Refunded, Reset};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::limit::{self, Budget, LimitRules};

/// One counted attempt, to be settled when its outcome is known.
pub(crate) struct Attempt<'a> {
    realm: &'a Realm,
    key: Option<String>,
}

impl<'a> Attempt<'a> {
    /// Takes a place in the bucket `key`. Without a key or without limits it counts nothing.
    pub(crate) async fn begin(
        realm: &'a Realm,
        key: Option<&str>,
        budget: impl Fn(&LimitRules) -> Budget,
        policy: &str,
        trail: &mut Trail,
    ) -> Result<Self, Failure> {
        let (Some(limits), Some(key)) = (&realm.config.rate_limits, key) else { return Ok(Self { realm, key: None }) };
        let budget = budget(limits);
        match Self::ask(realm, key, budget).await {
            Ok(attempt) => Ok(attempt),
            Err(retry_after) => {
                trail.note(EventName::RateLimitExceeded, |event| {
                    event.with("limit", policy).with("retryAfter", limit::seconds_up(retry_after))
                });
                Err(limit::exceeded(policy, budget, retry_after).into())
            }
        }
    }

    /// Takes a place in the bucket `key`, or returns the time after which there may be a place.
    async fn ask(realm: &'a Realm, key: &str, budget: Budget) -> Result<Self, Duration> {
        match realm.cache.begin(key, budget).await {
            LimitVerdict::Granted { .. } => Ok(Self { realm, key: Some(key.to_owned()) }),
            LimitVerdict::Exceeded { retry_after } => Err(retry_after),
        }
    }

    /// Settles the attempt.
    pub(crate) async fn settle(&self, settlement: Settlement) {
        if let Some(key) = &self.key {
            self.realm.cache.settle(key, settlement).await;
        }
    }
}

/// Extra places beyond a budget, so that an attempt is granted despite earlier attempts.
const ROOM: u32 = 1_000;

/// Clears a bucket of `budget`. Only a granted attempt can be settled as a reset, so this takes a place first.
pub(crate) async fn clear(realm: &Realm, key: &str, budget: Budget) {
    let room = Budget { limit: budget.limit.saturating_add(ROOM), ..budget };
    if let Ok(attempt) = Attempt::ask(realm, key, room).await {
        attempt.settle(Reset).await;
    }
}

/// The result of a guess at a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// The secret is right.
    Right,
    /// The secret is right, and more is asked for.
    Challenged,
    /// The secret is wrong.
    Wrong,
    /// Something else failed, so nothing is known of the secret.
    Unknown,
}

impl Guess {
    /// Returns the result of the guess in a use case that ended in `outcome`.
    pub(crate) fn of<T>(outcome: &Result<T, Failure>) -> Self {
        match outcome {
            Ok(_) => Self::Right,
            Err(Failure::Refused(error)) if says_right(error) => Self::Right,
            Err(Failure::Refused(error)) if error.is(ErrorCode::InvalidCredentials) => Self::Wrong,
            Err(Failure::Refused(error)) if error.is(ErrorCode::MfaRequired) => Self::Challenged,
            Err(_) => Self::Unknown,
        }
    }
}

/// Whether a refusal says that the secret was right.
fn says_right(error: &Error) -> bool {
    error.is(ErrorCode::IdentifierUnverified) || error.is(ErrorCode::AccountDisabled)
}

/// The effects that the results of guesses have on one bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effects {
    right: Settlement,
    challenged: Settlement,
    wrong: Settlement,
}

impl Effects {
    const fn of(right: Settlement, challenged: Settlement, wrong: Settlement) -> Self {
        Self { right, challenged, wrong }
    }
}

/// Counts wrong guesses; a right guess changes nothing.
pub(crate) const WRONG: Effects = Effects::of(Refunded, Refunded, Counted);
/// Counts wrong guesses, and right guesses that did not lead to a session; a login that led to a session changes
/// nothing.
pub(crate) const INCOMPLETE: Effects = Effects::of(Refunded, Counted, Counted);
/// Counts wrong guesses, and right guesses that led to no session. A guess that leads to a session clears the bucket.
pub(crate) const WRONG_IN_A_ROW: Effects = Effects::of(Reset, Counted, Counted);
/// Counts right guesses alone.
pub(crate) const RIGHT: Effects = Effects::of(Counted, Counted, Refunded);

/// Places of a guess in several buckets.
pub(crate) struct Attempts<'a> {
    realm: &'a Realm,
    policy: &'static str,
    places: Vec<(Attempt<'a>, Effects)>,
}

impl<'a> Attempts<'a> {
    /// Begins a guess without a place. `policy` is the name that refusals carry.
    pub(crate) const fn new(realm: &'a Realm, policy: &'static str) -> Self {
        Self { realm, policy, places: Vec::new() }
    }

    /// Takes one more place. A refusal gives back all places that were taken before.
    pub(crate) async fn begin(
        &mut self,
        key: &str,
        budget: impl Fn(&LimitRules) -> Budget,
        effects: Effects,
        trail: &mut Trail,
    ) -> Result<(), Failure> {
        match Attempt::begin(self.realm, Some(key), budget, self.policy, trail).await {
            Ok(place) => {
                self.places.push((place, effects));
                Ok(())
            }
            Err(refused) => {
                self.settle(Guess::Unknown).await;
                Err(refused)
            }
        }
    }

    /// Takes one more place if the bucket has one, and returns whether it did. A full bucket neither refuses nor logs,
    /// since another bucket decides then.
    pub(crate) async fn begin_if_free(&mut self, key: &str, budget: Budget, effects: Effects) -> bool {
        let place = Attempt::ask(self.realm, key, budget).await.ok();
        let is_free = place.is_some();
        self.places.extend(place.map(|place| (place, effects)));
        is_free
    }

    /// Settles all places by the result of the guess, the last place first.
    pub(crate) async fn settle(&mut self, guess: Guess) {
        while let Some((place, effects)) = self.places.pop() {
            let settlement = match guess {
                Guess::Right => effects.right,
                Guess::Challenged => effects.challenged,
                Guess::Wrong => effects.wrong,
                Guess::Unknown => Refunded,
            };
            place.settle(settlement).await;
        }
    }
}
