//! Rate limits in Redis: the rules of the bucket, exactness across processes, and an outage.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sentri_core::cache::{Budget, Cache, LimitVerdict, Settlement};
use sentri_core::clock::SystemClock;
use sentri_core::crypto::{make_id, make_random};
use sentri_core::limit::{Bucket, BucketAnswer};
use sentri_core::redis::{Redis, RedisCache};

use crate::proxy::Line;
use crate::{connect, proxied, redis_url, within_two_seconds};

const MINUTE: Duration = Duration::from_secs(60);
pub const FIVE: Budget = Budget { limit: 5, window: MINUTE };

pub fn cache(url: &str) -> Arc<RedisCache> {
    cache_of(url, None)
}

fn cache_of(url: &str, service: Option<&str>) -> Arc<RedisCache> {
    Arc::new(RedisCache::new(&Redis::open(url).unwrap(), service, Arc::new(SystemClock)))
}

pub fn is_granted(verdict: &LimitVerdict) -> bool {
    matches!(verdict, LimitVerdict::Granted { .. })
}

/// Fails `count` attempts, each of which must be granted.
pub async fn fail(cache: &RedisCache, key: &str, count: u32) {
    for _ in 0..count {
        assert!(is_granted(&cache.begin(key, FIVE).await));
        cache.settle(key, Settlement::Counted).await;
    }
}

/// The script and the pure bucket take the same random walk.
#[tokio::test]
async fn the_script_is_the_bucket() {
    let cache = cache(&redis_url());
    for _ in 0..30 {
        let (key, mut in_flight) = (make_id(), 0);
        let budget = Budget { limit: 3, window: MINUTE };
        let mut bucket = Bucket::new(budget, 0);
        for [random] in (0..40).map(|_| make_random::<1>()) {
            let settlement = match random % 5 {
                0 | 1 => {
                    match bucket.begin(budget, 0) {
                        // Nobody is there to settle what another attempt would wait for.
                        BucketAnswer::Wait => {}
                        BucketAnswer::Done(expected) => match (cache.begin(&key, budget).await, expected) {
                            (
                                LimitVerdict::Granted { remaining, .. },
                                LimitVerdict::Granted { remaining: expected, .. },
                            ) => {
                                assert_eq!(remaining, expected);
                                in_flight += 1;
                            }
                            (LimitVerdict::Exceeded { .. }, LimitVerdict::Exceeded { .. }) => {}
                            (found, expected) => panic!("{found:?} instead of {expected:?}"),
                        },
                    }
                    continue;
                }
                2 => Settlement::Counted,
                3 => Settlement::Refunded,
                _ => Settlement::Reset,
            };
            if in_flight > 0 {
                in_flight -= 1;
                bucket.settle(settlement, 0);
                cache.settle(&key, settlement).await;
            }
        }
    }
}

#[tokio::test]
async fn a_window_ends_and_leaves_nothing() {
    let cache = cache(&redis_url());
    let (key, budget) = (make_id(), Budget { limit: 2, window: Duration::from_millis(400) });
    assert!(is_granted(&cache.hit(&key, budget).await));
    let LimitVerdict::Granted { remaining: 0, resets_in } = cache.hit(&key, budget).await else {
        panic!("two are free")
    };
    assert!(resets_in <= budget.window);
    let LimitVerdict::Exceeded { retry_after } = cache.hit(&key, budget).await else { panic!("the third is not") };
    assert!(!retry_after.is_zero() && retry_after <= budget.window);
    tokio::time::sleep(retry_after + Duration::from_millis(20)).await;
    assert!(is_granted(&cache.hit(&key, budget).await));
    let mut connection = connect().await;
    let ttl: i64 = ::redis::cmd("PTTL").arg(format!("sentri:limit:{key}")).query_async(&mut connection).await.unwrap();
    assert!((1..=1500).contains(&ttl), "{ttl} ms");
}

/// An attempt that waits goes on when the one before it is taken back.
#[tokio::test]
async fn a_refund_lets_the_next_one_in() {
    let (here, there) = (cache(&redis_url()), cache(&redis_url()));
    let (key, one) = (make_id(), Budget { limit: 1, window: MINUTE });
    assert!(is_granted(&here.begin(&key, one).await));
    let waiting = tokio::spawn({
        let (there, key) = (Arc::clone(&there), key.clone());
        async move { there.begin(&key, one).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    here.settle(&key, Settlement::Refunded).await;
    assert!(is_granted(&waiting.await.unwrap()));
    there.settle(&key, Settlement::Reset).await;
    let mut connection = connect().await;
    let left: bool =
        ::redis::cmd("EXISTS").arg(format!("sentri:limit:{key}")).query_async(&mut connection).await.unwrap();
    assert!(!left);
}

/// Tells a process of this test binary on which bucket to make 200 attempts at once.
const CHILD: &str = "SENTRI_TEST_LIMIT";

/// P31: 200 parallel attempts in each of four processes, of which five are granted in all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_exact_over_four_processes() {
    if let Ok(key) = std::env::var(CHILD) {
        let cache = cache(&redis_url());
        let attempts: Vec<_> = (0..200)
            .map(|_| {
                let (cache, key) = (Arc::clone(&cache), key.clone());
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
        println!("granted {granted}");
        return;
    }
    let key = make_id();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["limits::the_limit_is_exact_over_four_processes", "--exact", "--nocapture"]);
            command.env(CHILD, &key).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let mut granted = 0;
    for child in children {
        let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("granted ")).unwrap();
        granted += line.parse::<usize>().unwrap();
    }
    assert_eq!(granted, 5);
}

/// Redis away: whoever was locked out stays so, everybody else is limited by the process, and nothing takes long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_opens_no_door() {
    for line in [Line::Cut, Line::Paused] {
        let (proxy, url) = proxied().await;
        let cache = cache(&url);
        let (locked, begun, fresh) = (make_id(), make_id(), make_id());
        fail(&cache, &locked, 5).await;
        fail(&cache, &begun, 3).await;
        proxy.set(line);
        let started = Instant::now();
        for _ in 0..20 {
            assert!(!is_granted(&cache.begin(&locked, FIVE).await), "locked out before, locked out now");
        }
        fail(&cache, &begun, 2).await;
        assert!(!is_granted(&cache.begin(&begun, FIVE).await), "what Redis had counted counts");
        fail(&cache, &fresh, 5).await;
        assert!(!is_granted(&cache.begin(&fresh, FIVE).await), "never unlimited");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        proxy.set(Line::Open);
        // Another process learns what was counted meanwhile, once this one has had an attempt of the kind.
        let other = self::cache(&redis_url());
        within_two_seconds(async || {
            assert!(!is_granted(&cache.begin(&fresh, FIVE).await));
            !is_granted(&other.begin(&fresh, FIVE).await) || {
                other.settle(&fresh, Settlement::Refunded).await;
                false
            }
        })
        .await;
    }
}

/// A peek counts nothing, and knows of the hits of other processes, while Redis is away too.
#[tokio::test]
async fn peeks_see_the_hits_of_others_and_count_none() {
    let (proxy, url) = proxied().await;
    let (here, there) = (cache(&url), cache(&redis_url()));
    let key = make_id();
    for _ in 0..4 {
        assert!(is_granted(&there.hit(&key, FIVE).await));
    }
    for _ in 0..10 {
        assert!(is_granted(&here.peek(&key, FIVE).await), "one is left");
    }
    assert!(is_granted(&here.hit(&key, FIVE).await));
    for cache in [&here, &there] {
        assert!(!is_granted(&cache.peek(&key, FIVE).await) && !is_granted(&cache.hit(&key, FIVE).await));
    }
    proxy.set(Line::Cut);
    assert!(!is_granted(&here.peek(&key, FIVE).await), "spent before, spent now");
    let fresh = make_id();
    for _ in 0..10 {
        assert!(is_granted(&here.peek(&fresh, FIVE).await));
    }
    fail(&here, &fresh, 5).await;
    assert!(!is_granted(&here.peek(&fresh, FIVE).await));
}

/// A Redis that comes back empty does not set anybody free.
#[tokio::test]
async fn an_emptied_redis_is_told() {
    let (proxy, url) = proxied().await;
    let cache = cache(&url);
    let key = make_id();
    fail(&cache, &key, 5).await;
    proxy.set(Line::Cut);
    assert!(!is_granted(&cache.begin(&key, FIVE).await));
    let mut connection = connect().await;
    let _: i64 = ::redis::cmd("DEL").arg(format!("sentri:limit:{key}")).query_async(&mut connection).await.unwrap();
    proxy.set(Line::Open);
    let other = self::cache(&redis_url());
    within_two_seconds(async || {
        assert!(!is_granted(&cache.begin(&key, FIVE).await), "at no moment");
        !is_granted(&other.begin(&key, FIVE).await) || {
            other.settle(&key, Settlement::Refunded).await;
            false
        }
    })
    .await;
}

/// An attempt that was granted by Redis and ends while it is away is counted, here at once and there when it is back.
#[tokio::test]
async fn a_failure_is_counted_wherever_it_ends() {
    let (proxy, url) = proxied().await;
    let cache = cache(&url);
    let key = make_id();
    fail(&cache, &key, 4).await;
    assert!(is_granted(&cache.begin(&key, FIVE).await));
    proxy.set(Line::Cut);
    cache.settle(&key, Settlement::Counted).await;
    assert!(!is_granted(&cache.begin(&key, FIVE).await));
    proxy.set(Line::Open);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!is_granted(&cache.begin(&key, FIVE).await));
}

/// Two services over one Redis: who fails at one is not locked out of the other, and the processes of each are as one.
#[tokio::test]
async fn services_count_for_themselves() {
    let (url, key) = (redis_url(), make_id());
    let shop = cache_of(&url, Some("https://shop.example"));
    fail(&shop, &key, 5).await;
    for (service, is_locked) in
        [(Some("https://shop.example"), true), (Some("https://bank.example"), false), (None, false)]
    {
        assert_eq!(!is_granted(&cache_of(&url, service).begin(&key, FIVE).await), is_locked, "{service:?}");
    }
}

/// However many attempts of a process wait at one bucket, one of them asks Redis.
#[tokio::test]
async fn waiters_of_one_process_ask_one_at_a_time() {
    let (cache, key) = (cache(&redis_url()), make_id());
    let one = Budget { limit: 1, window: MINUTE };
    assert!(is_granted(&cache.begin(&key, one).await));
    let monitor = ::redis::Client::open(redis_url()).unwrap().get_async_monitor().await.unwrap();
    let mut seen = monitor.into_on_message::<String>();
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (cache, key) = (Arc::clone(&cache), key.clone());
        waiters.spawn(async move { cache.begin(&key, one).await });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let end = Instant::now() + Duration::from_millis(200);
    let mut asked = 0;
    while let Ok(Some(line)) = tokio::time::timeout_at(end.into(), seen.next()).await {
        asked += usize::from(line.contains(&key) && line.contains("EVALSHA"));
    }
    assert!(asked > 0, "nobody asked");
    // One at a time pauses 10, 20, 40, 80, then 100 ms; each waiter of 200 for itself would ask over 4,000 times.
    // Attempts that came before the first of them heard that it has to wait asked once each.
    assert!(asked < 300, "asked {asked} times");
    cache.settle(&key, Settlement::Counted).await;
    while let Some(verdict) = waiters.join_next().await {
        assert!(!is_granted(&verdict.unwrap()));
    }
}
