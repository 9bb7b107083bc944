//! Rate-limit buckets in the memory of this process, bounded in number and thereby in bytes.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::{Budget, Cache, LimitVerdict, Settlement};
use crate::clock::{Clock, Millis};
use crate::crypto::{make_random, sha256};
use crate::limit::{Bucket, BucketAnswer, BucketPurpose, limiter};
use crate::sync::{Mutex, timeout_at};

/// The most buckets that are kept for all purposes together. An entry takes about 70 bytes and a table may be twice as
/// large as its entries, so all buckets stay below 64 MiB.
pub const MAX_BUCKETS: usize = 200_000;

/// The most attempts that wait at a bucket. Further attempts are refused at once, since waiters would be a way to fill
/// the memory.
pub const MAX_WAITING: usize = 256;

/// The longest time that an attempt waits for other attempts to be settled.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// The `Retry-After` of an attempt that waited in vain. It is short, since attempts in flight may still give their
/// places back.
const RETRY_AFTER_WAIT: Duration = Duration::from_secs(1);
/// The verdict at a bucket where too many attempts wait already.
const TOO_MANY_WAIT: LimitVerdict = LimitVerdict::Exceeded { retry_after: RETRY_AFTER_WAIT };
const SHARDS: usize = 16;
/// A clearing makes room for one sixteenth of a shard's buckets, so that a flood of new keys does not cause a clearing
/// each.
const CLEARED_PART: usize = 16;
/// The most limiters that have an overflow bucket of their own in a shard. Further limiters share one.
const MAX_OVERFLOWS: usize = 32;
/// Milliseconds before a shard that is full of penalties is searched for room again.
const SEARCH_EVERY: Millis = 1_000;

type Key = [u8; 16];
/// Resolves at the next settlement.
type Settled = Pin<Box<OwnedNotified>>;

#[derive(Debug)]
struct Entry {
    bucket: Bucket,
    /// Wakes waiting attempts at a settlement; made when the first attempt has to wait.
    settled: Option<Arc<Notify>>,
}

#[derive(Debug)]
struct Shard {
    /// The most entries.
    most: usize,
    entries: HashMap<Key, Entry>,
    /// The buckets that judge new keys while penalties hold every place, by the limiter that the keys belong to.
    overflow: HashMap<String, Entry>,
    searched_in_vain_at: Option<Millis>,
}

/// The [`Cache`] of one process.
///
/// Each [`BucketPurpose`] has a part of the places. When the part is full, its ordinary buckets make room, the emptiest
/// first. A bucket that refuses or has attempts in flight is a penalty and stays until its window ends. When penalties
/// alone fill the part, all new keys of a limiter share one bucket. An attacker who fills that bucket can lock
/// strangers out of the limiter for a window, but gets no more attempts and touches no other purpose.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    /// Makes the shard of a key unpredictable, so that nobody can fill a chosen shard.
    salt: [u8; 16],
    /// The shards of the first purpose, of the second, and so on.
    shards: Vec<Mutex<Shard>>,
    max_wait: Duration,
}

impl MemoryCache {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_max_wait(clock, MAX_WAIT)
    }

    /// An empty cache in which attempts wait for others at most `max_wait` of real time.
    #[must_use]
    pub fn with_max_wait(clock: Arc<dyn Clock>, max_wait: Duration) -> Self {
        let shard = |purpose: BucketPurpose| Mutex::new(Shard::new(purpose.places() / SHARDS));
        let shards =
            BucketPurpose::ALL.into_iter().flat_map(|purpose| (0..SHARDS).map(move |_| shard(purpose))).collect();
        Self { clock, salt: make_random(), shards, max_wait }
    }

    /// Returns the number of buckets, which is never more than [`MAX_BUCKETS`]. Overflow buckets are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().entries.len()).sum()
    }

    /// Whether no bucket is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes over the state of a bucket from another store: its counted attempts, its attempts in flight, and the time
    /// until its window ends.
    pub fn note(&self, key: &str, limit: u32, count: u32, in_flight: u32, ends_in: Duration) {
        let (shard, key) = self.locate(key);
        let now = self.clock.now();
        let mut shard = shard.lock();
        if shard.entries.contains_key(&key) || shard.make_room(now) {
            let budget = Budget { limit, window: ends_in };
            let entry = shard.entries.entry(key).or_insert_with(|| Entry::new(budget, now));
            entry.bucket = Bucket { count, in_flight, ..Bucket::new(budget, now) };
        }
    }

    /// Asks for an attempt as [`Cache::begin`] does, without waiting. `None`: attempts in flight hold every free place.
    #[must_use]
    pub fn begin_now(&self, key: &str, budget: Budget) -> Option<LimitVerdict> {
        self.try_begin(key, budget).ok()
    }

    /// Returns the count of a bucket and the time until its window ends. `None`: nothing is counted.
    #[must_use]
    pub fn counted(&self, key: &str) -> Option<(u32, Duration)> {
        let (shard, key) = self.locate(key);
        let mut shard = shard.lock();
        let now = self.clock.now();
        let bucket = &mut shard.entries.get_mut(&key)?.bucket;
        bucket.advance(now);
        let ends_in = u64::try_from(bucket.ends_at - now).ok()?;
        (bucket.count > 0).then(|| (bucket.count, Duration::from_millis(ends_in)))
    }

    fn locate(&self, key: &str) -> (&Mutex<Shard>, Key) {
        let digest = sha256(&[&self.salt, key.as_bytes()].concat());
        let mut short = Key::default();
        short.copy_from_slice(&digest[..16]);
        let part = BucketPurpose::of(key) as usize * SHARDS;
        (&self.shards[part + usize::from(digest[16]) % SHARDS], short)
    }

    fn try_begin(&self, key: &str, budget: Budget) -> Result<LimitVerdict, Settled> {
        let (shard, short) = self.locate(key);
        let now = self.clock.now();
        shard.lock().begin(short, limiter(key), budget, now)
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("buckets", &self.len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn begin(&self, key: &str, budget: Budget) -> LimitVerdict {
        let deadline = Instant::now() + self.max_wait;
        loop {
            match self.try_begin(key, budget) {
                Ok(verdict) => return verdict,
                Err(settled) => {
                    if timeout_at(deadline, settled).await.is_err() {
                        return LimitVerdict::Exceeded { retry_after: RETRY_AFTER_WAIT };
                    }
                }
            }
        }
    }

    async fn settle(&self, key: &str, settlement: Settlement) {
        let (shard, short) = self.locate(key);
        shard.lock().settle(&short, limiter(key), settlement, self.clock.now());
    }
}

impl Shard {
    fn new(most: usize) -> Self {
        Self { most, entries: HashMap::new(), overflow: HashMap::new(), searched_in_vain_at: None }
    }

    /// Returns the verdict, or the settlement to wait for. The waiter is registered under the lock, so that it misses
    /// no settlement.
    fn begin(&mut self, key: Key, limiter: &str, budget: Budget, now: Millis) -> Result<LimitVerdict, Settled> {
        let entry = if self.entries.contains_key(&key) || self.make_room(now) {
            self.entries.entry(key).or_insert_with(|| Entry::new(budget, now))
        } else {
            let name = self.overflow_name(limiter).to_owned();
            self.overflow.entry(name).or_insert_with(|| Entry::new(budget, now))
        };
        match entry.bucket.begin(budget, now) {
            BucketAnswer::Done(verdict) => Ok(verdict),
            BucketAnswer::Wait => entry.wait().map_or(Ok(TOO_MANY_WAIT), Err),
        }
    }

    /// Returns the name of a limiter's overflow bucket. Limiters without a bucket of their own share the bucket with
    /// the empty name.
    fn overflow_name<'a>(&self, limiter: &'a str) -> &'a str {
        let has_own = self.overflow.len() < MAX_OVERFLOWS || self.overflow.contains_key(limiter);
        if has_own { limiter } else { "" }
    }

    fn settle(&mut self, key: &Key, limiter: &str, settlement: Settlement, now: Millis) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.settle(settlement, now);
            if entry.bucket.is_idle() {
                self.entries.remove(key);
            }
            return;
        }
        let name = self.overflow_name(limiter);
        if let Some(entry) = self.overflow.get_mut(name).filter(|entry| entry.bucket.in_flight > 0) {
            // The success of a caller must not reset the count that strangers have run up.
            let shared = if settlement == Settlement::Reset { Settlement::Refunded } else { settlement };
            entry.settle(shared, now);
        }
    }

    /// Whether there is a place for one more bucket, after clearing when needed.
    fn make_room(&mut self, now: Millis) -> bool {
        if self.entries.len() < self.most {
            return true;
        }
        self.overflow.retain(|_, entry| {
            entry.bucket.advance(now);
            !entry.bucket.is_idle()
        });
        if self.searched_in_vain_at.is_some_and(|then| (0..SEARCH_EVERY).contains(&(now - then))) {
            return false;
        }
        self.entries.retain(|_, entry| {
            entry.bucket.advance(now);
            !entry.bucket.is_idle()
        });
        let wanted = (self.most / CLEARED_PART).saturating_sub(self.most - self.entries.len());
        if wanted > 0 {
            let ordinary = self.entries.iter().filter(|(_, entry)| !entry.bucket.is_penalty());
            let mut ordinary: Vec<_> =
                ordinary.map(|(key, entry)| (entry.bucket.count, entry.bucket.ends_at, *key)).collect();
            if ordinary.len() > wanted {
                ordinary.select_nth_unstable(wanted - 1);
            }
            for (_, _, key) in ordinary.into_iter().take(wanted) {
                self.entries.remove(&key);
            }
        }
        let found = self.entries.len() < self.most;
        self.searched_in_vain_at = (!found).then_some(now);
        found
    }
}

impl Entry {
    fn new(budget: Budget, now: Millis) -> Self {
        Self { bucket: Bucket::new(budget, now), settled: None }
    }

    /// Returns the next settlement to wait for. `None`: as many attempts wait as may. The number of waiters is the
    /// count of references to the notifier, but for the entry's own.
    fn wait(&mut self) -> Option<Settled> {
        let notifier = self.settled.get_or_insert_default();
        if Arc::strong_count(notifier) > MAX_WAITING {
            return None;
        }
        let mut settled = Box::pin(Arc::clone(notifier).notified_owned());
        // The waiter is registered now and not at its first poll. Otherwise one of two places that are given back
        // before that poll would be lost.
        settled.as_mut().enable();
        Some(settled)
    }

    fn settle(&mut self, settlement: Settlement, now: Millis) {
        let before = self.bucket;
        self.bucket.settle(settlement, now);
        let Some(waiters) = &self.settled else { return };
        if self.bucket.count >= self.bucket.limit || self.bucket.count < before.count {
            // Every waiter gets an answer now, since the bucket is spent for good or has free places again.
            waiters.notify_waiters();
        } else if self.bucket.count == before.count && self.bucket.in_flight < before.in_flight {
            waiters.notify_one();
        }
    }
}

impl Drop for Entry {
    /// Wakes the attempts that still wait, so that they ask again at a fresh bucket.
    fn drop(&mut self) {
        if let Some(waiters) = &self.settled {
            waiters.notify_waiters();
        }
    }
}
