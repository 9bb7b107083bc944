//! Two processes with one Redis, to which lines break and which goes away.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use redis::{Arg, FromRedisValue, Value, from_redis_value};
use sentri_core::cache::{Cache, Settlement};
use sentri_core::redis::{Away, Call, RedisCache, Scripts};
use sentri_core::sync::step;
use shuttle::future::{JoinHandle, block_on};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::Mutex;
use shuttle::thread;

use super::limiter::{budget, is_granted};
use super::model::Buckets;
use crate::{any_of, clock, ended, task};

pub const KEY: &str = "login:account:rizz";
const PREFIX: &str = "sentri:limit:";
const TRIES: usize = 6;
pub const ATTEMPTS: usize = 6;
/// The most words that it takes until Redis knows the end of all.
const WORDS: usize = 30;

/// A Redis and the lines to it.
#[derive(Default)]
pub struct Redis(Mutex<Server>);

#[derive(Default)]
struct Server {
    buckets: Buckets,
    is_away: bool,
    /// Counts how often connections broke.
    breaks: u64,
}

impl Redis {
    /// Every connection breaks, with whatever is on its way.
    pub fn breaks(&self) {
        self.0.lock().unwrap().breaks += 1;
    }

    fn goes(&self) {
        self.0.lock().unwrap().is_away = true;
    }

    fn comes_back(&self, is_emptied: bool) {
        let mut server = self.0.lock().unwrap();
        server.is_away = false;
        server.breaks += 1;
        if is_emptied {
            server.buckets = Buckets::default();
        }
    }

    pub fn held(&self) -> (i64, i64) {
        let server = self.0.lock().unwrap();
        server.buckets.0.get(&format!("{PREFIX}{KEY}")).map_or((0, 0), |bucket| (bucket.count, bucket.in_flight()))
    }
}

/// The servers of one process.
pub struct Line {
    redis: Arc<Redis>,
    /// Numbers the connections of this process apart from those of others.
    first: u64,
    /// Whether the process was without Redis for a while, as a number.
    alone: AtomicU32,
    /// The calls that Redis ran and whose answers were lost.
    lost: AtomicU32,
}

impl Line {
    fn connection(&self) -> Option<u64> {
        let server = self.redis.0.lock().unwrap();
        (!server.is_away).then_some(self.first + server.breaks)
    }

    fn run_on(&self, connection: u64, key: &str, arguments: &[String]) -> Option<Vec<i64>> {
        let mut server = self.redis.0.lock().unwrap();
        (!server.is_away && self.first + server.breaks == connection).then(|| server.buckets.run(key, arguments))
    }

    fn away(&self) -> Away {
        self.alone.store(1, Ordering::SeqCst);
        Away
    }
}

/// Lets others go on, as a wait for the network does.
async fn pause() {
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Key and arguments of a script.
fn parts(call: &Call<'_>) -> (String, Vec<String>) {
    let command = call.by_source();
    let mut parts = command.args_iter().map(|arg| match arg {
        Arg::Simple(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        _ => unreachable!("scripts have plain arguments"),
    });
    (parts.by_ref().nth(3).unwrap(), parts.collect())
}

impl Scripts for Line {
    async fn run<'a, T: FromRedisValue + Send, X: Send>(
        self: &Arc<Self>,
        _key: &str,
        make: impl Fn(u64) -> (Call<'a>, X) + Send,
    ) -> Result<(T, u64, X), Away> {
        for _ in 0..TRIES {
            let Some(connection) = self.connection() else { return Err(self.away()) };
            let (call, extra) = make(connection);
            let (key, arguments) = parts(&call);
            pause().await;
            let answer = self.run_on(connection, &key, &arguments);
            pause().await;
            // An answer may be on its way already when the line breaks or Redis goes.
            let arrives = self.connection() == Some(connection) || thread_rng().gen_bool(0.5);
            self.lost.fetch_add(u32::from(answer.is_some() && !arrives), Ordering::SeqCst);
            if let Some(mut answer) = answer.filter(|_| arrives) {
                answer.push(3_600_000);
                let answer = Value::Array(answer.into_iter().map(Value::Int).collect());
                return Ok((from_redis_value(answer).unwrap(), connection, extra));
            }
        }
        Err(self.away())
    }

    fn number(&self, _key: &str) -> Option<u64> {
        self.connection()
    }
}

/// Two processes with one Redis.
pub struct World {
    pub redis: Arc<Redis>,
    lines: Vec<Arc<Line>>,
    pub caches: Vec<Arc<RedisCache<Line>>>,
    pub granted: Arc<AtomicU32>,
}

impl World {
    pub fn new() -> Self {
        let redis = Arc::new(Redis::default());
        let line = |number: u64| {
            Arc::new(Line {
                redis: Arc::clone(&redis),
                first: 1 + 1_000 * number,
                alone: AtomicU32::new(0),
                lost: AtomicU32::new(0),
            })
        };
        let lines: Vec<_> = (0..2).map(line).collect();
        let cache = |line: &Arc<Line>| Arc::new(RedisCache::over(Arc::clone(line), PREFIX.to_owned(), clock()));
        let caches = lines.iter().map(cache).collect();
        Self { redis, lines, caches, granted: Arc::default() }
    }

    /// Attempts in turns by both processes, each settled in one of these ways.
    pub fn attempts(&self, limit: u32, ends: &'static [Settlement]) -> Vec<JoinHandle<()>> {
        let attempt = |number: usize| {
            let cache = Arc::clone(&self.caches[number % self.caches.len()]);
            let granted = Arc::clone(&self.granted);
            task(async move {
                if is_granted(cache.begin(KEY, budget(limit)).await) {
                    granted.fetch_add(1, Ordering::SeqCst);
                    step();
                    cache.settle(KEY, any_of(ends)).await;
                }
            })
        };
        (0..ATTEMPTS).map(attempt).collect()
    }

    /// Waits for all attempts while both processes look at the bucket now and then: what Redis has missed it is told with
    /// the next word of a process.
    pub fn all_end(&self, attempts: Vec<JoinHandle<()>>, limit: u32) {
        while !attempts.iter().all(JoinHandle::is_finished) {
            self.words(limit);
            thread::yield_now();
        }
        assert_eq!(ended(attempts).len(), ATTEMPTS);
    }

    pub fn words(&self, limit: u32) {
        for cache in &self.caches {
            block_on(cache.peek(KEY, budget(limit)));
        }
    }

    /// The processes that were without Redis for a while.
    pub fn alone(&self) -> u32 {
        self.lines.iter().map(|line| line.alone.load(Ordering::SeqCst)).sum()
    }

    pub fn lost(&self) -> u32 {
        self.lines.iter().map(|line| line.lost.load(Ordering::SeqCst)).sum()
    }

    /// Both processes have words with Redis, which tell it all that they know. What they tell it in the background comes
    /// to an end meanwhile.
    pub fn all_is_told(&self, limit: u32) {
        for _ in 0..WORDS {
            self.words(limit);
            if self.redis.held().1 == 0 {
                return;
            }
            thread::yield_now();
        }
    }
}

/// Redis goes, and comes back with what it had or emptied.
pub fn outage(world: &World, is_emptied: bool) -> JoinHandle<()> {
    let redis = Arc::clone(&world.redis);
    task(async move {
        redis.goes();
        pause().await;
        redis.comes_back(is_emptied);
    })
}
