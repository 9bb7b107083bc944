//! The state of a remote issuer's key set, and the decision whether to use or to fetch it. Other code fetches it.
//!
//! A set is fetched again before it gets old, so that no request of a busy process waits for it. It is used until it is
//! `max_age` old, and for [`STALE_FOR`] longer if no newer set can be fetched. After a failed attempt the present set
//! stays. No answer of an issuer can change these limits.

use std::sync::Arc;

use super::jwks::JwkSet;
use crate::clock::Millis;

/// The least time between two attempts in milliseconds, however many unknown keys tokens name.
pub const RETRY_AFTER: Millis = 30_000;
/// The least time between two attempts in milliseconds while there is no usable set and the issuer can't be reached,
/// since it may be starting.
pub const RETRY_AFTER_UNREACHABLE: Millis = 2_000;
/// The time in milliseconds for which an old set is used if no newer set can be fetched.
pub const STALE_FOR: Millis = 24 * 60 * 60 * 1000;

/// The decision on the key set for a token.
#[derive(Debug, Clone)]
pub enum KeyDecision {
    /// Use this set.
    Use(Arc<JwkSet>),
    /// Use this set, and fetch a newer set for later calls.
    UseAndFetch(Arc<JwkSet>),
    /// Fetch a set first, or wait for the attempt that is in flight.
    Fetch,
    /// Refuse the token. There is no usable set, and it is too early for another attempt.
    Refuse,
}

/// The kind of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFailure {
    /// There was no answer, or an answer after which a later attempt may succeed soon.
    Unreachable,
    /// The answer was no key set, or a refused key set, which will not change soon.
    Refused,
}

/// The state of a remote key set.
#[derive(Debug)]
pub struct RemoteSet {
    max_age: Millis,
    set: Option<Arc<JwkSet>>,
    fetched_at: Millis,
    /// The earliest time for the next attempt.
    next_attempt: Millis,
    in_flight: bool,
    failing: bool,
}

impl RemoteSet {
    /// Makes the state in which nothing is known. A set is replaced when it is `max_age` milliseconds old, at most a
    /// day.
    #[must_use]
    pub fn new(max_age: Millis) -> Self {
        let max_age = max_age.min(STALE_FOR);
        Self { max_age, set: None, fetched_at: 0, next_attempt: Millis::MIN, in_flight: false, failing: false }
    }

    /// Decides whether to use the set or to fetch one, for a token at `now`.
    #[must_use]
    pub fn decide(&self, now: Millis) -> KeyDecision {
        match &self.set {
            Some(set) if self.age(now) < self.refresh_age() => KeyDecision::Use(Arc::clone(set)),
            // The set is due for replacement, or it is old and the last attempt failed. No request waits for the next
            // attempt.
            Some(set) if self.age(now) < self.max_age || (self.failing && self.age(now) < self.end_age()) => {
                let set = Arc::clone(set);
                if self.may_attempt(now) { KeyDecision::UseAndFetch(set) } else { KeyDecision::Use(set) }
            }
            _ if self.in_flight || self.may_attempt(now) => KeyDecision::Fetch,
            // It is too early for another attempt, so the old set stays in use.
            Some(set) if self.age(now) < self.end_age() => KeyDecision::Use(Arc::clone(set)),
            _ => KeyDecision::Refuse,
        }
    }

    /// Whether a token that no key of the set verifies is worth an attempt, or the wait for one in flight.
    #[must_use]
    pub fn may_know_more(&self, now: Millis) -> bool {
        self.in_flight || self.may_attempt(now)
    }

    /// Whether `set`, which [`RemoteSet::decide`] returned, is still the present set.
    #[must_use]
    pub fn is_at(&self, set: &Arc<JwkSet>) -> bool {
        self.set.as_ref().is_some_and(|known| Arc::ptr_eq(known, set))
    }

    /// Whether an attempt is in flight.
    #[must_use]
    pub const fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Whether the last attempt failed. Then a key that is not in the set may exist nevertheless.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failing
    }

    /// Returns the milliseconds until an attempt may begin, at least 1.
    #[must_use]
    pub fn retry_after(&self, now: Millis) -> Millis {
        self.next_attempt.saturating_sub(now).clamp(1, RETRY_AFTER)
    }

    /// Returns the time until which a result that was found with the present set may be cached. 0: not at all.
    #[must_use]
    pub fn fresh_until(&self, now: Millis) -> Millis {
        if self.set.is_none() {
            return 0;
        }
        let refresh_at = self.fetched_at.saturating_add(self.refresh_age());
        let next = if now < refresh_at { refresh_at } else { self.next_attempt };
        next.min(self.fetched_at.saturating_add(self.end_age()))
    }

    /// Begins an attempt if one may begin now, and returns whether it did. The caller then fetches a set, and calls
    /// [`RemoteSet::succeed`] or [`RemoteSet::fail`].
    pub fn begin(&mut self, now: Millis) -> bool {
        let may = self.may_attempt(now);
        if may {
            self.in_flight = true;
            self.next_attempt = now.saturating_add(RETRY_AFTER);
        }
        may
    }

    /// Ends an attempt that began at `began_at` with a set. Returns whether the set is new.
    pub fn succeed(&mut self, set: Arc<JwkSet>, began_at: Millis) -> bool {
        let is_new = self.set.as_ref().is_none_or(|known| !known.is_same(&set));
        if is_new {
            self.set = Some(set);
        }
        self.fetched_at = began_at;
        self.in_flight = false;
        self.failing = false;
        is_new
    }

    /// Ends an attempt without a set, at `now`.
    pub fn fail(&mut self, how: FetchFailure, now: Millis) {
        self.in_flight = false;
        self.failing = true;
        let is_bare = self.set.is_none() || self.age(now) >= self.end_age();
        if how == FetchFailure::Unreachable && is_bare {
            self.next_attempt = now.saturating_add(RETRY_AFTER_UNREACHABLE);
        }
    }

    /// The age from which a set is replaced in the background, at three quarters of its life.
    const fn refresh_age(&self) -> Millis {
        self.max_age / 4 * 3
    }

    /// The age from which a set must not be used.
    const fn end_age(&self) -> Millis {
        self.max_age + STALE_FOR
    }

    /// Returns the age of the set. A set from the future was fetched by a wrong clock, and counts as due for
    /// replacement.
    fn age(&self, now: Millis) -> Millis {
        let age = now.saturating_sub(self.fetched_at);
        if age < -RETRY_AFTER { self.refresh_age() } else { age }
    }

    /// Whether an attempt may begin. A clock that was set back must not prevent attempts for that long.
    fn may_attempt(&self, now: Millis) -> bool {
        let early = self.next_attempt.saturating_sub(now);
        !self.in_flight && (early <= 0 || early > 2 * RETRY_AFTER)
    }
}
