//! The state of a remote key set as a table: events in, decisions out, no clock and no network.

use std::sync::Arc;

use sentri_core::clock::Millis;
use sentri_core::token::Algorithm;
use sentri_core::token::jwks::JwkSet;
use sentri_core::token::remote::{Attempt, Decision, RETRY_AFTER, RemoteSet, STALE_FOR};

use crate::fixtures::{NOW, ring};

const HOUR: Millis = 60 * 60 * 1000;

fn set(algorithm: Algorithm) -> Arc<JwkSet> {
    let text = ring(algorithm).jwks(NOW, 0).unwrap().to_string();
    Arc::new(JwkSet::from_remote_json(text.as_bytes()).unwrap())
}

fn word(state: &RemoteSet, now: Millis) -> &'static str {
    match state.decide(now) {
        Decision::Use(_) => "use",
        Decision::UseAndFetch(_) => "use and fetch",
        Decision::Fetch => "fetch",
        Decision::Refuse => "refuse",
    }
}

/// A set that was fetched at 0.
fn fetched() -> RemoteSet {
    let mut state = RemoteSet::new(HOUR);
    assert!(state.begin(0));
    assert!(state.succeed(set(Algorithm::Es256), 0));
    state
}

#[test]
fn without_a_set_there_is_nothing_to_do_but_fetch() {
    let mut state = RemoteSet::new(HOUR);
    assert_eq!(word(&state, 0), "fetch");
    assert!(state.begin(0));
    assert_eq!(word(&state, 0), "fetch", "who comes now waits for the one in flight");
    assert!(!state.begin(0) && !state.begin(HOUR), "one at a time");
    state.fail(Attempt::Unreachable, 4_000);
    assert_eq!(word(&state, 5_999), "refuse");
    assert_eq!(state.retry_after(5_000), 1_000);
    assert_eq!(word(&state, 6_000), "fetch", "an issuer that starts up is asked again soon");
    assert!(state.begin(6_000));
    state.fail(Attempt::Refused, 6_100);
    assert_eq!(word(&state, 35_999), "refuse", "what is wrong stays wrong for a while");
    assert_eq!(word(&state, 36_000), "fetch");
    assert_eq!(state.fresh_until(36_000), 0);
}

#[test]
fn a_set_is_used_and_replaced_by_its_age() {
    for (age, expected) in [
        (0, "use"),
        (45 * 60_000 - 1, "use"),
        (45 * 60_000, "use and fetch"),
        (HOUR - 1, "use and fetch"),
        (HOUR, "fetch"),
        (STALE_FOR + HOUR, "fetch"),
    ] {
        assert_eq!(word(&fetched(), age), expected, "{age}");
    }
}

#[test]
fn an_outage_is_survived_for_a_day_and_not_longer() {
    let mut state = fetched();
    let mut attempts = 0;
    for now in (HOUR..STALE_FOR).step_by(10_000) {
        let decision = word(&state, now);
        assert!(now == HOUR || decision.starts_with("use"), "{decision} at {now}: only the first may wait");
        if state.begin(now) {
            attempts += 1;
            state.fail(Attempt::Unreachable, now + 5_000);
        }
        assert!(state.is_failing());
        assert_eq!(state.fresh_until(now), state.fresh_until(now).min(STALE_FOR));
    }
    assert_eq!(attempts, (STALE_FOR - HOUR) / RETRY_AFTER);
    assert_eq!(word(&state, STALE_FOR - 1), "use");
    state.begin(STALE_FOR);
    state.fail(Attempt::Refused, STALE_FOR);
    assert_eq!(word(&state, STALE_FOR + 1), "refuse");
    assert!(state.begin(STALE_FOR + RETRY_AFTER));
    assert!(!state.succeed(set(Algorithm::Es256), STALE_FOR + RETRY_AFTER), "the same set as ever");
    assert_eq!(word(&state, STALE_FOR + RETRY_AFTER), "use");
    assert!(!state.is_failing());
}

#[test]
fn unknown_keys_are_worth_one_attempt_in_thirty_seconds() {
    let mut state = fetched();
    assert!(!state.may_know_more(RETRY_AFTER - 1));
    assert!(state.may_know_more(RETRY_AFTER));
    assert!(state.begin(RETRY_AFTER));
    assert!(state.may_know_more(RETRY_AFTER), "the one in flight is waited for");
    assert_eq!(word(&state, RETRY_AFTER), "use", "tokens of known keys go on");
    assert!(state.succeed(set(Algorithm::Rs256), RETRY_AFTER), "another set");
    assert!(!state.may_know_more(2 * RETRY_AFTER - 1));
}

#[test]
fn what_is_cached_with_a_set_is_looked_at_again_when_the_set_is_due() {
    let mut state = fetched();
    assert_eq!(state.fresh_until(0), 45 * 60_000);
    assert!(state.begin(50 * 60_000));
    assert_eq!(state.fresh_until(50 * 60_000), 50 * 60_000 + RETRY_AFTER);
}

/// A clock that is put right by a day, in either direction, silences nobody.
#[test]
fn clocks_may_jump() {
    let day = 24 * HOUR;
    let mut state = RemoteSet::new(HOUR);
    assert!(state.begin(10 * day));
    state.fail(Attempt::Refused, 10 * day);
    assert_eq!(word(&state, 9 * day), "fetch");
    assert!(state.begin(9 * day));
    state.succeed(set(Algorithm::Es256), 9 * day);
    assert_eq!(word(&state, 8 * day), "use and fetch");
    assert!(state.begin(8 * day));
    state.fail(Attempt::Unreachable, 8 * day);
    assert_eq!(word(&state, 8 * day + 1), "use");
    assert!(!state.begin(8 * day + 1) && state.begin(8 * day + RETRY_AFTER));
}

#[test]
fn no_age_is_longer_than_a_day() {
    let mut state = RemoteSet::new(Millis::MAX);
    assert!(state.begin(0));
    state.succeed(set(Algorithm::Es256), 0);
    assert_eq!(word(&state, STALE_FOR - 1), "use and fetch");
    assert_eq!(word(&state, STALE_FOR), "fetch");
}
