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
    assert_eq!(attempts, STALE_FOR / RETRY_AFTER);
    assert!(!word(&state.decide(HOUR + STALE_FOR)).starts_with("use"));
}
