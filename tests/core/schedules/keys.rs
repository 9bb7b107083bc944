//! The key set of an issuer elsewhere: one fetch at a time, an answer for everybody, and no token by a withdrawn key.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use sentri_core::clock::TestClock;
use sentri_core::key_source::{FetchError, KeySource};
use sentri_core::sync::step;
use sentri_core::token::Algorithm;
use sentri_core::token::remote::RETRY_AFTER;
use sentri_core::{AuthClient, ClientHost, ErrorCode};
use serde_json::json;

use crate::fixtures::{NOW, claims, ring};
use crate::{Timers, any_of, ended, hold, task};

const CALLERS: usize = 4;
const MAX_AGE: i64 = 600_000;
const OLD: Algorithm = Algorithm::Es256;
const NEW: Algorithm = Algorithm::EdDsa;

static OLD_TOKEN: LazyLock<String> = LazyLock::new(|| ring(OLD).sign_access(&claims(), NOW).unwrap());
static NEW_TOKEN: LazyLock<String> = LazyLock::new(|| ring(NEW).sign_access(&claims(), NOW).unwrap());
static OLD_SET: LazyLock<Vec<u8>> = LazyLock::new(|| set_of(OLD));
static NEW_SET: LazyLock<Vec<u8>> = LazyLock::new(|| set_of(NEW));

fn set_of(algorithm: Algorithm) -> Vec<u8> {
    ring(algorithm).jwks(NOW, 0).unwrap().to_string().into_bytes()
}

/// The answer to a fetch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Set,
    Unreachable,
    Refused,
    Panic,
}

/// An issuer that has the old key, and later only the new one. Plain atomics, which are no steps.
#[derive(Default)]
struct Issuer {
    has_new: AtomicBool,
    fetches: AtomicUsize,
    is_fetching: AtomicBool,
    /// Whether one fetch began before another ended. Noted, since a panic of a source is an answer of it.
    overlapped: AtomicBool,
    answers: Vec<Answer>,
}

#[async_trait]
impl KeySource for Issuer {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        self.overlapped.fetch_or(self.is_fetching.swap(true, Ordering::SeqCst), Ordering::SeqCst);
        let answer = self.answers.get(self.fetches.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(Answer::Set);
        step();
        let set = if self.has_new.load(Ordering::SeqCst) { &NEW_SET } else { &OLD_SET };
        shuttle::future::yield_now().await;
        self.is_fetching.store(false, Ordering::SeqCst);
        match answer {
            Answer::Set => Ok(set.to_vec()),
            Answer::Unreachable => Err(FetchError::unreachable("no answer")),
            Answer::Refused => Err(FetchError::refused("no set")),
            // Without the hook, which would print a schedule for it.
            Answer::Panic => resume_unwind(Box::new("a broken source")),
        }
    }
}

fn client(answers: Vec<Answer>) -> (AuthClient, Arc<Issuer>, Arc<TestClock>) {
    let issuer = Arc::new(Issuer { answers, ..Issuer::default() });
    let clock = Arc::new(TestClock::at(NOW));
    let host = ClientHost {
        clock: Arc::<TestClock>::clone(&clock),
        key_source: Some(Arc::<Issuer>::clone(&issuer)),
        ..ClientHost::default()
    };
    let options = json!({ "mode": "client", "keyUri": "https://auth.example.com/auth/keys", "cacheMaxAge": "10m" });
    (AuthClient::new(&options, host).unwrap(), issuer, clock)
}

/// The code of the refusal, `None` for a token that is taken.
async fn verdict(client: &AuthClient, token: &str) -> Option<String> {
    client.verify_access_token(token).await.err().map(|error| error.code.to_string())
}

fn fetched(issuer: &Issuer) -> usize {
    assert!(!issuer.overlapped.load(Ordering::SeqCst), "two fetches at once");
    issuer.fetches.load(Ordering::SeqCst)
}

fn first_requests(client: &AuthClient) -> Vec<shuttle::future::JoinHandle<Option<String>>> {
    let request = |_| {
        let client = client.clone();
        task(async move { verdict(&client, &OLD_TOKEN).await })
    };
    (0..CALLERS).map(request).collect()
}

#[test]
fn first_requests_share_one_fetch_however_it_ends() {
    hold(Timers::Never, || {
        let answer = any_of(&[Answer::Set, Answer::Unreachable, Answer::Refused, Answer::Panic]);
        let (client, issuer, _) = client(vec![answer]);
        let expected = (answer != Answer::Set).then(|| ErrorCode::ServiceUnavailable.to_string());
        for verdict in ended(first_requests(&client)) {
            assert_eq!(verdict, expected);
        }
        assert_eq!(fetched(&issuer), 1);
    });
}

/// The request that began the fetch is given up, and the others have their answer all the same.
#[test]
fn a_request_that_is_given_up_takes_no_fetch_along() {
    hold(Timers::Never, || {
        let (client, issuer, _) = client(Vec::new());
        let requests = first_requests(&client);
        requests[0].abort();
        requests[2].abort();
        assert!(ended(requests).iter().all(Option::is_none));
        assert!(fetched(&issuer) <= 1);
    });
}

/// A verdict that a host may repeat under an epoch rests on the set of that epoch or a newer one.
fn is_withdrawn_with_its_epoch(later: i64) {
    let (client, issuer, clock) = client(Vec::new());
    assert_eq!(shuttle::future::block_on(verdict(&client, &OLD_TOKEN)), None);
    let old_epoch = client.epoch();
    issuer.has_new.store(true, Ordering::SeqCst);
    clock.advance(later);
    let readers = (0..2).map(|_| {
        let client = client.clone();
        task(async move {
            for _ in 0..2 {
                let epoch = client.epoch();
                let verdict = verdict(&client, &OLD_TOKEN).await;
                assert!(verdict.is_some() || epoch == old_epoch, "a token by a key that epoch {epoch} has not");
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let newcomer = client.clone();
    let newcomer = task(async move { verdict(&newcomer, &NEW_TOKEN).await });
    ended(readers);
    assert_eq!(ended([newcomer]), [None], "the key is in the set by now");
    assert!(client.epoch() > old_epoch);
    assert_eq!(shuttle::future::block_on(verdict(&client, &OLD_TOKEN)), Some(ErrorCode::TokenInvalid.to_string()));
    assert_eq!(fetched(&issuer), 2);
}

#[test]
fn a_withdrawn_key_is_withdrawn_with_its_epoch() {
    hold(Timers::Never, || is_withdrawn_with_its_epoch(RETRY_AFTER + 1));
}

/// The same where the set is old enough to be looked for in the background.
#[test]
fn a_key_is_withdrawn_by_a_fetch_that_nobody_waits_for() {
    hold(Timers::Never, || is_withdrawn_with_its_epoch(MAX_AGE / 5 * 4));
}
