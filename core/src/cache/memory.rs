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

/// The most buckets that are kept, the parts of all purposes together. An entry takes about 70 bytes and a table may be
/// twice as large as its entries, so all of them stay below 64 MiB.
pub const MAX_BUCKETS: usize = 200_000;

/// The most attempts that wait at one bucket; more are refused at once, or waiters would be a way to fill the memory.
pub const MAX_WAITING: usize = 256;

/// The time for which an attempt waits for others to be settled.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// The wait that an attempt in vain is told: the places are held, not spent.
const RETRY_AFTER_WAIT: Duration = Duration::from_secs(1);
/// The wait that an attempt is told at a bucket where too many wait already.
const TOO_MANY_WAIT: LimitVerdict = LimitVerdict::Exceeded { retry_after: RETRY_AFTER_WAIT };
const SHARDS: usize = 16;
/// One clearing makes room for this part of a shard's buckets, so that a flood of keys pays for one clearing in so
/// many.
const CLEARED_PART: usize = 16;
/// The most limiters that have an overflow bucket of their own in a shard; further ones share one.
const MAX_OVERFLOWS: usize = 32;
/// The time for which a shard full of penalties is left alone before it is searched again.
const SEARCH_EVERY: Millis = 1_000;

type Key = [u8; 16];
/// Word of the next settlement.
type Settled = Pin<Box<OwnedNotified>>;

#[derive(Debug)]
struct Entry {
    bucket: Bucket,
    /// Made when the first attempt has to wait.
    settled: Option<Arc<Notify>>,
}

#[derive(Debug)]
struct Shard {
    /// The most entries.
    most: usize,
    entries: HashMap<Key, Entry>,
    /// Judge new keys while every place is taken by a penalty, by the limiter that the keys belong to.
    overflow: HashMap<String, Entry>,
    searched_in_vain_at: Option<Millis>,
}

/// The [`Cache`] of one process.
///
/// Each [`BucketPurpose`] has a part of its own. When that is full, its ordinary buckets make room, the emptiest first;
/// one that refuses or has attempts in flight stays till its window ends. When those alone fill the part, new keys of
/// one limiter share one bucket: an attacker who fills it can lock strangers out of that limiter for a window, but
/// never gets more attempts, and touches no other purpose.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    /// Makes the shard of a key unforeseeable, so that nobody can fill a chosen one.
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

    /// The number of buckets at this moment; never more than [`MAX_BUCKETS`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().entries.len()).sum()
    }

    /// Whether no bucket is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes over what another store says of a bucket: how many are counted, how many in flight, when its window ends.
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

    /// [`Cache::begin`] without waiting. `None`: every free place is held by attempts in flight.
    #[must_use]
    pub fn begin_now(&self, key: &str, budget: Budget) -> Option<LimitVerdict> {
        self.try_begin(key, budget).ok()
    }

    /// The count of a bucket, and its end; `None` for nothing.
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

    /// The verdict, or what to wait for. The waiter is registered under the lock: no settlement slips in between.
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

    /// Limiters without an overflow bucket of their own share the one with the empty name.
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
            // One caller's success must not clear what strangers have run up.
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

    /// Word of the next settlement; `None` when as many wait as may. Every waiter holds the notifier beside the entry.
    fn wait(&mut self) -> Option<Settled> {
        let notifier = self.settled.get_or_insert_default();
        if Arc::strong_count(notifier) > MAX_WAITING {
            return None;
        }
        let mut settled = Box::pin(Arc::clone(notifier).notified_owned());
        // It waits from now on, not from the first poll: of two places given back before that, one would be lost.
        settled.as_mut().enable();
        Some(settled)
    }

    fn settle(&mut self, settlement: Settlement, now: Millis) {
        let before = self.bucket;
        self.bucket.settle(settlement, now);
        let Some(waiters) = &self.settled else { return };
        if self.bucket.count >= self.bucket.limit || self.bucket.count < before.count {
            // All of them get an answer now: spent for good, or free again.
            waiters.notify_waiters();
        } else if self.bucket.count == before.count && self.bucket.in_flight < before.in_flight {
            waiters.notify_one();
        }
    }
}

impl Drop for Entry {
    /// Whoever still waits asks again, at a fresh bucket.
    fn drop(&mut self) {
        if let Some(waiters) = &self.settled {
            waiters.notify_waiters();
        }
    }
}
