use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sentri_core::crypto::Secret;
use sentri_core::failure::Failure;
use sentri_core::histogram::Histogram;
use sentri_core::password::{
    HashAlgorithm, Hasher, PasswordVerdict, Policy, Pool, Requester, dummy_hash, hash, is_common, needs_rehash, verify,
};
use serde_json::json;

use crate::vectors::{self, option, shown, text};

/// bcrypt at its lowest cost, where the time is not the point.
fn cheap() -> Policy {
    Policy { cost: 4, ..Policy::default() }
}

fn argon2id() -> Policy {
    Policy { algorithm: HashAlgorithm::Argon2id, ..Policy::default() }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[test]
fn vectors() {
    vectors::run("password", |given| match text(given, "op") {
        "verify" => {
            let verdict = verify(text(given, "password"), text(given, "encoded"), &Policy::default());
            Ok(json!(verdict == PasswordVerdict::Match))
        }
        "check" => {
            let policy = Policy::from_options(option(given, "options"), None).map_err(shown)?;
            policy.check("password", text(given, "password")).map(|()| json!("ok")).map_err(shown)
        }
        "needsRehash" => {
            let options = option(given, "options").unwrap();
            let policy = Policy::from_options(Some(options), options.get("rounds")).map_err(shown)?;
            Ok(json!(needs_rehash(text(given, "encoded"), &policy)))
        }
        _ => {
            let made = Policy::from_options(option(given, "password"), option(given, "saltRounds"));
            made.map(|_| json!("ok")).map_err(shown)
        }
    });
}

#[test]
fn defaults() {
    let policy = Policy::from_options(None, None).unwrap();
    assert_eq!(policy, Policy::default());
    assert_eq!((policy.algorithm, policy.cost), (HashAlgorithm::Bcrypt, 12));
    assert_eq!((policy.min_length, policy.max_length, policy.blocklist), (8, 1024, false));
}

#[test]
fn a_hash_verifies_and_nothing_else_does() {
    for policy in [cheap(), argon2id()] {
        let encoded = hash("päss wörd 🔑", &policy).unwrap();
        let encoded = encoded.expose();
        assert_eq!(verify("päss wörd 🔑", encoded, &policy), PasswordVerdict::Match);
        for wrong in ["", "päss wörd", "päss wörd 🔑 ", "Päss wörd 🔑"] {
            assert_eq!(verify(wrong, encoded, &policy), PasswordVerdict::Mismatch, "{wrong}");
        }
        assert_ne!(hash("päss wörd 🔑", &policy).unwrap().expose(), encoded, "every hash has its own salt");
        assert!(!needs_rehash(encoded, &policy));
    }
    assert!(hash("password", &cheap()).unwrap().expose().starts_with("$2b$04$"));
    assert!(hash("password", &argon2id()).unwrap().expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn every_byte_of_a_new_password_counts() {
    let policy = cheap();
    for length in [71, 72] {
        let password = "x".repeat(length);
        let encoded = hash(&password, &policy).unwrap();
        assert_eq!(verify(&password, encoded.expose(), &policy), PasswordVerdict::Match);
        assert_eq!(verify(&password[1..], encoded.expose(), &policy), PasswordVerdict::Mismatch);
    }
    for too_long in ["x".repeat(73), "🔑".repeat(64), "x".repeat(10_000_000)] {
        let started = Instant::now();
        assert!(
            matches!(hash(&too_long, &Policy::default()), Err(Failure::Refused(error)) if error.code == "VALIDATION_ERROR")
        );
        assert!(Policy::default().check("newPassword", &too_long).is_err());
        assert!(started.elapsed() < Duration::from_millis(100), "it was hashed first");
    }
    let long = "🔑".repeat(256);
    let encoded = hash(&long, &argon2id()).unwrap();
    assert_eq!(verify(&long, encoded.expose(), &argon2id()), PasswordVerdict::Match);
    assert_eq!(verify(&"🔑".repeat(255), encoded.expose(), &argon2id()), PasswordVerdict::Mismatch);
}

#[test]
fn nul_is_safe() {
    // bcrypt repeats its key behind a NUL, so these two would be one: the reason to refuse NUL there.
    let encoded = hash("ab", &cheap()).unwrap();
    assert_eq!(verify("ab\0ab", encoded.expose(), &cheap()), PasswordVerdict::Match);
    assert!(hash("ab\0ab", &cheap()).is_err());
    let encoded = hash("abcdefgh\0tail", &argon2id()).unwrap();
    assert_eq!(verify("abcdefgh", encoded.expose(), &argon2id()), PasswordVerdict::Mismatch);
    assert_eq!(verify("abcdefgh\0liat", encoded.expose(), &argon2id()), PasswordVerdict::Mismatch);
}

#[test]
fn the_error_names_the_field_and_not_the_password() {
    let error = Policy::default().check("newPassword", "canary").unwrap_err();
    assert_eq!(error.details.as_deref(), Some(&json!({ "field": "newPassword" })));
    assert!(!format!("{error:?}").contains("canary"));
}

#[test]
fn the_dummy_is_well_formed_and_takes_the_full_time() {
    for policy in [Policy { cost: 10, ..Policy::default() }, argon2id()] {
        let (dummy, real) = (dummy_hash(&policy), hash("a real one", &policy).unwrap());
        assert_eq!(dummy.expose().len(), real.expose().len());
        let [dummy, real] = quickest([dummy, real], |encoded| {
            assert_eq!(verify("wrong", encoded.expose(), &policy), PasswordVerdict::Mismatch);
        });
        assert!(dummy > real * 0.5 && dummy < real * 2.0, "{dummy} {real}");
    }
}

/// The least time in seconds that each of the inputs takes, measured in turns so that a busy machine slows them alike,
/// and often enough that each gets the processor for itself once.
fn quickest<T, const N: usize>(inputs: [T; N], run: impl Fn(&T)) -> [f64; N] {
    let mut least = [f64::MAX; N];
    for _ in 0..25 {
        for (input, least) in inputs.iter().zip(&mut least) {
            let started = Instant::now();
            run(input);
            *least = least.min(started.elapsed().as_secs_f64());
        }
    }
    least
}

#[test]
fn common_passwords() {
    for common in ["password", "PASSWORD", "Qwerty", "1234", "zzzzzz", "abcabcabc", "letmeinletmein", "87654321"] {
        assert!(is_common(common), "{common}");
    }
    for fine in ["", "k", "zebra-tuba-7", "my hamster plays the tuba", "passwordtuba", "日本語のパスワード"] {
        assert!(!is_common(fine), "{fine}");
    }
}

#[tokio::test]
async fn one_verification_whoever_asks() {
    let hasher = Hasher::new(cheap());
    let stored = hasher.hash(secret("the right one")).await.unwrap();
    let table = [
        ("the right one", Some(stored.clone()), true),
        ("a wrong one", Some(stored.clone()), false),
        ("the right one", None, false),
        ("the right one", Some(secret("malformed")), false),
        ("the right one", Some(secret("")), false),
        ("the right one", Some(secret("$2b$31$abcdefghijklmnopqrstuu/LyaWGwEStf1iyfYi0lXNchm4DAE/we")), false),
        ("", None, false),
    ];
    for (at, (password, encoded, expected)) in table.into_iter().enumerate() {
        assert_eq!(hasher.verify(secret(password), encoded).await.unwrap(), expected, "{at}");
        assert_eq!(hasher.verifications(), at as u64 + 1);
    }
    let short = Hasher::new(Policy { max_length: 10, ..argon2id() });
    let longer = hash("0123456789a", &argon2id()).unwrap();
    assert!(
        !short.verify(secret("0123456789a"), Some(longer)).await.unwrap(),
        "longer than any that the policy admits"
    );
    let huge = Secret::new("x".repeat(10_000_000));
    assert!(!hasher.verify(huge, Some(stored)).await.unwrap());
    assert!(!format!("{hasher:?}").contains("$2b$"));
}

#[test]
fn every_failing_path_takes_the_live_cost() {
    let policy = Policy { cost: 10, ..Policy::default() };
    let hasher = Hasher::with_pool(policy.clone(), Arc::new(Pool::new(1, 64, Duration::from_secs(5))));
    let live = hash("password", &policy).unwrap();
    let old = hash("password", &Policy { cost: 7, ..policy }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Of users who come from elsewhere; each takes a part of the live cost by itself.
    let [scrypt, pbkdf2, argon2] = [
        "$scrypt$ln=12,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$i=50000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHQxMjM0NTY$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ]
    .map(|encoded| Some(secret(encoded)));
    let stored = [Some(live), None, Some(secret("x")), Some(old), scrypt, pbkdf2, argon2];
    let [wrong, unknown, malformed, old, scrypt, pbkdf2, argon2] = quickest(stored, |encoded| {
        let verdict = runtime.block_on(hasher.verify(secret("wrong"), encoded.clone()));
        assert!(!verdict.unwrap());
    });
    for (name, other) in [
        ("unknown user", unknown),
        ("malformed", malformed),
        ("hash of a lower cost", old),
        ("scrypt", scrypt),
        ("PBKDF2", pbkdf2),
        ("argon2i", argon2),
    ] {
        assert!(other > wrong * 0.5 && other < wrong * 2.0, "{name}: {other} against {wrong}");
    }
}

#[tokio::test]
async fn hashes_of_other_systems_give_way_to_the_live_one() {
    let pbkdf2 = secret("$pbkdf2-sha256$i=1$c2FsdA$Eg+2z/z4syxD5yJSVsT4N6hlSMkszDVICAWYfLcL4Xs");
    for policy in [Policy { cost: 4, ..Policy::default() }, argon2id()] {
        assert!(needs_rehash(pbkdf2.expose(), &policy));
        let hasher = Hasher::new(policy);
        let better = hasher.rehash(secret("password"), &pbkdf2).await.unwrap().unwrap();
        assert!(hasher.verify(secret("password"), Some(better.clone())).await.unwrap());
        assert!(!hasher.needs_rehash(&better));
    }
}

#[tokio::test]
async fn rehashing() {
    let strong = Hasher::new(Policy { cost: 5, ..Policy::default() });
    let weak = hash("password", &cheap()).unwrap();
    let better = strong.rehash(secret("password"), &weak).await.unwrap().unwrap();
    assert!(better.expose().starts_with("$2b$05$"));
    assert!(strong.verify(secret("password"), Some(better.clone())).await.unwrap());
    assert!(strong.rehash(secret("password"), &better).await.unwrap().is_none());
    // A password of before that was truncated keeps its hash: bcrypt can't hold all of it.
    assert!(strong.rehash(secret(&"x".repeat(80)), &weak).await.unwrap().is_none());
    let modern = Hasher::new(argon2id());
    let moved = modern.rehash(secret("password"), &weak).await.unwrap().unwrap();
    assert!(moved.expose().starts_with("$argon2id$"));
    assert!(strong.rehash(secret("password"), &moved).await.unwrap().is_none(), "never back to bcrypt");
    assert!(strong.verify(secret("password"), Some(moved)).await.unwrap(), "hashes of both kinds verify");
}

/// A new hash must not refuse the text that the user chose, of several that the old hash accepts.
#[tokio::test]
async fn a_hash_that_accepts_several_texts_is_kept() {
    let modern = Hasher::new(argon2id());
    let cut = hash(&"x".repeat(72), &cheap()).unwrap();
    for typed in ["x".repeat(72), format!("{}typo", "x".repeat(72))] {
        assert!(modern.verify(secret(&typed), Some(cut.clone())).await.unwrap());
        assert!(modern.rehash(secret(&typed), &cut).await.unwrap().is_none(), "{} bytes", typed.len());
    }
    let whole = hash(&"x".repeat(71), &cheap()).unwrap();
    assert!(modern.rehash(secret(&"x".repeat(71)), &whole).await.unwrap().is_some());
    let stronger = Hasher::new(Policy { cost: 5, ..Policy::default() });
    assert!(stronger.rehash(secret(&"x".repeat(72)), &cut).await.unwrap().is_some(), "bcrypt accepts the same again");
    // Of better-auth, which compares passwords in the normal form NFKC.
    let normalized = secret(
        "$scrypt-nfkc$ln=14,r=16,p=1$NzU0ZDMyZjczZDRkNWI3MTEyMmQ2OWZiNDUxNDE0MzI$\
         iKVSXWjlbtOTOgtR2qKHWDVbmnKWQuVmVyYNXN7F3fB1fJfgC1waCjsSlXZzg9N9ewJk+0QK115mJsJ3oryR6g",
    );
    for typed in ["fianc\u{e9} \u{c5}", "fiance\u{301} A\u{30a}"] {
        assert!(modern.verify(secret(typed), Some(normalized.clone())).await.unwrap(), "{typed}");
        assert!(modern.rehash(secret(typed), &normalized).await.unwrap().is_none(), "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_1000_logins_at_once_few_run_and_the_rest_is_told_to_wait() {
    let pool = Arc::new(Pool::new(2, 64, Duration::from_secs(5)));
    let hasher = Hasher::with_pool(Policy { cost: 6, ..Policy::default() }, Arc::clone(&pool));
    let logins = (0..1_000).map(|_| {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.verify(secret("password"), None).await })
    });
    let (mut answered, mut full) = (0, 0);
    for login in logins.collect::<Vec<_>>() {
        match login.await.unwrap() {
            Ok(verdict) => {
                assert!(!verdict);
                answered += 1;
            }
            Err(Failure::HashQueueFull) => full += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(answered + full, 1_000);
    assert!(answered >= 66, "{answered}");
    assert!(full > 0, "the queue took 1,000");
    assert!(pool.peak() <= 2, "{}", pool.peak());
    assert_eq!(hasher.verifications(), answered);
    assert_eq!(pool.running(), 0);
    assert!(!hasher.verify(secret("password"), None).await.unwrap(), "it recovers");
}

#[tokio::test]
async fn as_many_wait_as_the_queue_takes_and_not_one_more() {
    let pool = Arc::new(Pool::new(1, 3, Duration::from_secs(60)));
    let (busy, done) = blocking(&pool).await;
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let pool = Arc::clone(&pool);
        waiters.spawn(async move { pool.run(|| ()).await });
    }
    // The place is taken until the end: whoever is answered before was refused.
    for _ in 0..7 {
        let refused = waiters.join_next().await.unwrap().unwrap();
        assert!(matches!(refused, Err(Failure::HashQueueFull)));
    }
    done.store(true, Ordering::SeqCst);
    while let Some(served) = waiters.join_next().await {
        served.unwrap().unwrap();
    }
    busy.await.unwrap();
}

#[tokio::test]
async fn the_wait_for_a_place_ends() {
    let pool = Arc::new(Pool::new(1, 64, Duration::from_millis(50)));
    let (busy, done) = blocking(&pool).await;
    let started = Instant::now();
    assert!(matches!(pool.run(|| ()).await, Err(Failure::HashQueueFull)));
    assert!(started.elapsed() < Duration::from_secs(2));
    done.store(true, Ordering::SeqCst);
    busy.await.unwrap();
    pool.run(|| ()).await.unwrap();
}

#[tokio::test]
async fn an_abandoned_request_keeps_its_place_until_its_hash_is_done() {
    let pool = Arc::new(Pool::new(1, 0, Duration::from_secs(5)));
    let (abandoned, done) = blocking(&pool).await;
    abandoned.abort();
    assert!(abandoned.await.unwrap_err().is_cancelled());
    assert_eq!(pool.running(), 1);
    assert!(matches!(pool.run(|| ()).await, Err(Failure::HashQueueFull)), "its place was given away");
    done.store(true, Ordering::SeqCst);
    while pool.running() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    pool.run(|| ()).await.unwrap();
}

#[tokio::test]
async fn the_wait_and_the_time_of_a_hash_are_measured() {
    let pool = Arc::new(Pool::new(1, 64, Duration::from_secs(60)));
    let hasher = Hasher::with_pool(cheap(), Arc::clone(&pool));
    let (busy, done) = blocking(&pool).await;
    let waiting = {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.on_behalf_of(Requester::Unknown).verify(secret("password"), None).await })
    };
    while pool.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(hasher.waits().micros(), 0, "it is counted once it is over");
    done.store(true, Ordering::SeqCst);
    busy.await.unwrap();
    waiting.await.unwrap().unwrap();
    let count = |histogram: &Histogram| histogram.counts().iter().sum::<u64>();
    assert_eq!((count(hasher.waits()), count(hasher.times())), (1, 1));
    assert!(hasher.waits().micros() >= 60_000, "{:?}", hasher.waits());
    assert!(hasher.times().micros() > 0, "{:?}", hasher.times());
    hasher.hash(secret("password")).await.unwrap();
    assert_eq!((count(hasher.waits()), count(hasher.times())), (2, 2));
}

#[tokio::test]
async fn a_panic_is_an_error_and_frees_the_place() {
    let pool = Pool::new(1, 64, Duration::from_secs(5));
    assert!(matches!(pool.run(|| panic!("in a job")).await, Err::<(), _>(Failure::Internal(_))));
    assert_eq!(pool.run(|| 7).await.unwrap(), 7);
}

#[tokio::test]
async fn a_waiter_who_leaves_frees_its_place_in_the_queue() {
    let pool = Arc::new(Pool::new(1, 1, Duration::from_secs(5)));
    let (busy, done) = blocking(&pool).await;
    for _ in 0..5 {
        let waiter = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(|| ()).await })
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(matches!(pool.run(|| ()).await, Err(Failure::HashQueueFull)));
        waiter.abort();
        assert!(waiter.await.unwrap_err().is_cancelled());
    }
    done.store(true, Ordering::SeqCst);
    busy.await.unwrap();
}

/// A job that runs until the flag is set; returns once it runs.
async fn blocking(pool: &Arc<Pool>) -> (tokio::task::JoinHandle<()>, Arc<AtomicBool>) {
    let (done, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (pool, flag, began) = (Arc::clone(pool), Arc::clone(&done), Arc::clone(&started));
    let task = tokio::spawn(async move {
        pool.run(move || {
            began.fetch_add(1, Ordering::SeqCst);
            while !flag.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        })
        .await
        .unwrap();
    });
    while started.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (task, done)
}

proptest! {
    #[test]
    fn hostile_hashes_match_nothing_and_end_soon(encoded in "(\\$2[abxy]\\$|\\$argon2id?\\$v=19\\$m=|\\$scrypt(-nfkc|-firebase)?\\$ln=|\\$pbkdf2-sha(1|256|512)\\$i=)?.{0,80}") {
        let started = Instant::now();
        prop_assert_eq!(verify("password", &encoded, &Policy::default()), PasswordVerdict::Mismatch);
        prop_assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_password_that_passes_the_policy_can_be_hashed_and_used(password in "\\PC{8,30}") {
        if cheap().check("password", &password).is_ok() {
            let encoded = hash(&password, &cheap()).unwrap();
            prop_assert_eq!(verify(&password, encoded.expose(), &cheap()), PasswordVerdict::Match);
        }
    }
}
