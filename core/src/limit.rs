//! Rate limits: the state of a bucket and its transitions, the keys of buckets, and the headers that report a limit.
//!
//! This module only decides; `cache` stores buckets and waits. A bucket counts attempts in a window that begins with
//! the first attempt. An attempt that was granted is in flight until it is settled, and holds its place meanwhile, so
//! that of any number of parallel attempts never more than the limit are granted.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Millis;
use crate::error::Error;

mod device;
mod headers;
mod key;
mod route;

pub use device::*;
pub use headers::*;
pub use key::*;
pub use route::*;

/// The time in milliseconds after which an attempt that was not settled counts as failed, since its caller must be
/// gone.
pub const UNSETTLED_AFTER: Millis = 30_000;

/// The factor by which the limit of a client address is larger than that of an account, since many people may share an
/// address.
pub const ADDRESS_FACTOR: u32 = 10;

/// The decision of a counter on an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitVerdict {
    /// The attempt may go on. It holds a place until it is settled.
    Granted {
        /// Attempts left in the window after this one.
        remaining: u32,
        /// The time until the window ends.
        resets_in: Duration,
    },
    /// The budget is spent, or unsettled attempts kept every free place.
    Exceeded {
        /// The time until the window ends, or a second if only unsettled attempts were in the way. Never zero.
        retry_after: Duration,
    },
}

/// A fixed-window budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Attempts allowed in a window, at least 1.
    pub limit: u32,
    /// Length of the window, from the first counted attempt on.
    pub window: Duration,
}

/// The way in which a granted attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It stays counted.
    Counted,
    /// It is not counted, as if it had never been made, for a failure that was not the caller's.
    Refunded,
    /// The whole bucket is emptied, after a login that succeeded.
    Reset,
}

/// The state of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Attempts that stay counted in this window.
    pub count: u32,
    /// Attempts that are granted and not settled yet.
    pub in_flight: u32,
    /// The limit as of the last attempt.
    pub limit: u32,
    /// The end of the window.
    pub ends_at: Millis,
    /// The time at which an attempt was last granted.
    pub granted_at: Millis,
}

/// The answer of a bucket to the request for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketAnswer {
    /// The verdict.
    Done(LimitVerdict),
    /// Attempts in flight hold every free place. Ask again when an attempt is settled.
    Wait,
}

impl Bucket {
    /// Makes an empty bucket whose window begins at `now`.
    #[must_use]
    pub fn new(budget: Budget, now: Millis) -> Self {
        Self { count: 0, in_flight: 0, limit: budget.limit, ends_at: end_of(budget, now), granted_at: now }
    }

    /// Asks for an attempt.
    pub fn begin(&mut self, budget: Budget, now: Millis) -> BucketAnswer {
        self.advance(now);
        self.limit = budget.limit;
        let latest_end = end_of(budget, now);
        // A clock that was set back must not make the window longer.
        let starts_now = self.is_idle() || now >= self.ends_at || self.ends_at > latest_end;
        if starts_now {
            self.ends_at = latest_end;
        }
        let ends_in = until(self.ends_at, now);
        if self.count >= budget.limit {
            return BucketAnswer::Done(LimitVerdict::Exceeded { retry_after: ends_in });
        }
        if self.count.saturating_add(self.in_flight) >= budget.limit {
            return BucketAnswer::Wait;
        }
        self.in_flight += 1;
        self.granted_at = now;
        BucketAnswer::Done(LimitVerdict::Granted {
            remaining: budget.limit - self.count - self.in_flight,
            resets_in: ends_in,
        })
    }

    /// Settles an attempt in flight. If it comes too late, the attempt was counted already and nothing changes, except
    /// that a success always empties the bucket.
    pub fn settle(&mut self, settlement: Settlement, now: Millis) {
        self.advance(now);
        let was_in_flight = self.in_flight > 0;
        self.in_flight = self.in_flight.saturating_sub(1);
        match settlement {
            Settlement::Counted if was_in_flight => self.count = self.count.saturating_add(1),
            Settlement::Counted | Settlement::Refunded => {}
            Settlement::Reset => self.count = 0,
        }
    }

    /// Whether the bucket holds nothing, so that it may be forgotten.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.count == 0 && self.in_flight == 0
    }

    /// Whether the bucket refuses now or may do so soon, so that it must not be forgotten to make room.
    #[must_use]
    pub const fn is_penalty(&self) -> bool {
        self.in_flight > 0 || self.count >= self.limit
    }

    /// Applies the passage of time: ends the window, and counts attempts that were not settled in time.
    pub const fn advance(&mut self, now: Millis) {
        if self.in_flight > 0 && now.saturating_sub(self.granted_at) >= UNSETTLED_AFTER {
            self.count = self.count.saturating_add(self.in_flight);
            self.in_flight = 0;
        }
        if now >= self.ends_at {
            // Attempts still in flight keep their places and count in the next window.
            self.count = 0;
        }
    }
}

fn end_of(budget: Budget, now: Millis) -> Millis {
    now.saturating_add(Millis::try_from(budget.window.as_millis()).unwrap_or(Millis::MAX))
}

/// Returns the time from `now` to `then`, which is never zero.
fn until(then: Millis, now: Millis) -> Duration {
    Duration::from_millis(then.saturating_sub(now).max(1).unsigned_abs())
}

/// The budgets of login and registration (`rateLimit` option).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRules {
    /// Failed logins to an account.
    pub login_account: Budget,
    /// Failed logins from a client address, [`ADDRESS_FACTOR`] times as many.
    pub login_address: Budget,
    /// Logins to an account that succeed while the hash queue is more than half full, [`ADDRESS_FACTOR`] times as many.
    pub login_right: Budget,
    /// Registrations from a client address.
    pub register: Budget,
    /// Attempts of a user to take identifiers that others have, [`ADDRESS_FACTOR`] times as many as registrations.
    pub identifiers: Budget,
}

impl LimitRules {
    /// The members of the `rateLimit` option.
    pub const MEMBERS: &[&'static str] = &["maxLoginAttempts", "maxRegisterAttempts", "durationSeconds", "messages"];

    /// Reads the `rateLimit` option. The defaults are
    /// `{maxLoginAttempts: 5, maxRegisterAttempts: 5, durationSeconds: 900}`, and apply to each member that is not set.
    /// `None`: the option is `false`, which turns limits off.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming the member.
    pub fn from_option(option: Option<&Value>) -> Result<Option<Self>, Error> {
        let empty = serde_json::Map::new();
        let members = match option {
            None | Some(Value::Null | Value::Bool(true)) => &empty,
            Some(Value::Bool(false)) => return Ok(None),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Error::configuration("rateLimit must be an object, or false to switch limits off")),
        };
        let read = |name: &str, default, most| whole("rateLimit", members, name, default, most);
        let window = Duration::from_secs(u64::from(read("durationSeconds", 900, MAX_WINDOW)?));
        let login = read("maxLoginAttempts", 5, MAX_ATTEMPTS)?;
        let register = read("maxRegisterAttempts", 5, MAX_ATTEMPTS)?;
        Ok(Some(Self {
            login_account: Budget { limit: login, window },
            login_address: Budget { limit: login * ADDRESS_FACTOR, window },
            login_right: Budget { limit: login * ADDRESS_FACTOR, window },
            register: Budget { limit: register, window },
            identifiers: Budget { limit: register * ADDRESS_FACTOR, window },
        }))
    }
}

/// Reads the options of `rateLimiter({maxAttempts, durationSeconds})`.
///
/// # Errors
/// `CONFIGURATION_ERROR` naming the member.
pub fn custom_budget(options: &Value) -> Result<Budget, Error> {
    let Value::Object(members) = options else {
        return Err(Error::configuration("rateLimiter() needs an object with maxAttempts and durationSeconds"));
    };
    let limit = whole("rateLimiter", members, "maxAttempts", 5, MAX_ATTEMPTS)?;
    let window = whole("rateLimiter", members, "durationSeconds", 900, MAX_WINDOW)?;
    Ok(Budget { limit, window: Duration::from_secs(u64::from(window)) })
}

const MAX_ATTEMPTS: u32 = 100_000_000;
const MAX_WINDOW: u32 = 366 * 24 * 60 * 60;

fn whole(
    option: &str,
    members: &serde_json::Map<String, Value>,
    name: &str,
    default: u32,
    most: u32,
) -> Result<u32, Error> {
    let value = match members.get(name) {
        None | Some(Value::Null) => return Ok(default),
        Some(value) => value,
    };
    // A number that comes from JavaScript may be written 5.0.
    let number = value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).and_then(from_f64));
    match number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=most).contains(number)) {
        Some(number) => Ok(number),
        None => Err(Error::configuration(format!("{option}.{name} must be a whole number from 1 to {most}"))),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn from_f64(number: f64) -> Option<u64> {
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u64)
}
