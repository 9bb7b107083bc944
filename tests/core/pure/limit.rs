use std::time::Duration;

use proptest::prelude::*;
use sentri_core::limit::{self, Bucket, BucketAnswer, Budget, LimitRules, LimitVerdict, LimiterName, Settlement};
use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};

use crate::vectors::{self, option, shown, text};

fn budget(given: &Value) -> Budget {
    Budget {
        limit: u32::try_from(given["limit"].as_u64().unwrap()).unwrap(),
        window: Duration::from_millis(given["window"].as_u64().unwrap()),
    }
}

fn steps(given: &Value) -> Value {
    let budget = budget(given);
    let mut bucket = None::<Bucket>;
    let mut said = Vec::new();
    for step in given["steps"].as_array().unwrap() {
        let now = step["at"].as_i64().unwrap();
        let bucket = bucket.get_or_insert_with(|| Bucket::new(budget, now));
        match text(step, "do") {
            "begin" => said.push(match bucket.begin(budget, now) {
                BucketAnswer::Wait => json!("wait"),
                BucketAnswer::Done(LimitVerdict::Granted { remaining, resets_in }) => {
                    json!({ "granted": remaining, "ms": resets_in.as_millis() as u64 })
                }
                BucketAnswer::Done(LimitVerdict::Exceeded { retry_after }) => {
                    json!({ "exceeded": retry_after.as_millis() as u64 })
                }
            }),
            "counted" => bucket.settle(Settlement::Counted, now),
            "refunded" => bucket.settle(Settlement::Refunded, now),
            _ => bucket.settle(Settlement::Reset, now),
        }
    }
    json!(said)
}

fn headers(given: &Value) -> Value {
    let millis = |value: &Value| Duration::from_millis(value.as_u64().unwrap());
    let verdict = &given["verdict"];
    let verdict = match verdict.get("exceeded") {
        Some(after) => LimitVerdict::Exceeded { retry_after: millis(after) },
        None => LimitVerdict::Granted {
            remaining: u32::try_from(verdict["granted"].as_u64().unwrap()).unwrap(),
            resets_in: millis(&verdict["ms"]),
        },
    };
    json!(limit::headers(text(given, "name"), budget(given), verdict))
}

#[test]
fn vectors() {
    vectors::run("limit", |given| match text(given, "op") {
        "steps" => Ok(steps(given)),
        "headers" => Ok(headers(given)),
        _ => {
            let rules = LimitRules::from_option(option(given, "rateLimit")).map_err(shown)?;
            Ok(rules.map_or(json!("off"), |rules| {
                json!({
                    "login": rules.login_account.limit,
                    "address": rules.login_address.limit,
                    "register": rules.register.limit,
                    "seconds": rules.register.window.as_secs(),
                })
            }))
        }
    });
}

#[test]
fn keys_hold_no_identifier_and_never_meet() {
    let subject = "rizz@example.com";
    let keys = [
        limit::login_account(subject),
        limit::login_address(subject),
        limit::register_address(subject),
        limit::custom("login", subject),
        limit::custom("login:account", subject),
        limit::custom("", subject),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert!(!key.contains("rizz") && key.len() < 100, "{key}");
        assert!(!keys[at + 1..].contains(key), "{key}");
    }
    assert_eq!(limit::login_account(subject), limit::login_account(subject));
    assert_ne!(limit::login_account("a"), limit::login_account("b"));
}

/// By the table that Node and Python run too.
#[test]
fn keys_of_limiters() {
    vectors::run("limit-key", |given| limit::route_key(&given["key"]).map(|key| json!(key)).map_err(shown));
}

/// Every process names a limiter alike, and no two limiters of different rules or prefixes share a name.
#[test]
fn names_of_limiters() {
    let budget = |limit, seconds| Budget { limit, window: Duration::from_secs(seconds) };
    let names = [
        LimiterName::of_rule(budget(3, 60), false),
        LimiterName::of_rule(budget(3, 60), true),
        LimiterName::of_rule(budget(36, 0), false),
        LimiterName::of_rule(budget(3, 61), false),
        LimiterName::named("route"),
        LimiterName::named("3.60.address"),
        LimiterName::named(""),
    ];
    for (at, name) in names.iter().enumerate() {
        assert!(!names[at + 1..].contains(name), "{name:?}");
        assert_eq!(limit::limiter(&name.bucket("a")), format!("custom:{}", name.as_str()));
        assert_ne!(name.bucket("a"), name.bucket("b"));
    }
    assert_eq!(LimiterName::named("mail").bucket("a"), limit::custom("mail", "a"));
}

/// Two limiters without a name and with the same rule are an error at the second; all else has a counter of its own.
#[tokio::test]
async fn a_second_limiter_needs_a_name() {
    let options =
        json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"], "secret": "s".repeat(32) });
    let server = || AuthServer::new(&options, Host::default()).unwrap();
    let (one, other) = (server(), server());
    let rule = |limit: u32| json!({ "maxAttempts": limit, "durationSeconds": 60 });
    let mut by_key = rule(1);
    by_key["key"] = json!("[function]");
    let mut named = rule(1);
    named["keyPrefix"] = json!("mail");
    for rule in [&rule(1), &rule(2), &by_key, &named, &named] {
        one.check_limit_rule(rule).unwrap();
    }
    for rule in [&rule(1), &by_key] {
        let error = one.check_limit_rule(rule).unwrap_err();
        assert_eq!(error.code, "CONFIGURATION_ERROR");
        assert!(error.message.contains("keyPrefix"), "{}", error.message);
    }
    other.check_limit_rule(&rule(1)).unwrap();
    let passes = async |rule: &Value, key: Value| one.limit(rule, &key, "203.0.113.7", &[]).await.error.is_none();
    assert!(passes(&rule(1), Value::Null).await && !passes(&rule(1), Value::Null).await);
    for rule in [&rule(2), &by_key, &named] {
        assert!(passes(rule, Value::Null).await, "{rule}");
    }
}

#[test]
fn custom_budgets() {
    let budget = limit::custom_budget(&json!({ "maxAttempts": 3, "durationSeconds": 60, "keyPrefix": "email" }));
    assert_eq!(budget.unwrap(), Budget { limit: 3, window: Duration::from_secs(60) });
    for bad in
        [json!({ "maxAttempts": 0 }), json!({ "durationSeconds": -1 }), json!(null), json!({ "maxAttempts": "3" })]
    {
        assert_eq!(limit::custom_budget(&bad).unwrap_err().code, "CONFIGURATION_ERROR", "{bad}");
    }
}

proptest! {
    /// Within any window no more than the limit are granted and stay counted, whatever is asked and settled when.
    #[test]
    fn never_more_than_the_limit(limit in 1_u32..6, acts in proptest::collection::vec((0_u8..4, 0_i64..400), 1..200)) {
        let budget = Budget { limit, window: Duration::from_millis(1_000) };
        let mut bucket = Bucket::new(budget, 0);
        let (mut now, mut in_flight) = (0, 0_u32);
        for (act, later) in acts {
            now += later;
            let settle = |bucket: &mut Bucket, how| bucket.settle(how, now);
            match act {
                0 | 1 => if let BucketAnswer::Done(LimitVerdict::Granted { .. }) = bucket.begin(budget, now) { in_flight += 1 },
                2 if in_flight > 0 => { settle(&mut bucket, Settlement::Counted); in_flight -= 1 },
                3 if in_flight > 0 => { settle(&mut bucket, Settlement::Refunded); in_flight -= 1 },
                _ => {}
            }
            prop_assert!(bucket.count + bucket.in_flight <= limit);
        }
    }
}
