//! The words that the scripts of buckets take, and their answers.

use std::time::Duration;

use crate::cache::{Budget, LimitVerdict, Settlement};

/// The verdict for an attempt that found the last places held by attempts in flight, and waits no longer.
pub(super) const HELD: LimitVerdict = LimitVerdict::Exceeded { retry_after: Duration::from_secs(1) };

/// The answer of Redis to an attempt: verdict, counted, in flight, milliseconds to the end of the window.
pub(super) type Answer = (u8, u32, u32, u64);

/// The kind of a question about a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Begin,
    /// Asks for a place, and counts the attempt at once.
    Hit,
    /// Asks for no place. Reports to Redis what it may not know, and gets the state of the bucket.
    Note,
}

impl How {
    /// Returns the word that the script takes.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Hit => "hit",
            Self::Note => "note",
        }
    }
}

/// Returns the word that the script takes for a settlement.
pub(super) const fn word_of(settlement: Settlement) -> &'static str {
    match settlement {
        Settlement::Counted => "counted",
        Settlement::Refunded => "refunded",
        Settlement::Reset => "reset",
    }
}

/// Returns the verdict of an answer, or `None` if the attempt must wait for others to be settled.
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
