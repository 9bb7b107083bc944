//! P31, P45 and P63 over a Redis Cluster and behind a sentinel. The tests of a failover measure time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sentri_core::cache::{Cache as _, Settlement};
use sentri_core::crypto::make_id;
use sentri_core::redis::RedisCache;

use crate::broadcast::{known_to, refused_after, server, subscribed};
use crate::clusters::{Cluster, Watched};
use crate::idempotency::{executes, gate, incoming, response};
use crate::limits::{FIVE, cache, fail, is_granted};
use crate::support::{Database, Own};
use sentri_core::idempotency::Passage;

/// All that processes share is shared, over each of these URLs alike.
async fn everything_is_shared(urls: &[String]) {
    let caches: Vec<_> = urls.iter().chain(urls).map(|url| cache(url)).collect();
    for _ in 0..12 {
        let key = make_id();
        assert_eq!(granted_at_once(&caches, &key, 60).await, 5, "exactly the limit");
        let name = make_id();
        let gates: Vec<_> = urls.iter().chain(urls).map(|url| gate(url)).collect();
        let (key, ticket) = executes(gates[0].pass(&incoming(&name, b"")).await);
        for other in &gates[1..] {
            assert!(matches!(other.pass(&incoming(&name, b"")).await, Passage::Refused(_)), "it still runs");
        }
        gates[0].complete(&key, ticket, response("{}")).await;
        for other in &gates {
            assert!(matches!(other.pass(&incoming(&name, b"")).await, Passage::Replay(_)), "its answer is shared");
        }
    }
}

async fn granted_at_once(caches: &[Arc<RedisCache>], key: &str, attempts: usize) -> usize {
    let attempts: Vec<_> = (0..attempts)
        .map(|index| {
            let (cache, key) = (Arc::clone(&caches[index % caches.len()]), key.to_owned());
            tokio::spawn(async move {
                let granted = is_granted(&cache.begin(&key, FIVE).await);
                if granted {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    cache.settle(&key, Settlement::Counted).await;
                }
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for attempt in attempts {
        granted += usize::from(attempt.await.unwrap());
    }
    granted
}

/// Wrong logins that go on, by four processes at sixteen accounts, and how many of each account were granted.
struct Load {
    granted: Arc<Mutex<HashMap<String, u32>>>,
    keys: Vec<String>,
    processes: Vec<tokio::task::JoinHandle<()>>,
}

const PROCESSES: u32 = 4;

impl Load {
    fn start(url: &str, length: Duration) -> Self {
        let (granted, keys) = (Arc::new(Mutex::new(HashMap::new())), (0..16).map(|_| make_id()).collect::<Vec<_>>());
        let process = |_| {
            let (cache, granted, keys) = (cache(url), Arc::clone(&granted), keys.clone());
            tokio::spawn(async move {
                let started = Instant::now();
                while started.elapsed() < length {
                    for key in &keys {
                        if is_granted(&cache.begin(key, FIVE).await) {
                            *granted.lock().entry(key.clone()).or_default() += 1;
                            cache.settle(key, Settlement::Counted).await;
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        };
        let processes = (0..PROCESSES).map(process).collect();
        Self { granted, keys, processes }
    }

    async fn end(self) -> HashMap<String, u32> {
        for process in self.processes {
            process.await.unwrap();
        }
        assert_eq!(self.granted.lock().len(), self.keys.len(), "every account was tried");
        self.granted.lock().clone()
    }
}

/// How long it takes until two processes count the same again on a new `key()`.
async fn shared_again(url: &str, mut key: impl AsyncFnMut() -> String) -> Duration {
    let (here, there) = (cache(url), cache(url));
    let started = Instant::now();
    loop {
        let key = key().await;
        fail(&here, &key, 5).await;
        if !is_granted(&there.begin(&key, FIVE).await) {
            return started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(20), "no failover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p63_p31_p45_a_cluster_is_one_redis_and_survives_a_master() {
    let mut cluster = Cluster::start().await;
    let url = cluster.url();
    everything_is_shared(&[cluster.plain_url(), url.clone()]).await;

    let own = Own::new(Database::SqliteFile).await;
    let (here, there) = (server(&own, &url).await, server(&own, &url).await);
    subscribed().await;
    here.register("rizz").await;
    let (before, after) = (known_to([&here, &there], "rizz").await, known_to([&here, &there], "rizz").await);
    let log_out = async |refresh: &str| {
        let cookie = format!("refresh_token={refresh}");
        assert_eq!(here.request("POST", "/logout", &[("cookie", &cookie)], None).await.status, 200);
    };
    log_out(&before.refresh).await;
    assert!(refused_after(&there, &before.access).await < Duration::from_secs(1));

    let load = Load::start(&url, Duration::from_secs(7));
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.kill_a_master();
    let on_the_first = async || loop {
        let key = make_id();
        if cluster.is_on_the_first(&format!("sentri:limit:{key}")).await {
            return key;
        }
    };
    let took = shared_again(&url, on_the_first).await;
    assert!(took < Duration::from_secs(5), "failover took {took:?}");
    log_out(&after.refresh).await;
    assert!(refused_after(&there, &after.access).await < Duration::from_secs(3), "revocations arrive again");
    for (key, granted) in load.end().await {
        let bound = if cluster.is_on_the_first(&format!("sentri:limit:{key}")).await { 5 + 5 * PROCESSES } else { 5 };
        assert!((5..=bound).contains(&granted), "{granted} of {bound}");
    }
    everything_is_shared(&[url]).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p63_p31_p45_sentinels_name_the_master() {
    let mut watched = Watched::start().await;
    let url = watched.url();
    everything_is_shared(std::slice::from_ref(&url)).await;

    let own = Own::new(Database::SqliteFile).await;
    let (here, there) = (server(&own, &url).await, server(&own, &url).await);
    subscribed().await;
    here.register("rizz").await;
    let login = known_to([&here, &there], "rizz").await;

    let load = Load::start(&url, Duration::from_secs(7));
    tokio::time::sleep(Duration::from_millis(300)).await;
    watched.kill_the_master();
    let took = shared_again(&url, async || make_id()).await;
    assert!(took < Duration::from_secs(5), "failover took {took:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cookie = format!("refresh_token={}", login.refresh);
    assert_eq!(here.request("POST", "/logout", &[("cookie", &cookie)], None).await.status, 200);
    assert!(refused_after(&there, &login.access).await < Duration::from_secs(3), "revocations arrive again");
    for (_, granted) in load.end().await {
        assert!((5..=5 + 5 * PROCESSES).contains(&granted), "{granted}");
    }
    everything_is_shared(&[url]).await;
    own.drop().await;
}

/// What is wrong with what is there is said once, and in words that help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told() {
    let watched = Watched::start().await;
    let right = watched.url();
    for (wrong, word) in [
        (right.replace("/mymaster", "/another"), "no master named another"),
        (right.replace("sentinel_password=secret", "sentinel_password=wrong"), "a sentinel"),
        (right.replace("://:secret", "://:wrong"), "the master 127.0.0.1"),
        (crate::redis_url().replace("redis://", "redis+cluster://"), "asks for a cluster"),
    ] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let redis = sentri_core::redis::Redis::open(&wrong).unwrap();
        redis.on_change(move |what| tell.lock().push(what.to_owned()));
        let cache = RedisCache::new(&redis, None, Arc::new(sentri_core::clock::SystemClock));
        let key = make_id();
        fail(&cache, &key, 5).await;
        assert!(!is_granted(&cache.begin(&key, FIVE).await), "never unlimited");
        let told = told.lock();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("Redis is away") && told[0].contains(word), "{told:?}");
        assert!(!told[0].contains("secret"), "{told:?}");
    }
}
