//! P42, P43: how often a key set is fetched, who waits for it, and what an outage does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sentri_core::key_source::{FetchError, KeySource};
use sentri_core::token::Algorithm;
use sentri_core::{ClientHost, ErrorCode};
use serde_json::json;

use super::issuer::{Client, Issuer, Manner, causes, long_lived, stranger, token, verdict};
use crate::fixtures::{NOW, ring};
use crate::support::bearer;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// P42: a hundred thousand tokens, each of another unknown key, over a hundred seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_keys_cost_one_fetch_in_thirty_seconds() {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let good = token(Algorithm::Es256);
    assert_eq!(client.verdict(&good).await, "ok");
    for number in 0..100_000 {
        client.clock.set(NOW + number);
        let verdict = client.verdict(&stranger(&number.to_string())).await;
        assert_eq!(verdict, "TOKEN_INVALID", "{number}");
    }
    assert_eq!(client.verdict(&good).await, "ok");
    assert_eq!(issuer.requests(), 1 + 3, "at 0, 30, 60 and 90 s");
}

/// P42, before an issuer that never gives a set: its answers are bad, so nothing hurries.
#[tokio::test]
async fn unknown_keys_cost_no_more_before_an_issuer_that_answers_badly() {
    let issuer = Issuer::new(Manner::status("200 OK", "[]")).await;
    let client = Client::new(&issuer.uri(), json!({}));
    for number in 0..10_000 {
        client.clock.set(NOW + 10 * number);
        assert_eq!(client.verdict(&stranger(&number.to_string())).await, "SERVICE_UNAVAILABLE");
    }
    assert_eq!(issuer.requests(), 4, "at 0, 30, 60 and 90 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_first_requests_share_one_fetch() {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let client = Arc::new(Client::new(&issuer.uri(), json!({})));
    assert!(client.auth.guard_now(&bearer(&token(Algorithm::Es256))).is_none(), "no I/O without a wait");
    assert_eq!(issuer.requests(), 0, "nothing is fetched before it is needed");
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.verdict(&token(Algorithm::Es256)).await })
        })
        .collect();
    for verdict in waiting {
        assert_eq!(verdict.await.unwrap(), "ok");
    }
    assert_eq!(issuer.requests(), 1);
}

/// Who fetches is a task of its own: the request that began it may go away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_given_up_takes_no_fetch_along() {
    let issuer = Issuer::new(Manner::Hang(Vec::new())).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let good = bearer(&token(Algorithm::Es256));
    let given_up = tokio::time::timeout(Duration::from_millis(200), client.auth.guard(&good)).await;
    assert!(given_up.is_err());
    let second = client.auth.guard(&good).await;
    assert_eq!(verdict(&second), "SERVICE_UNAVAILABLE", "it waited for the first one's fetch, and that ran out");
    assert_eq!(issuer.requests(), 1);
}

/// After the first set every answer is there at once, and the set is replaced before it is old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_once_there_is_a_set() {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let good = token(Algorithm::Es256);
    assert_eq!(client.verdict(&good).await, "ok");
    let epoch = client.auth.epoch();
    for step in 1..=40 {
        client.clock.set(NOW + step * 15 * MINUTE);
        let now = client.auth.guard_now(&bearer(&good)).expect("no I/O on the request's way");
        assert_eq!(verdict(&now), "ok");
        issuer.asked(1 + usize::try_from(step).unwrap() / 3).await;
        // Its answer is on the way.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.auth.epoch(), epoch, "the same set is no change");
}

/// After hours without a request the set may hold a key that was withdrawn: the first one asks, and waits.
#[tokio::test]
async fn an_idle_client_asks_before_it_trusts() {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "ok");
    let epoch = client.auth.epoch();
    issuer.turn(Manner::set(&ring(Algorithm::EdDsa).jwks(NOW, 0).unwrap()));
    client.clock.advance(2 * HOUR);
    assert!(client.auth.guard_now(&bearer(&token(Algorithm::Es256))).is_none());
    assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "TOKEN_INVALID", "its key is withdrawn");
    assert_eq!(client.verdict(&token(Algorithm::EdDsa)).await, "ok");
    assert_ne!(client.auth.epoch(), epoch, "what was cached under the old set is stale");
    assert_eq!(issuer.requests(), 2);
}

/// P43: the issuer away for a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_a_day_is_survived() {
    let keys = ring(Algorithm::Es256);
    let issuer = Issuer::publishing(&keys).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let good = token(Algorithm::Es256);
    assert_eq!(client.verdict(&good).await, "ok");
    issuer.turn(Manner::Close);
    let mut told = false;
    for minutes in (5..25 * 60).step_by(5) {
        client.clock.set(NOW + minutes * MINUTE);
        let guarded = client.guard(&good).await;
        assert_eq!(verdict(&guarded), "ok", "after {minutes} minutes");
        told |= causes(&guarded).iter().any(|cause| cause.contains("HTTP"));
        assert!(guarded.fresh_until <= NOW + 25 * HOUR);
    }
    assert!(told, "the outage is in the log");
    // A key that came in the meantime is nothing that can be judged.
    client.clock.set(NOW + 25 * HOUR - 40_000);
    assert_eq!(client.verdict(&stranger("new")).await, "SERVICE_UNAVAILABLE");
    client.clock.set(NOW + 25 * HOUR);
    let refused = client.guard(&good).await.result.unwrap_err();
    assert!(refused.is(ErrorCode::ServiceUnavailable) && refused.status == 503, "{refused}");
    assert!(refused.retry_after.is_some());
    issuer.turn(Manner::set(&keys.jwks(NOW, 0).unwrap()));
    client.clock.advance(30_000);
    assert_eq!(client.verdict(&good).await, "ok", "it recovers by itself");
    assert_eq!(client.verdict(&stranger("new")).await, "TOKEN_INVALID");
}

/// No set was ever had: an outage, not a bad token.
#[tokio::test]
async fn without_any_set_the_answer_is_to_come_again() {
    let issuer = Issuer::new(Manner::status("503 Service Unavailable", "")).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let good = token(Algorithm::Es256);
    let guarded = client.guard(&good).await;
    let refused = guarded.result.clone().unwrap_err();
    assert_eq!((refused.code.as_ref(), refused.status), ("SERVICE_UNAVAILABLE", 503));
    let response = client.auth.error_response(&refused);
    assert!(response.headers.contains(&("Retry-After".to_owned(), "2".to_owned())), "{response:?}");
    assert!(!response.body.contains(&issuer.uri()) && !response.body.contains("503 S"), "{}", response.body);
    assert_eq!(causes(&guarded), ["auth.protect.failure", "the answer has status 503"]);
    assert_eq!(guarded.events[1].fields["hook"], "keyUri");
    assert_eq!(causes(&client.guard(&good).await), ["auth.protect.failure"], "it is told once");
    issuer.turn(Manner::set(&ring(Algorithm::Es256).jwks(NOW, 0).unwrap()));
    assert_eq!(client.verdict(&good).await, "SERVICE_UNAVAILABLE");
    client.clock.advance(2_000);
    assert_eq!(client.verdict(&good).await, "ok", "an issuer that starts up is asked again after 2 s");
    assert_eq!(issuer.requests(), 2);
}

/// A verdict may be repeated while token and set are good, and not a moment longer.
#[tokio::test]
async fn verdicts_are_fresh_for_as_long_as_token_and_set_are() {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let client = Client::new(&issuer.uri(), json!({ "clockTolerance": 10 }));
    let lasting = client.guard(&token(Algorithm::Es256)).await;
    assert_eq!(lasting.fresh_until, NOW + 45 * MINUTE, "then the set is due");
    let mut claims = long_lived();
    claims.exp = NOW / 1000 + 60;
    let short = ring(Algorithm::Es256).sign_access(&claims, NOW).unwrap();
    let guarded = client.guard(&short).await;
    assert_eq!(guarded.fresh_until, NOW + 70_000, "expiry and tolerance");
    assert_eq!(guarded.result.unwrap().exp, NOW + 60_000);
    client.clock.set(NOW + 69_999);
    assert_eq!(client.verdict(&short).await, "ok");
    client.clock.set(NOW + 70_000);
    assert_eq!(client.verdict(&short).await, "TOKEN_EXPIRED");
    assert_eq!(client.guard(&short).await.fresh_until, 0);
}

/// A source that panics at first, as a driver of the host's might.
struct Panics(AtomicUsize);

#[async_trait]
impl KeySource for Panics {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "a defect");
        Ok(ring(Algorithm::Es256).jwks(NOW, 0).unwrap().to_string().into_bytes())
    }
}

/// P48: the panic is an outage, and the next attempt is made as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_panics_is_an_outage() {
    let source = Arc::new(Panics(AtomicUsize::new(0)));
    let host = ClientHost { key_source: Some(source), ..ClientHost::default() };
    let client = Client::with_host("https://auth.example.com/keys", json!({}), host);
    let guarded = client.guard(&token(Algorithm::Es256)).await;
    assert_eq!(verdict(&guarded), "SERVICE_UNAVAILABLE");
    assert_eq!(causes(&guarded)[1], "the attempt was broken off");
    client.clock.advance(2_000);
    assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "ok");
}
