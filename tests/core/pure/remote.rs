use std::sync::Arc;

use sentri_core::clock::Millis;
use sentri_core::token::jwks::JwkSet;
use sentri_core::token::remote::{FetchFailure, KeyDecision, RETRY_AFTER, RemoteSet, STALE_FOR};
use serde_json::{Value, json};

use crate::vectors::{self, text};

/// A set of one key, by the key's name.
fn set(kid: &str) -> Arc<JwkSet> {
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    Arc::new(JwkSet::from_remote_json(json!({ "keys": [key] }).to_string().as_bytes()).unwrap())
}

fn word(decision: &KeyDecision) -> &'static str {
    match decision {
        KeyDecision::Use(_) => "use",
        KeyDecision::UseAndFetch(_) => "use and fetch",
        KeyDecision::Fetch => "fetch",
        KeyDecision::Refuse => "refuse",
    }
}

/// What each step says; a failed attempt says nothing. A set's attempt began when it came, unless it says when.
fn steps(given: &Value) -> Value {
    let mut state = RemoteSet::new(given["maxAge"].as_i64().unwrap());
    let mut said = Vec::new();
    for step in given["steps"].as_array().unwrap() {
        let now = step["at"].as_i64().unwrap();
        match text(step, "do") {
            "decide" => said.push(json!(word(&state.decide(now)))),
            "begin" => said.push(json!(state.begin(now))),
            "set" => said.push(json!(state.succeed(set(text(step, "set")), step["began"].as_i64().unwrap_or(now)))),
            "unreachable" => state.fail(FetchFailure::Unreachable, now),
            "refused" => state.fail(FetchFailure::Refused, now),
            "unknown" => said.push(json!(state.may_know_more(now))),
            "failing" => said.push(json!(state.is_failing())),
            "retryAfter" => said.push(json!(state.retry_after(now))),
            "freshUntil" => said.push(json!(state.fresh_until(now))),
            other => panic!("{other} is no step"),
        }
    }
    json!(said)
}

#[test]
fn vectors() {
    vectors::run("remote", |given| Ok(steps(given)));
}

/// P43: a day of outage of a set that is old already, step by step: nobody but the first waits, and the issuer is asked
/// every 30 s.
#[test]
fn an_outage_of_a_day_is_survived() {
    const HOUR: Millis = 60 * 60 * 1000;
    let mut state = RemoteSet::new(HOUR);
    assert!(state.begin(0) && state.succeed(set("A"), 0));
    let mut attempts = 0;
    for now in (HOUR..HOUR + STALE_FOR).step_by(10_000) {
        let decision = word(&state.decide(now));
        assert!(now == HOUR || decision.starts_with("use"), "{decision} at {now}");
        if state.begin(now) {
            attempts += 1;
            state.fail(FetchFailure::Unreachable, now + 5_000);
        }
        assert!(state.is_failing() && (now..=HOUR + STALE_FOR).contains(&state.fresh_until(now)));
    }
    assert_eq!((attempts, STALE_FOR), (STALE_FOR / RETRY_AFTER, 24 * HOUR));
    assert!(!word(&state.decide(HOUR + STALE_FOR)).starts_with("use"));
}

#[test]
fn a_set_that_is_fetched_more_seldom_than_it_gets_old_goes_on_until_its_end() {
    const SHORT: Millis = 10_000;
    let mut state = RemoteSet::new(SHORT);
    assert!(state.begin(0) && state.succeed(set("A"), 0));
    assert_eq!(word(&state.decide(SHORT + 5_000)), "use", "the attempt was of late");
    assert_eq!(word(&state.decide(RETRY_AFTER)), "fetch");
    let end = SHORT + STALE_FOR;
    assert!(state.begin(end - 1));
    state.fail(FetchFailure::Refused, end - 1);
    assert_eq!((word(&state.decide(end - 1)), word(&state.decide(end))), ("use", "refuse"));
}

#[test]
fn a_failed_attempt_at_the_very_age_keeps_the_answer_fresh_until_the_next_one() {
    const HOUR: Millis = 60 * 60 * 1000;
    let mut state = RemoteSet::new(HOUR);
    assert!(state.begin(0) && state.succeed(set("A"), 0));
    let at = HOUR / 4 * 3;
    assert_eq!(state.fresh_until(at - 1), at);
    assert!(state.begin(at));
    state.fail(FetchFailure::Refused, at);
    assert_eq!(state.fresh_until(at), at + RETRY_AFTER);
}

#[test]
fn a_state_knows_its_set_and_whether_one_is_on_its_way() {
    let mut state = RemoteSet::new(RETRY_AFTER);
    let (one, same) = (set("A"), set("A"));
    assert!(!state.is_at(&one) && !state.is_in_flight() && !state.is_failing());
    assert!(state.begin(0) && state.is_in_flight());
    assert!(state.succeed(Arc::clone(&one), 0) && !state.is_in_flight());
    assert!(state.is_at(&one) && !state.is_at(&same), "the very one, not one like it");
    assert!(state.begin(RETRY_AFTER) && state.is_in_flight());
    state.fail(FetchFailure::Unreachable, RETRY_AFTER);
    assert!(!state.is_in_flight() && state.is_failing());
}

#[test]
fn a_clock_that_was_put_back_moves_no_attempt_by_more_than_it_must() {
    let mut state = RemoteSet::new(STALE_FOR);
    assert!(state.begin(0));
    state.fail(FetchFailure::Refused, 0);
    assert!(!state.may_know_more(-RETRY_AFTER) && state.may_know_more(-RETRY_AFTER - 1));
    // Of a set that came by a clock ahead, half a minute is forgiven.
    let at = 100_000;
    assert!(state.succeed(set("A"), at));
    for (now, said) in [(at, "use"), (at - RETRY_AFTER, "use"), (at - RETRY_AFTER - 1, "use and fetch")] {
        assert_eq!(word(&state.decide(now)), said, "{now}");
    }
}
