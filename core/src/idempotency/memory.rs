//! Stores answers in the memory of this process, bounded in entries and in bytes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::caller::Holder;
use super::shares::{Measure, Shares};
use super::{Begin, Credentials, IN_FLIGHT, Key, RETRY_AFTER, StoredResponse, Ticket};
use crate::clock::{Clock, Millis};
use crate::crypto::make_random;

/// The most bytes of stored answers.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The approximate size of an entry without headers and body, in bytes.
const OVERHEAD: usize = 256;
/// Unverified callers may displace answers of verified callers until they hold one sixteenth of all places, so that
/// verified callers can't shut them out.
const UNVERIFIED_PART: usize = 16;

/// The answers and the requests in flight of one process. When the memory is full, answers make room by the rules of
/// [`Shares`]. Requests in flight never make room, since forgetting one could let it run twice. A client may have
/// requests in flight in at most half of all places.
pub struct MemoryIdempotency {
    clock: Arc<dyn Clock>,
    max_entries: usize,
    max_bytes: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// All entries, by the time at which they expire and then by ticket, which is unique.
    by_expiry: BTreeMap<(Millis, Ticket), Key>,
    /// The entries with answers, which may make room.
    shares: Shares,
    /// The number of requests in flight by client.
    in_flight: HashMap<String, usize>,
    /// The number of entries of unverified callers, with answers or in flight.
    unverified: usize,
    bytes: usize,
    next_ticket: Ticket,
}

struct Entry {
    ticket: Ticket,
    fingerprint: [u8; 32],
    client: String,
    holder: Holder,
    expires_at: Millis,
    ttl: Duration,
    /// `None` while in flight.
    response: Option<StoredResponse>,
    bytes: usize,
}

impl MemoryIdempotency {
    /// Makes an empty memory for `max_entries` entries of 64 MiB in total.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, max_entries: usize) -> Self {
        Self::with_max_bytes(clock, max_entries, MAX_BYTES)
    }

    /// Makes an empty memory for `max_entries` entries of `max_bytes` in total.
    #[must_use]
    pub fn with_max_bytes(clock: Arc<dyn Clock>, max_entries: usize, max_bytes: usize) -> Self {
        // Tickets begin at a random number, so that processes that share answers do not use the same tickets.
        let next_ticket = Ticket::from_be_bytes(make_random()) >> 2;
        let table = Mutex::new(Table { next_ticket, ..Table::default() });
        Self { clock, max_entries: max_entries.max(1), max_bytes, table }
    }

    /// Decides on a request with these credentials. Of any number of equal concurrent requests, only the first
    /// executes.
    #[must_use]
    pub fn begin(&self, key: Key, fingerprint: [u8; 32], credentials: &Credentials<'_>, ttl: Duration) -> Begin {
        let (client, holder) = (credentials.client(), credentials.holder());
        let now = self.clock.now();
        let mut table = self.table.lock();
        table.drop_expired(now);
        if let Some(entry) = table.entries.get(&key) {
            return match &entry.response {
                _ if entry.fingerprint != fingerprint => Begin::Mismatch,
                Some(response) => Begin::Replay(response.clone()),
                None => Begin::InProgress { retry_after: RETRY_AFTER },
            };
        }
        if table.in_flight.get(&client).is_some_and(|count| *count >= self.max_entries.div_ceil(2)) {
            return Begin::InProgress { retry_after: RETRY_AFTER };
        }
        while table.entries.len() >= self.max_entries {
            let may_take_verified = holder.is_verified || table.unverified < self.max_entries.div_ceil(UNVERIFIED_PART);
            if !table.evict_one(Measure::Entries, may_take_verified) {
                // No entry may make room. The request is refused, since without an entry it could run twice.
                return Begin::InProgress { retry_after: RETRY_AFTER };
            }
        }
        let ticket = table.next_ticket;
        table.next_ticket += 1;
        let expires_at = after(now, IN_FLIGHT);
        table.insert(
            key,
            Entry { ticket, fingerprint, client, holder, expires_at, ttl, response: None, bytes: OVERHEAD },
        );
        Begin::Execute(ticket)
    }

    /// Stores the answer for the time that was given to [`MemoryIdempotency::begin`]. Does nothing if the ticket is no
    /// longer that of the key. The caller must have checked the answer by `may_store`, and abandons the request if it
    /// may not be stored.
    pub fn complete(&self, key: &Key, ticket: Ticket, response: StoredResponse) {
        let now = self.clock.now();
        let mut table = self.table.lock();
        let Some(mut entry) = table.remove_if(key, ticket) else { return };
        entry.bytes = size_of(&response);
        if entry.bytes > self.max_bytes {
            return;
        }
        while table.bytes + entry.bytes > self.max_bytes {
            let unverified = table.shares.unverified_bytes() + entry.bytes;
            let may_take_verified = entry.holder.is_verified || unverified <= self.max_bytes / UNVERIFIED_PART;
            if !table.evict_one(Measure::Bytes, may_take_verified) {
                return;
            }
        }
        entry.response = Some(response);
        entry.expires_at = after(now, entry.ttl);
        table.insert(*key, entry);
    }

    /// Frees the key of a request that failed, or whose answer may not be stored.
    pub fn abandon(&self, key: &Key, ticket: Ticket) {
        self.table.lock().remove_if(key, ticket);
    }

    /// Returns the number of entries and their approximate size in bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let table = self.table.lock();
        (table.entries.len(), table.bytes)
    }
}

impl fmt::Debug for MemoryIdempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIdempotency").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Table {
    fn insert(&mut self, key: Key, entry: Entry) {
        let place = (entry.expires_at, entry.ticket);
        self.by_expiry.insert(place, key);
        if entry.response.is_some() {
            self.shares.add(entry.holder, place, key, entry.bytes);
        } else {
            *self.in_flight.entry(entry.client.clone()).or_default() += 1;
        }
        self.unverified += usize::from(!entry.holder.is_verified);
        self.bytes += entry.bytes;
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        let place = (entry.expires_at, entry.ticket);
        self.by_expiry.remove(&place);
        self.unverified -= usize::from(!entry.holder.is_verified);
        self.bytes -= entry.bytes;
        if entry.response.is_some() {
            self.shares.remove(entry.holder, place, entry.bytes);
        } else if let Some(count) = self.in_flight.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.in_flight.remove(&entry.client);
            }
        }
        Some(entry)
    }

    /// Removes the entry if it is in flight under this ticket.
    fn remove_if(&mut self, key: &Key, ticket: Ticket) -> Option<Entry> {
        let entry = self.entries.get(key)?;
        if entry.ticket != ticket || entry.response.is_some() {
            return None;
        }
        self.remove(key)
    }

    fn drop_expired(&mut self, now: Millis) {
        while let Some((&(expires_at, _), &key)) = self.by_expiry.first_key_value() {
            if expires_at > now {
                break;
            }
            self.remove(&key);
        }
    }

    fn evict_one(&mut self, measure: Measure, may_take_verified: bool) -> bool {
        let victim = self.shares.victim(measure, may_take_verified);
        victim.and_then(|key| self.remove(&key)).is_some()
    }
}

fn after(now: Millis, duration: Duration) -> Millis {
    now.saturating_add(Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX))
}

/// Returns the approximate size of a stored answer, in bytes.
pub fn size_of(response: &StoredResponse) -> usize {
    let headers = response.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum::<usize>();
    let roles = response.roles.iter().flatten().map(|role| role.len() + 24).sum::<usize>();
    OVERHEAD + headers + roles + response.body.len()
}
