//! The key set of a remote issuer, as a state, and the decision on it at an instant. Fetching is done elsewhere.
//!
//! A set is looked for again before it gets old, so in a busy process no request waits for it; it is used until it is
//! `max_age` old, and for [`STALE_FOR`] beyond that while no newer set can be had. After any failed attempt the set at
//! hand stays. No answer of an issuer can move these limits.

use std::sync::Arc;

use super::jwks::JwkSet;
use crate::clock::Millis;

/// Between two attempts: tokens may name as many unknown keys as they like.
pub const RETRY_AFTER: Millis = 30_000;
/// Between two attempts while there is no set to use at all and the issuer can't be reached: it may be starting up.
pub const RETRY_AFTER_UNREACHABLE: Millis = 2_000;
/// The time for which an old set is used when no newer one can be had.
pub const STALE_FOR: Millis = 24 * 60 * 60 * 1000;

/// The keys to verify with.
#[derive(Debug, Clone)]
pub enum KeyDecision {
    /// This set.
    Use(Arc<JwkSet>),
    /// This set, while a newer set is fetched for later calls.
    UseAndFetch(Arc<JwkSet>),
    /// A set that is to be fetched first, or that is being fetched.
    Fetch,
    /// Nothing: there is no set to trust, and it is too early to ask for one again.
    Refuse,
}

/// The end of an attempt that brought no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFailure {
    /// No answer, or an answer that asks to come again: it may work any moment.
    Unreachable,
    /// An answer that is no key set, or a refused key set: it will not mend itself soon.
    Refused,
}

/// The knowledge of a remote key set.
#[derive(Debug)]
pub struct RemoteSet {
    max_age: Millis,
    set: Option<Arc<JwkSet>>,
    fetched_at: Millis,
    /// The earliest begin of the next attempt.
    next_attempt: Millis,
    in_flight: bool,
    failing: bool,
}

impl RemoteSet {
    /// Nothing known. A set is to be replaced when it is `max_age` milliseconds old, a day at most.
    #[must_use]
    pub fn new(max_age: Millis) -> Self {
        let max_age = max_age.min(STALE_FOR);
        Self { max_age, set: None, fetched_at: 0, next_attempt: Millis::MIN, in_flight: false, failing: false }
    }

    /// Decides on the set and a fetch for a token at `now`.
    #[must_use]
    pub fn decide(&self, now: Millis) -> KeyDecision {
        match &self.set {
            Some(set) if self.age(now) < self.refresh_age() => KeyDecision::Use(Arc::clone(set)),
            // Old, and an attempt to replace it failed of late: no request waits for the next attempt.
            Some(set) if self.age(now) < self.max_age || (self.failing && self.age(now) < self.end_age()) => {
                let set = Arc::clone(set);
                if self.may_attempt(now) { KeyDecision::UseAndFetch(set) } else { KeyDecision::Use(set) }
            }
            _ if self.in_flight || self.may_attempt(now) => KeyDecision::Fetch,
            // The attempt was of late and without success, so what there is goes on.
            Some(set) if self.age(now) < self.end_age() => KeyDecision::Use(Arc::clone(set)),
            _ => KeyDecision::Refuse,
        }
    }

    /// Whether a token that no key of the set is for, or none verified, is worth an attempt or the wait for one.
    #[must_use]
    pub fn may_know_more(&self, now: Millis) -> bool {
        self.in_flight || self.may_attempt(now)
    }

    /// Whether `set`, which [`RemoteSet::decide`] gave, is still at hand.
    #[must_use]
    pub fn is_at(&self, set: &Arc<JwkSet>) -> bool {
        self.set.as_ref().is_some_and(|known| Arc::ptr_eq(known, set))
    }

    /// Whether an attempt is under way.
    #[must_use]
    pub const fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Whether the last attempt failed: then a key that is not in the set may exist all the same.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failing
    }

    /// In how many milliseconds, at least one, an attempt may begin.
    #[must_use]
    pub fn retry_after(&self, now: Millis) -> Millis {
        self.next_attempt.saturating_sub(now).clamp(1, RETRY_AFTER)
    }

    /// Until when a verdict made with the set at hand may be repeated without asking here again; 0: not at all.
    #[must_use]
    pub fn fresh_until(&self, now: Millis) -> Millis {
        if self.set.is_none() {
            return 0;
        }
        let refresh_at = self.fetched_at.saturating_add(self.refresh_age());
        let next = if now < refresh_at { refresh_at } else { self.next_attempt };
        next.min(self.fetched_at.saturating_add(self.end_age()))
    }

    /// Begins an attempt, if one may begin now; the caller fetches and then calls [`RemoteSet::succeed`] or
    /// [`RemoteSet::fail`].
    pub fn begin(&mut self, now: Millis) -> bool {
        let may = self.may_attempt(now);
        if may {
            self.in_flight = true;
            self.next_attempt = now.saturating_add(RETRY_AFTER);
        }
        may
    }

    /// Ends an attempt that began at `began_at` with a set. `true` if the set is new.
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

    /// A quarter of its life is left for attempts in the background.
    const fn refresh_age(&self) -> Millis {
        self.max_age / 4 * 3
    }

    /// The age from which a set is useless.
    const fn end_age(&self) -> Millis {
        self.max_age + STALE_FOR
    }

    /// A set from the future was fetched before the clock was put right; it counts as due.
    fn age(&self, now: Millis) -> Millis {
        let age = now.saturating_sub(self.fetched_at);
        if age < -RETRY_AFTER { self.refresh_age() } else { age }
    }

    /// A clock that was put back must not silence attempts for as long as it went back.
    fn may_attempt(&self, now: Millis) -> bool {
        let early = self.next_attempt.saturating_sub(now);
        !self.in_flight && (early <= 0 || early > 2 * RETRY_AFTER)
    }
}
