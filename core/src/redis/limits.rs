//! Rate-limit buckets that all processes share.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::Script;
use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::Redis;
use super::link::{Away, Link};
use crate::cache::memory::{MAX_WAIT, MemoryCache};
use crate::cache::{Budget, Cache, Settlement, Verdict};
use crate::clock::Clock;
use crate::crypto::make_random;
use crate::generations::Generations;
use crate::limit::UNSETTLED_AFTER;

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin.lua")));
static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("settle.lua")));

const RETRY_AFTER_WAIT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Buckets of which we remember that Redis was told what happened while it was away.
const REMEMBERED: usize = 50_000;

/// The [`Cache`] in Redis, with that of this process beside it.
///
/// What Redis says of a bucket is noted in memory too. So when Redis goes away, who was locked out here stays so; and
/// when it comes back, emptied or not, the first attempt on a bucket brings along what this process counted.
pub struct RedisCache {
    link: Arc<Link>,
    memory: MemoryCache,
    /// Buckets by the connection over which Redis last heard of them.
    synced: Generations<String, u64>,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// What Redis answered to an attempt: verdict, counted, in flight, milliseconds to the end of the window.
type Answer = (u8, u32, u32, u64);

impl RedisCache {
    /// A cache in `redis`; `clock` is that of the memory beside it, Redis has its own.
    #[must_use]
    pub fn new(redis: &Redis, clock: Arc<dyn Clock>) -> Self {
        let memory = MemoryCache::new(clock);
        Self { link: Arc::clone(&redis.link), memory, synced: Generations::new(REMEMBERED) }
    }

    async fn ask(&self, key: &str, budget: Budget, how: &str) -> Result<Answer, Away> {
        let live = self.link.connection().await?;
        let connection = live.number;
        let (seen, ends_in) = self.unsynced(key, connection);
        let mut script = BEGIN.key(redis_key(key));
        script.arg(budget.limit).arg(millis(budget.window)).arg(UNSETTLED_AFTER).arg(how).arg(seen).arg(ends_in);
        let answer = self.link.run_on::<Answer>(live, &script).await?;
        self.synced.insert(key.to_owned(), connection);
        self.memory.note(key, budget.limit, answer.1, Duration::from_millis(answer.3));
        Ok(answer)
    }

    /// What this process counted that Redis may not know: nothing while the connection is the one it knew it by.
    fn unsynced(&self, key: &str, connection: u64) -> (u32, u64) {
        if self.synced.get(key) == Some(connection) {
            return (0, 0);
        }
        self.memory.counted(key).map_or((0, 0), |(count, ends_in)| (count, millis(ends_in)))
    }

    /// Asks until there is a verdict. `None`: Redis is away.
    async fn judge(&self, key: &str, budget: Budget, how: &str) -> Option<Verdict> {
        let deadline = Instant::now() + MAX_WAIT;
        let mut pause = FIRST_PAUSE;
        loop {
            let (verdict, count, in_flight, ends_in) = self.ask(key, budget, how).await.ok()?;
            let ends_in = Duration::from_millis(ends_in);
            match verdict {
                0 => {
                    let remaining = budget.limit.saturating_sub(count).saturating_sub(in_flight);
                    return Some(Verdict::Granted { remaining, resets_in: ends_in });
                }
                1 if Instant::now() < deadline => {
                    let [random] = make_random::<1>();
                    sleep(pause + pause * u32::from(random) / 256).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                1 => return Some(Verdict::Exceeded { retry_after: RETRY_AFTER_WAIT }),
                _ => return Some(Verdict::Exceeded { retry_after: ends_in }),
            }
        }
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn begin(&self, key: &str, budget: Budget) -> Verdict {
        match self.judge(key, budget, "begin").await {
            Some(verdict) => verdict,
            None => self.memory.begin(key, budget).await,
        }
    }

    async fn settle(&self, key: &str, settlement: Settlement) {
        // Granted while Redis was away: it knows of no such attempt.
        if self.memory.is_in_flight(key) {
            self.memory.settle(key, settlement).await;
            self.synced.remove(key);
            return;
        }
        let mut script = SETTLE.key(redis_key(key));
        script.arg(UNSETTLED_AFTER).arg(match settlement {
            Settlement::Counted => "counted",
            Settlement::Refunded => "refunded",
            Settlement::Reset => "reset",
        });
        match self.link.run::<(u32, u64, u32)>(&script).await {
            Ok((count, ends_in, limit)) => self.memory.note(key, limit, count, Duration::from_millis(ends_in)),
            Err(Away) => self.memory.settle_foreign(key, settlement),
        }
    }

    async fn hit(&self, key: &str, budget: Budget) -> Verdict {
        match self.judge(key, budget, "hit").await {
            Some(verdict) => verdict,
            None => self.memory.hit(key, budget).await,
        }
    }
}

fn redis_key(key: &str) -> String {
    format!("sentri:limit:{key}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
