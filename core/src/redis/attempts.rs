//! The attempts of this process that are in flight. A Redis that lost them, or never heard of them, is told from here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use crate::cache::Budget;
use crate::crypto::make_random;
use crate::limit::UNSETTLED_AFTER;
use crate::sync::Mutex;

/// Makes a ticket for an attempt that asks for a place; never 0.
pub(super) fn make_ticket() -> u64 {
    u64::from_le_bytes(make_random()) | 1
}

/// The progress of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    InFlight,
    /// Redis is being told how the attempt ended. Until Redis answers, the attempt holds its place.
    Settling,
    /// The attempt ended while Redis was away, so Redis may still hold its place.
    Unheard,
}

/// The connection number of an attempt that Redis may know, but has not confirmed. No real connection has this number.
const UNCONFIRMED: u64 = u64::MAX;

/// One attempt that was granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) ticket: u64,
    pub(super) budget: Budget,
    /// The number of the connection by which Redis knows of the attempt. 0 if the attempt was granted while Redis was
    /// away and has not been reported since.
    pub(super) known_by: u64,
    stage: Stage,
    /// Whether the attempt was reported as in flight while another call reported its end. Redis may have got the end
    /// first, so it is told the end once more.
    is_told_again: bool,
    granted_at: Instant,
}

impl Attempt {
    pub(super) fn new(ticket: u64, budget: Budget, known_by: u64) -> Self {
        let (stage, is_told_again) = (Stage::InFlight, false);
        Self { ticket, budget, known_by, stage, is_told_again, granted_at: Instant::now() }
    }

    /// Whether the attempt is so old that Redis and the memory count it as failed.
    fn is_expired(&self) -> bool {
        self.granted_at.elapsed().as_millis() >= u128::from(UNSETTLED_AFTER.unsigned_abs())
    }

    /// Whether Redis knows of the attempt by this connection, or counts it as failed already.
    pub(super) fn is_known_by(&self, connection: u64) -> bool {
        self.known_by == connection || self.is_expired()
    }
}

/// Attempts by bucket, as many as there are requests in flight.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Vec<Attempt>>>);

impl Attempts {
    pub(super) fn add(&self, key: &str, attempt: Attempt) {
        let mut buckets = self.0.lock();
        let attempts = buckets.entry(key.to_owned()).or_default();
        attempts.retain(|attempt| !attempt.is_expired());
        attempts.push(attempt);
    }

    /// Takes an attempt of the bucket that is in flight, to settle it. Any of them will do, since each is settled once.
    /// Returns `None` if nobody settled the attempt in time, because it counts as failed by then.
    pub(super) fn settle(&self, key: &str) -> Option<Attempt> {
        let mut buckets = self.0.lock();
        let attempts = buckets.get_mut(key)?;
        attempts.retain(|attempt| !attempt.is_expired());
        let attempt = attempts.iter_mut().find(|attempt| attempt.stage == Stage::InFlight);
        let attempt = attempt.map(|attempt| {
            attempt.stage = Stage::Settling;
            *attempt
        });
        if attempts.is_empty() {
            buckets.remove(key);
        }
        attempt
    }

    /// Forgets an attempt whose end Redis has confirmed.
    pub(super) fn heard(&self, key: &str, ticket: u64) {
        self.change(key, |attempts| {
            attempts.retain(|attempt| attempt.ticket != ticket || attempt.is_told_again);
            for attempt in attempts.iter_mut().filter(|attempt| attempt.ticket == ticket) {
                attempt.stage = Stage::Unheard;
            }
        });
    }

    /// Remembers that an attempt ended, if Redis was not told so and may still hold its place.
    pub(super) fn unheard(&self, key: &str, ticket: u64) {
        self.change(key, |attempts| {
            attempts.retain(|attempt| attempt.ticket != ticket || (attempt.known_by != 0 && !attempt.is_expired()));
            for attempt in attempts.iter_mut().filter(|attempt| attempt.ticket == ticket) {
                attempt.stage = Stage::Unheard;
            }
        });
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Vec<Attempt>)) {
        let mut buckets = self.0.lock();
        let Some(attempts) = buckets.get_mut(key) else { return };
        change(attempts);
        if attempts.is_empty() {
            buckets.remove(key);
        }
    }

    /// Returns the tickets of a bucket that Redis must be told of over this connection: first those in flight, then
    /// those that ended without Redis hearing of it.
    pub(super) fn unknown(&self, key: &str, connection: u64) -> (Vec<u64>, Vec<u64>) {
        let buckets = self.0.lock();
        let attempts = buckets.get(key).map_or(&[][..], Vec::as_slice);
        let (mut in_flight, mut unheard) = (Vec::new(), Vec::new());
        for attempt in attempts {
            if attempt.stage == Stage::Unheard {
                unheard.push(attempt.ticket);
            } else if !attempt.is_known_by(connection) {
                in_flight.push(attempt.ticket);
            }
        }
        (in_flight, unheard)
    }

    /// Returns the number of attempts of a bucket that are in flight and that Redis does not know over this connection.
    pub(super) fn count_unknown(&self, key: &str, connection: u64) -> u32 {
        u32::try_from(self.unknown(key, connection).0.len()).unwrap_or(u32::MAX)
    }

    /// Begins a call that may report tickets of a bucket to Redis, and asks a place for the ticket `asked`, or for none
    /// if that is 0.
    pub(super) fn hand_over<'a>(&'a self, key: &'a str, budget: Budget, asked: u64) -> HandOver<'a> {
        HandOver { attempts: self, key, budget, asked, was_sent: AtomicBool::new(false), tickets: Mutex::default() }
    }

    /// Notes that Redis was told of these tickets of a bucket over this connection.
    pub(super) fn are_known(&self, key: &str, connection: u64, (in_flight, ended): &(Vec<u64>, Vec<u64>)) {
        if in_flight.is_empty() && ended.is_empty() {
            return;
        }
        self.change(key, |attempts| {
            // Removes each ticket once, since a ticket that was reported again meanwhile is in the list twice.
            for ticket in ended {
                let is_told = |attempt: &Attempt| attempt.ticket == *ticket && attempt.stage == Stage::Unheard;
                if let Some(at) = attempts.iter().position(is_told) {
                    attempts.swap_remove(at);
                }
            }
            for attempt in attempts.iter_mut().filter(|attempt| in_flight.contains(&attempt.ticket)) {
                attempt.known_by = connection;
            }
        });
    }

    fn were_handed_over(&self, key: &str, budget: Budget, tickets: &[u64]) {
        let mut buckets = self.0.lock();
        let attempts = buckets.entry(key.to_owned()).or_default();
        for ticket in tickets {
            let known = attempts.iter_mut().find(|attempt| attempt.ticket == *ticket);
            match known.map(|attempt| (attempt.stage, attempt)) {
                Some((Stage::InFlight, attempt)) if attempt.known_by == 0 => attempt.known_by = UNCONFIRMED,
                Some((Stage::InFlight, _)) => {}
                Some((Stage::Settling, attempt)) => attempt.is_told_again = true,
                // Redis is told the end once more, even if a call that reports it is on its way.
                Some((Stage::Unheard, _)) | None => {
                    let ended = Attempt::new(*ticket, budget, UNCONFIRMED);
                    attempts.push(Attempt { stage: Stage::Unheard, ..ended });
                }
            }
        }
    }

    /// Returns the buckets with attempts, and the budget of each.
    pub(super) fn buckets(&self) -> Vec<(String, Budget)> {
        let buckets = self.0.lock();
        buckets.iter().filter_map(|(key, attempts)| Some((key.clone(), attempts.first()?.budget))).collect()
    }
}

/// The tickets that a call reports to Redis as in flight. They are noted when the call ends in whatever way. Redis may
/// hold the place of an attempt whose answer was lost, or whose report came after its end. Redis is then told the end
/// once more.
pub(super) struct HandOver<'a> {
    attempts: &'a Attempts,
    key: &'a str,
    budget: Budget,
    /// The ticket that the call asks a place for; 0 if there is none, or after the answer.
    asked: u64,
    was_sent: AtomicBool,
    tickets: Mutex<Vec<u64>>,
}

impl HandOver<'_> {
    /// Notes tickets that are about to be sent.
    pub(super) fn sends(&self, tickets: &[u64]) {
        self.was_sent.store(true, Ordering::Relaxed);
        if !tickets.is_empty() {
            self.tickets.lock().extend(tickets);
        }
    }

    /// Notes that the call has its answer.
    pub(super) const fn is_answered(&mut self) {
        self.asked = 0;
    }
}

impl Drop for HandOver<'_> {
    fn drop(&mut self) {
        let mut tickets = std::mem::take(&mut *self.tickets.lock());
        if self.asked != 0 && self.was_sent.load(Ordering::Relaxed) {
            // Redis may have granted the place, although its answer was lost or nobody waits for it any more.
            tickets.push(self.asked);
        }
        if !tickets.is_empty() {
            self.attempts.were_handed_over(self.key, self.budget, &tickets);
        }
    }
}
