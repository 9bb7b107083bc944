//! The words that the scripts of buckets take, and their answers.

use std::time::Duration;

use crate::cache::{Budget, LimitVerdict, Settlement};

/// The wait that an attempt in vain is told: the places are held, not spent.
pub(super) const HELD: LimitVerdict = LimitVerdict::Exceeded { retry_after: Duration::from_secs(1) };

/// The answer of Redis to an attempt: verdict, counted, in flight, milliseconds to the end of the window.
pub(super) type Answer = (u8, u32, u32, u64);

/// The way in which an attempt is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Begin,
    /// Settled as counted at once.
    Hit,
    /// Not at all: Redis is told what it may not know, and says how the bucket stands.
    Note,
}

impl How {
    /// The word of it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Hit => "hit",
            Self::Note => "note",
        }
    }
}

/// The word of a settlement.
pub(super) const fn word_of(settlement: Settlement) -> &'static str {
    match settlement {
        Settlement::Counted => "counted",
        Settlement::Refunded => "refunded",
        Settlement::Reset => "reset",
    }
}

/// The verdict of an answer. `None`: wait for others.
pub(super) fn verdict_of((verdict, count, in_flight, ends_in): Answer, budget: Budget) -> Option<LimitVerdict> {
    let ends_in = Duration::from_millis(ends_in);
    match verdict {
        0 => {
            let remaining = budget.limit.saturating_sub(count).saturating_sub(in_flight);
            Some(LimitVerdict::Granted { remaining, resets_in: ends_in })
        }
        1 => None,
        _ => Some(LimitVerdict::Exceeded { retry_after: ends_in }),
    }
}
