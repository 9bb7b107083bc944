//! Rate-limit buckets that all processes share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::Script;
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::Redis;
use super::link::{Away, Link};
use super::queues::Queues;
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
/// What Redis says of a bucket, attempts of other processes in flight included, is noted in memory too. So when Redis
/// goes away, or is slow for a moment, this process grants no more than was left when it last heard, and who was locked
/// out stays so. When Redis comes back, emptied or not, the first attempt on a bucket brings along what was counted here.
pub struct RedisCache {
    link: Arc<Link>,
    /// What the names of its buckets begin with.
    prefix: String,
    memory: MemoryCache,
    /// Buckets by the connection over which Redis last heard of them.
    synced: Generations<String, u64>,
    /// Attempts granted while Redis was away and not settled yet: it knows nothing of them.
    ours: Mutex<HashMap<String, u32>>,
    /// Buckets at which attempts of this process wait for others. One of them asks Redis, the others wait for it.
    queues: Queues,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// What Redis answered to an attempt: verdict, counted, in flight, milliseconds to the end of the window.
type Answer = (u8, u32, u32, u64);

impl RedisCache {
    /// A cache in `redis` for the processes of one `service`: others count for themselves, lest a login that fails at one
    /// lock somebody of the same name out of another. `clock` is that of the memory beside it, Redis has its own.
    #[must_use]
    pub fn new(redis: &Redis, service: Option<&str>, clock: Arc<dyn Clock>) -> Self {
        let prefix = service.map_or_else(|| "sentri:limit:".to_owned(), |service| format!("sentri:limit:{service}:"));
        let memory = MemoryCache::new(clock);
        let synced = Generations::new(REMEMBERED);
        Self {
            link: Arc::clone(&redis.link),
            prefix,
            memory,
            synced,
            ours: Mutex::default(),
            queues: Queues::default(),
        }
    }

    async fn ask(&self, key: &str, budget: Budget, how: How) -> Result<Answer, Away> {
        let live = self.link.connection().await?;
        let connection = live.number;
        let (seen, ends_in) = self.unsynced(key, connection);
        let mut script = BEGIN.key(self.redis_key(key));
        script.arg(budget.limit).arg(millis(budget.window)).arg(UNSETTLED_AFTER);
        script.arg(if matches!(how, How::Hit) { "hit" } else { "begin" }).arg(seen).arg(ends_in);
        let answer = self.link.run_on::<Answer>(live, &script).await?;
        self.synced.insert(key.to_owned(), connection);
        self.note(key, budget.limit, answer.1, answer.2, answer.3);
        Ok(answer)
    }

    fn redis_key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// What this process counted that Redis may not know: nothing while the connection is the one it knew it by.
    fn unsynced(&self, key: &str, connection: u64) -> (u32, u64) {
        if self.synced.get(key) == Some(connection) {
            return (0, 0);
        }
        self.memory.counted(key).map_or((0, 0), |(count, ends_in)| (count, millis(ends_in)))
    }

    fn note(&self, key: &str, limit: u32, count: u32, in_flight: u32, ends_in: u64) {
        let ours = self.ours.lock().get(key).copied().unwrap_or_default();
        self.memory.note(key, limit, count, in_flight + ours, Duration::from_millis(ends_in));
    }

    /// Asks until there is a verdict. At a bucket where attempts of this process wait already, an attempt queues up
    /// behind them, so however many wait, one asks.
    async fn judge(&self, key: &str, budget: Budget, how: How) -> Verdict {
        let deadline = Instant::now() + MAX_WAIT;
        if !self.queues.has(key)
            && let Some(verdict) = self.judge_once(key, budget, how).await
        {
            return verdict;
        }
        let Some(queue) = self.queues.join(key) else { return Verdict::Exceeded { retry_after: RETRY_AFTER_WAIT } };
        let Ok(_turn) = timeout_at(deadline, queue.turn()).await else {
            return Verdict::Exceeded { retry_after: RETRY_AFTER_WAIT };
        };
        let mut pause = FIRST_PAUSE;
        loop {
            match self.judge_once(key, budget, how).await {
                Some(verdict) => return verdict,
                None if Instant::now() >= deadline => return Verdict::Exceeded { retry_after: RETRY_AFTER_WAIT },
                None => {
                    let [random] = make_random::<1>();
                    sleep(pause + pause * u32::from(random) / 256).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The verdict of Redis, or of the memory while Redis is away; `None`: wait for others.
    async fn judge_once(&self, key: &str, budget: Budget, how: How) -> Option<Verdict> {
        match self.ask(key, budget, how).await {
            Ok(answer) => verdict_of(answer, budget),
            Err(Away) => self.judge_alone(key, budget, how).await,
        }
    }

    async fn judge_alone(&self, key: &str, budget: Budget, how: How) -> Option<Verdict> {
        let verdict = self.memory.begin_now(key, budget)?;
        if matches!(verdict, Verdict::Granted { .. }) {
            self.synced.remove(key);
            match how {
                How::Begin => *self.ours.lock().entry(key.to_owned()).or_default() += 1,
                How::Hit => self.memory.settle(key, Settlement::Counted).await,
            }
        }
        Some(verdict)
    }

    /// Takes an attempt granted by the memory off the books; `false`: there is none on this bucket.
    fn end_ours(&self, key: &str) -> bool {
        let mut ours = self.ours.lock();
        let Some(count) = ours.get_mut(key) else { return false };
        *count -= 1;
        if *count == 0 {
            ours.remove(key);
        }
        true
    }
}

/// How an attempt is asked for.
#[derive(Debug, Clone, Copy)]
enum How {
    Begin,
    /// Settled as counted at once.
    Hit,
}

/// `None`: wait for others.
fn verdict_of((verdict, count, in_flight, ends_in): Answer, budget: Budget) -> Option<Verdict> {
    let ends_in = Duration::from_millis(ends_in);
    match verdict {
        0 => {
            let remaining = budget.limit.saturating_sub(count).saturating_sub(in_flight);
            Some(Verdict::Granted { remaining, resets_in: ends_in })
        }
        1 => None,
        _ => Some(Verdict::Exceeded { retry_after: ends_in }),
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn begin(&self, key: &str, budget: Budget) -> Verdict {
        self.judge(key, budget, How::Begin).await
    }

    async fn settle(&self, key: &str, settlement: Settlement) {
        if self.end_ours(key) {
            self.synced.remove(key);
            return self.memory.settle(key, settlement).await;
        }
        let mut script = SETTLE.key(self.redis_key(key));
        script.arg(UNSETTLED_AFTER).arg(match settlement {
            Settlement::Counted => "counted",
            Settlement::Refunded => "refunded",
            Settlement::Reset => "reset",
        });
        match self.link.run::<(u32, u32, u64, u32)>(&script).await {
            Ok((count, in_flight, ends_in, limit)) => self.note(key, limit, count, in_flight, ends_in),
            Err(Away) => {
                self.synced.remove(key);
                self.memory.settle(key, settlement).await;
            }
        }
    }

    async fn hit(&self, key: &str, budget: Budget) -> Verdict {
        self.judge(key, budget, How::Hit).await
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
