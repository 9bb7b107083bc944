//! Rate-limit buckets that all processes share.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Redis;
use super::attempts::{Attempt, Attempts, make_ticket};
use super::call::{Call, Lua};
use super::link::Away;
use super::queues::Queues;
use super::scripts::Scripts;
use super::servers::Servers;
use super::words::{Answer, HELD, How, verdict_of, word_of};
use crate::cache::memory::{MAX_WAIT, MemoryCache};
use crate::cache::{Budget, Cache, LimitVerdict, Settlement};
use crate::clock::Clock;
use crate::crypto::make_random;
use crate::generations::Generations;
use crate::limit::UNSETTLED_AFTER;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{sleep, spawn, timeout_at};

static BEGIN: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("begin.lua")));
static SETTLE: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("settle.lua")));

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// The most buckets of which we remember that Redis was told what happened while it was away.
const REMEMBERED: usize = 50_000;

/// The [`Cache`] in Redis, with the cache of this process beside it.
///
/// The memory of this process also notes the state of each bucket in Redis, with the attempts that other processes have
/// in flight. While Redis is away, this process therefore grants no more than was left when Redis last answered, and a
/// locked bucket stays locked. When Redis comes back, emptied or not, or another server takes its place, this process
/// reports what it counted and what it has in flight. So all processes together grant no more than the limit, and once
/// more the limit for each process that was alone.
pub struct RedisCache<S = Servers>(Arc<Shared<S>>);

struct Shared<S> {
    servers: Arc<S>,
    /// The prefix of the buckets' keys in Redis.
    prefix: String,
    memory: MemoryCache,
    /// For each bucket, the number of the connection over which Redis last heard of it.
    synced: Generations<String, u64>,
    attempts: Attempts,
    /// The number of the newest connection over which Redis was told of all attempts in flight.
    newest: AtomicU64,
    /// Buckets at which attempts of this process wait for a place. One attempt of each bucket asks Redis, and the
    /// others wait for it.
    queues: Queues,
}

impl<S> fmt::Debug for RedisCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("memory", &self.0.memory).finish_non_exhaustive()
    }
}

impl RedisCache {
    /// Returns a cache in `redis` for the processes of one `service`. Each service counts for itself, so that failed
    /// logins at one service do not lock a user of the same name out of another. `clock` is the clock of the memory
    /// beside Redis; Redis has its own.
    #[must_use]
    pub fn new(redis: &Redis, service: Option<&str>, clock: Arc<dyn Clock>) -> Self {
        let prefix = service.map_or_else(|| "sentri:limit:".to_owned(), |service| format!("sentri:limit:{service}:"));
        Self::over(Arc::clone(&redis.servers), prefix, clock)
    }
}

impl<S: Scripts> RedisCache<S> {
    /// Returns a cache of buckets whose keys begin with `prefix`, over any `servers`.
    #[must_use]
    pub fn over(servers: Arc<S>, prefix: String, clock: Arc<dyn Clock>) -> Self {
        let (memory, synced) = (MemoryCache::new(clock), Generations::new(REMEMBERED));
        let (attempts, newest, queues) = (Attempts::default(), AtomicU64::new(0), Queues::default());
        Self(Arc::new(Shared { servers, prefix, memory, synced, attempts, newest, queues }))
    }
}

impl<S: Scripts> Shared<S> {
    /// Asks Redis about a bucket, and reports what Redis does not know of it. `ticket` is that of the attempt that asks
    /// for a place; it is 0 if no attempt does.
    async fn ask(&self, key: &str, budget: Budget, how: How, ticket: u64) -> Result<Answer, Away> {
        let (name, mut hand_over) = (self.redis_key(key), self.attempts.hand_over(key, budget, ticket));
        let begin = |connection| {
            let (seen, ends_in) = self.unsynced(key, connection);
            let unknown = self.attempts.unknown(key, connection);
            hand_over.sends(&unknown.0);
            let mut call = self.call(&BEGIN, &name, budget);
            call.arg(how.word()).arg(seen).arg(ends_in).arg(ticket);
            call.arg(unknown.0.len()).arg(&unknown.0[..]).arg(&unknown.1[..]);
            (call, unknown)
        };
        let (answer, connection, unknown) = self.servers.run::<Answer, _>(&name, begin).await?;
        hand_over.is_answered();
        self.attempts.are_known(key, connection, &unknown);
        if answer.0 == 0 && how == How::Begin {
            self.attempts.add(key, Attempt::new(ticket, budget, connection));
        }
        self.synced.insert(key.to_owned(), connection);
        self.note(key, budget.limit, connection, (answer.1, answer.2, answer.3));
        Ok(answer)
    }

    fn call<'a>(&self, script: &'a Lua, name: &str, budget: Budget) -> Call<'a> {
        let mut call = script.call(name.to_owned());
        call.arg(budget.limit).arg(millis(budget.window)).arg(UNSETTLED_AFTER);
        call
    }

    fn redis_key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Returns what this process counted that Redis may not know, as a count and the milliseconds to the end of its
    /// window. Both are 0 if Redis heard of the bucket over this connection.
    fn unsynced(&self, key: &str, connection: u64) -> (u32, u64) {
        if self.synced.get(key) == Some(connection) {
            return (0, 0);
        }
        self.memory.counted(key).map_or((0, 0), |(count, ends_in)| (count, millis(ends_in)))
    }

    fn note(&self, key: &str, limit: u32, connection: u64, (count, in_flight, ends_in): (u32, u32, u64)) {
        let unknown = self.attempts.count_unknown(key, connection);
        self.memory.note(key, limit, count, in_flight.saturating_add(unknown), Duration::from_millis(ends_in));
    }

    /// After the first answer over a new connection, reports every other bucket with attempts in flight, before another
    /// process grants their places once more.
    fn tell_of_the_others(self: &Arc<Self>, key: &str) {
        let Some(connection) = self.servers.number(&self.redis_key(key)) else { return };
        if self.newest.fetch_max(connection, Ordering::AcqRel) >= connection {
            return;
        }
        let buckets = self.attempts.buckets();
        if buckets.is_empty() {
            return;
        }
        let cache = Arc::clone(self);
        spawn(async move {
            for (key, budget) in buckets {
                let _ = cache.ask(&key, budget, How::Note, 0).await;
            }
        });
    }

    /// Asks until there is a verdict. If attempts of this process wait at the bucket already, the attempt queues up
    /// behind them, so only one attempt asks Redis at a time.
    async fn judge(self: &Arc<Self>, key: &str, budget: Budget, how: How) -> LimitVerdict {
        let deadline = Instant::now() + MAX_WAIT;
        if !self.queues.has(key)
            && let Some(verdict) = self.judge_once(key, budget, how).await
        {
            return verdict;
        }
        let Some(queue) = self.queues.join(key) else { return HELD };
        let Ok(_turn) = timeout_at(deadline, queue.turn()).await else {
            return HELD;
        };
        let mut pause = FIRST_PAUSE;
        loop {
            match self.judge_once(key, budget, how).await {
                Some(verdict) => return verdict,
                None if Instant::now() >= deadline => return HELD,
                None => {
                    let [random] = make_random::<1>();
                    sleep(pause + pause * u32::from(random) / 256).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Returns the verdict of Redis, or of the memory while Redis is away. `None` means that attempts in flight hold
    /// the last places, so the caller must wait.
    async fn judge_once(self: &Arc<Self>, key: &str, budget: Budget, how: How) -> Option<LimitVerdict> {
        let ticket = if how == How::Begin { make_ticket() } else { 0 };
        match self.ask(key, budget, how, ticket).await {
            Ok(answer) => {
                self.tell_of_the_others(key);
                verdict_of(answer, budget)
            }
            Err(Away) => self.judge_alone(key, budget, how).await,
        }
    }

    async fn judge_alone(&self, key: &str, budget: Budget, how: How) -> Option<LimitVerdict> {
        let verdict = self.memory.begin_now(key, budget)?;
        if matches!(verdict, LimitVerdict::Granted { .. }) {
            self.synced.remove(key);
            if how == How::Hit {
                self.memory.settle(key, Settlement::Counted).await;
            } else {
                self.attempts.add(key, Attempt::new(make_ticket(), budget, 0));
            }
        }
        Some(verdict)
    }

    async fn settle(&self, key: &str, settlement: Settlement) {
        // An attempt that nobody settled in time counts as failed already.
        let Some(attempt) = self.attempts.settle(key) else { return };
        let name = self.redis_key(key);
        let settle = |connection| {
            let (seen, ends_in) = self.unsynced(key, connection);
            let mut call = self.call(&SETTLE, &name, attempt.budget);
            call.arg(word_of(settlement)).arg(attempt.ticket).arg(u8::from(attempt.is_known_by(connection)));
            call.arg(seen).arg(ends_in);
            (call, ())
        };
        match self.servers.run(&name, settle).await {
            Ok((bucket, connection, ())) => {
                self.attempts.heard(key, attempt.ticket);
                self.synced.insert(key.to_owned(), connection);
                self.note(key, attempt.budget.limit, connection, bucket);
            }
            Err(Away) => {
                self.synced.remove(key);
                self.memory.settle(key, settlement).await;
                self.attempts.unheard(key, attempt.ticket);
            }
        }
    }
}

#[async_trait]
impl<S: Scripts> Cache for RedisCache<S> {
    async fn begin(&self, key: &str, budget: Budget) -> LimitVerdict {
        self.0.judge(key, budget, How::Begin).await
    }

    async fn settle(&self, key: &str, settlement: Settlement) {
        self.0.settle(key, settlement).await;
    }

    async fn hit(&self, key: &str, budget: Budget) -> LimitVerdict {
        self.0.judge(key, budget, How::Hit).await
    }

    async fn peek(&self, key: &str, budget: Budget) -> LimitVerdict {
        match self.0.ask(key, budget, How::Note, 0).await {
            Ok(answer) => {
                self.0.tell_of_the_others(key);
                verdict_of(answer, budget).unwrap_or(HELD)
            }
            // The memory is asked without a wait, as Redis is. An attempt in flight may be settled in Redis alone, so a
            // wait for the memory could be in vain.
            Err(Away) => match self.0.memory.begin_now(key, budget) {
                Some(verdict @ LimitVerdict::Granted { .. }) => {
                    self.0.memory.settle(key, Settlement::Refunded).await;
                    verdict
                }
                verdict => verdict.unwrap_or(HELD),
            },
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
