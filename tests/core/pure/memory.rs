//! The limiter in memory: exact under parallel attempts, bounded, and never open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sentri_core::cache::memory::{MAX_BUCKETS, MAX_WAITING, MemoryCache};
use sentri_core::cache::{Budget, Cache, LimitVerdict, Settlement};
use sentri_core::clock::TestClock;
use sentri_core::limit::{self, BucketPurpose};

const FIVE: Budget = Budget { limit: 5, window: Duration::from_secs(900) };
const ONE: Budget = Budget { limit: 1, window: Duration::from_secs(900) };

fn cache() -> (Arc<TestClock>, Arc<MemoryCache>) {
    let clock = Arc::new(TestClock::at(1_000_000));
    (Arc::clone(&clock), Arc::new(MemoryCache::new(clock)))
}

fn impatient() -> (Arc<TestClock>, Arc<MemoryCache>) {
    let clock = Arc::new(TestClock::at(1_000_000));
    (Arc::clone(&clock), Arc::new(MemoryCache::with_max_wait(clock, Duration::from_millis(50))))
}

const fn granted(verdict: LimitVerdict) -> bool {
    matches!(verdict, LimitVerdict::Granted { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_parallel_failures_exactly_the_limit_is_granted() {
    for round in 0..20 {
        let (_, cache) = cache();
        let key = format!("key {round}");
        let (passed, at_once, peak) =
            (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let attempts = (0..200).map(|_| {
            let (cache, key) = (Arc::clone(&cache), key.clone());
            let (passed, at_once, peak) = (Arc::clone(&passed), Arc::clone(&at_once), Arc::clone(&peak));
            tokio::spawn(async move {
                if granted(cache.begin(&key, FIVE).await) {
                    peak.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    passed.fetch_add(1, Ordering::SeqCst);
                    at_once.fetch_sub(1, Ordering::SeqCst);
                    cache.settle(&key, Settlement::Counted).await;
                }
            })
        });
        for attempt in attempts.collect::<Vec<_>>() {
            attempt.await.unwrap();
        }
        assert_eq!(passed.load(Ordering::SeqCst), 5);
        assert!(peak.load(Ordering::SeqCst) <= 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_refunds_let_everybody_through_and_nobody_is_forgotten() {
    for settlement in [Settlement::Refunded, Settlement::Reset] {
        let (_, cache) = cache();
        let started = Instant::now();
        let attempts = (0..200).map(|_| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                let verdict = cache.begin("key", ONE).await;
                tokio::task::yield_now().await;
                cache.settle("key", settlement).await;
                granted(verdict)
            })
        });
        for attempt in attempts.collect::<Vec<_>>() {
            assert!(attempt.await.unwrap());
        }
        assert!(started.elapsed() < Duration::from_secs(5), "a waiter was not woken");
        assert!(cache.is_empty());
    }
}

#[tokio::test]
async fn an_abandoned_waiter_takes_nobodys_turn() {
    let (_, cache) = cache();
    assert!(granted(cache.begin("key", ONE).await));
    let waiter = |cache: &Arc<MemoryCache>| {
        let cache = Arc::clone(cache);
        tokio::spawn(async move { cache.begin("key", ONE).await })
    };
    let (first, second) = (waiter(&cache), waiter(&cache));
    tokio::time::sleep(Duration::from_millis(20)).await;
    first.abort();
    cache.settle("key", Settlement::Refunded).await;
    let verdict = tokio::time::timeout(Duration::from_secs(2), second).await.unwrap().unwrap();
    assert!(granted(verdict));
}

#[tokio::test]
async fn the_wait_ends() {
    let (_, cache) = impatient();
    assert!(granted(cache.begin("key", ONE).await));
    assert_eq!(cache.begin("key", ONE).await, LimitVerdict::Exceeded { retry_after: Duration::from_secs(1) });
    cache.settle("key", Settlement::Counted).await;
    assert_eq!(cache.begin("key", ONE).await, LimitVerdict::Exceeded { retry_after: ONE.window });
}

#[tokio::test]
async fn windows_and_successes() {
    let (clock, cache) = cache();
    for left in (0..5).rev() {
        assert!(matches!(cache.hit("a", FIVE).await, LimitVerdict::Granted { remaining, .. } if remaining == left));
    }
    clock.advance(7_001);
    assert_eq!(cache.hit("a", FIVE).await, LimitVerdict::Exceeded { retry_after: Duration::from_millis(892_999) });
    assert!(granted(cache.hit("b", FIVE).await), "another key is another budget");
    clock.advance(892_999);
    assert!(granted(cache.hit("a", FIVE).await), "the window is over");
    assert!(granted(cache.begin("a", FIVE).await));
    cache.settle("a", Settlement::Reset).await;
    assert!(matches!(cache.hit("a", FIVE).await, LimitVerdict::Granted { remaining: 4, .. }));
}

#[tokio::test]
async fn a_vanished_caller_counts_as_failed() {
    let (clock, cache) = impatient();
    assert!(granted(cache.begin("key", ONE).await));
    clock.advance(30_000);
    assert_eq!(cache.begin("key", ONE).await, LimitVerdict::Exceeded { retry_after: Duration::from_secs(870) });
}

/// Resident bytes of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

const ALONE: &str = "SENTRI_TEST_ALONE";

/// Runs in a process of its own, since other tests use memory too.
#[test]
fn a_flood_of_keys_neither_grows_memory_nor_evicts_a_penalty() {
    if std::env::var_os(ALONE).is_some() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(flood());
        return;
    }
    let name = "memory::a_flood_of_keys_neither_grows_memory_nor_evicts_a_penalty";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("1 passed"), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}

async fn flood() {
    let (_, cache) = cache();
    let before = resident();
    for victim in 0..1_000 {
        for _ in 0..5 {
            cache.hit(&format!("victim {victim}"), FIVE).await;
        }
    }
    for (purpose, prefix) in PREFIXES {
        for key in 0..purpose.places() * 4 {
            cache.hit(&format!("{prefix}:flood {key}"), FIVE).await;
        }
    }
    assert!(cache.len() <= MAX_BUCKETS);
    assert!(cache.len() > MAX_BUCKETS / 2, "room is made in small steps");
    let grown = resident().saturating_sub(before) / 1024;
    println!("grown by {grown} KiB");
    assert!(grown < 64 * 1024, "{grown} KiB");
    for victim in 0..1_000 {
        assert!(!granted(cache.hit(&format!("victim {victim}"), FIVE).await), "penalty {victim} was evicted");
    }
}

/// How keys of each purpose begin.
const PREFIXES: [(BucketPurpose, &str); 8] = [
    (BucketPurpose::Account, "login:account"),
    (BucketPurpose::Address, "login:address"),
    (BucketPurpose::Register, "register:address"),
    (BucketPurpose::ApiKey, "api-key:address"),
    (BucketPurpose::Device, "device:nonce"),
    (BucketPurpose::Message, "message:address"),
    (BucketPurpose::SecurityMessage, "security-message:sign-in"),
    (BucketPurpose::Custom, "custom:cm91dGU"),
];

#[test]
fn every_key_has_its_purpose() {
    for (purpose, prefix) in PREFIXES {
        assert_eq!(BucketPurpose::of(&format!("{prefix}:x")), purpose, "{prefix}");
    }
    let purposes = [
        (limit::login_account("x"), BucketPurpose::Account),
        (limit::login_unknown("x"), BucketPurpose::Account),
        (limit::identifiers_of("x"), BucketPurpose::Account),
        (limit::login_address("x"), BucketPurpose::Address),
        (limit::register_address("x"), BucketPurpose::Register),
        (limit::api_key_address("x"), BucketPurpose::ApiKey),
        (limit::device_nonce("x"), BucketPurpose::Device),
        (limit::devices_of_user("x"), BucketPurpose::Device),
        (limit::custom("login:account", "login:account:x"), BucketPurpose::Custom),
    ];
    for (key, purpose) in purposes {
        assert_eq!(BucketPurpose::of(&key), purpose, "{key}");
    }
    assert_eq!(BucketPurpose::ALL.into_iter().map(BucketPurpose::places).sum::<usize>(), MAX_BUCKETS);
}

/// P58: 260,000 keys that a caller chose fill the part of the application's limiters, and nothing else.
#[tokio::test]
async fn p58_no_purpose_fills_the_part_of_another() {
    let (_, cache) = cache();
    for key in 0..260_000 {
        cache.hit(&limit::custom("search", &format!("key:{key}")), ONE).await;
    }
    assert_eq!(cache.len(), BucketPurpose::Custom.places());
    for (_, prefix) in PREFIXES.iter().filter(|(purpose, _)| *purpose != BucketPurpose::Custom) {
        for key in 0..1_000 {
            let key = format!("{prefix}:{key}");
            for _ in 0..5 {
                assert!(granted(cache.hit(&key, FIVE).await), "{key}");
            }
            assert!(!granted(cache.hit(&key, FIVE).await), "{key}");
        }
    }
    // Another limiter of the application has an overflow of its own: its budget is its own too.
    let hundred = Budget { limit: 100, ..FIVE };
    assert!(granted(cache.hit(&limit::custom("mail", "key:a"), hundred).await));
    assert!(!granted(cache.hit(&limit::custom("search", "key:new"), ONE).await));
}

#[tokio::test]
async fn so_many_wait_at_one_bucket_and_not_one_more() {
    let (_, cache) = cache();
    assert!(granted(cache.begin("key", ONE).await));
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..MAX_WAITING + 100 {
        let cache = Arc::clone(&cache);
        waiters.spawn(async move { cache.begin("key", ONE).await });
    }
    for _ in 0..100 {
        let refused = waiters.join_next().await.unwrap().unwrap();
        assert_eq!(refused, LimitVerdict::Exceeded { retry_after: Duration::from_secs(1) });
    }
    cache.settle("key", Settlement::Counted).await;
    while let Some(refused) = waiters.join_next().await {
        assert_eq!(refused.unwrap(), LimitVerdict::Exceeded { retry_after: ONE.window });
    }
}

#[tokio::test]
async fn fuller_buckets_outlive_emptier_ones() {
    let (_, cache) = cache();
    for key in 0..100 {
        for _ in 0..4 {
            cache.hit(&format!("tried {key}"), FIVE).await;
        }
    }
    for key in 0..300_000 {
        cache.hit(&format!("flood {key}"), FIVE).await;
    }
    for key in 0..100 {
        let key = format!("tried {key}");
        assert!(granted(cache.hit(&key, FIVE).await));
        assert!(!granted(cache.hit(&key, FIVE).await), "{key} got a new budget");
    }
}

#[tokio::test]
async fn full_of_penalties_it_is_never_open() {
    let (clock, cache) = cache();
    for (purpose, prefix) in PREFIXES {
        for key in 0..purpose.places() * 2 {
            cache.hit(&format!("{prefix}:penalty {key}"), ONE).await;
        }
    }
    assert_eq!(cache.len(), MAX_BUCKETS);
    let mut passed = 0;
    for key in 0..10_000 {
        passed += u32::from(granted(cache.hit(&format!("new {key}"), FIVE).await));
    }
    assert!(passed <= 16 * 5, "{passed} of 10,000 passed, where one shared budget a shard is the most");
    // A success of one stranger clears nothing for the others: the places it held come back, no more.
    for key in 0..1_000 {
        let key = format!("wide {key}");
        let wide = Budget { limit: 6, ..FIVE };
        if granted(cache.begin(&key, wide).await) {
            cache.settle(&key, Settlement::Reset).await;
        }
        assert!(!granted(cache.hit(&key, FIVE).await), "one success emptied the shared budget");
    }
    // When the penalties end, there is room again.
    clock.advance(900_000);
    for key in 0..1_000 {
        assert!(granted(cache.hit(&format!("later {key}"), FIVE).await));
    }
}
