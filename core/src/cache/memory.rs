//! Buckets in the memory of this process.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Budget, Cache, Settlement, Verdict};
use crate::clock::Clock;
use crate::limit::{Answer, Bucket};

const SHARDS: usize = 16;

/// Buckets in a shard; with keys of at most 100 bytes all shards together stay below 64 MiB.
const MAX_PER_SHARD: usize = 12_000;

/// How long an attempt waits for others to be settled.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The bucket of everybody who comes when a shard is full of penalties. Shared, so never unlimited.
const OVERFLOW: &str = "overflow";

struct Entry {
    bucket: Bucket,
    limit: u32,
    settled: Arc<Notify>,
}

/// A [`Cache`] of bounded size.
///
/// When a shard is full, idle buckets go first, then ordinary ones; one that keeps somebody out is never dropped
/// before its window ends.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<String, Entry>>>,
}

impl MemoryCache {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect();
        Self { clock, hasher: RandomState::new(), shards }
    }

    fn shard(&self, key: &str) -> &Mutex<HashMap<String, Entry>> {
        let hash = self.hasher.hash_one(key) % (SHARDS as u64);
        &self.shards[usize::try_from(hash).unwrap_or(0)]
    }

    fn ask(&self, key: &str, budget: Budget) -> (Answer, Option<Arc<Notify>>) {
        let now = self.clock.now();
        let mut shard = self.shard(key).lock();
        if !shard.contains_key(key) && shard.len() >= MAX_PER_SHARD {
            shard.retain(|_, entry| !entry.bucket.is_idle(now));
            if shard.len() >= MAX_PER_SHARD {
                shard.retain(|_, entry| entry.bucket.is_penalty(entry.limit, now));
            }
        }
        let key = if shard.contains_key(key) || shard.len() < MAX_PER_SHARD { key } else { OVERFLOW };
        let entry = shard.entry(key.to_owned()).or_insert_with(|| Entry {
            bucket: Bucket::default(),
            limit: budget.limit,
            settled: Arc::default(),
        });
        entry.limit = budget.limit;
        let answer = entry.bucket.begin(budget, now);
        (answer, (answer == Answer::Wait).then(|| Arc::clone(&entry.settled)))
    }

    /// How many buckets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn begin(&self, key: &str, budget: Budget) -> Verdict {
        let give_up = tokio::time::Instant::now() + MAX_WAIT;
        loop {
            let (answer, settled) = self.ask(key, budget);
            let Some(settled) = settled else {
                return match answer {
                    Answer::Verdict(verdict) => verdict,
                    Answer::Wait => Verdict::Exceeded { retry_after: Duration::from_secs(1) },
                };
            };
            // A settlement between the question and this wait must not be slept through: the wait is short, and the
            // question is asked again.
            let wait = tokio::time::timeout(Duration::from_millis(100), settled.notified());
            drop(wait.await);
            if tokio::time::Instant::now() >= give_up {
                return Verdict::Exceeded { retry_after: Duration::from_secs(1) };
            }
        }
    }

    async fn settle(&self, key: &str, settlement: Settlement) {
        let mut shard = self.shard(key).lock();
        let key = if shard.contains_key(key) { key } else { OVERFLOW };
        if let Some(entry) = shard.get_mut(key) {
            entry.bucket.settle(settlement);
            entry.settled.notify_waiters();
        }
    }
}
