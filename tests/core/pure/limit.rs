use std::time::Duration;

use proptest::prelude::*;
use sentri_core::limit::{
    self, Bucket, BucketAnswer, BucketPurpose, Budget, LimitRules, LimitVerdict, LimiterName, Settlement,
};
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
    let named = |name: &str| LimiterName::named(name).as_str().to_owned();
    let known = [
        (limit::login_account(subject), "login:account", BucketPurpose::Account),
        (limit::login_unknown(subject), "login:unknown", BucketPurpose::Account),
        (limit::login_spelling(subject), "login:spelling", BucketPurpose::Account),
        (limit::login_right(subject), "login:right", BucketPurpose::Account),
        (limit::identifiers_of(subject), "identifiers", BucketPurpose::Account),
        (limit::login_address(subject), "login:address", BucketPurpose::Address),
        (limit::register_address(subject), "register:address", BucketPurpose::Register),
        (limit::api_key_address(subject), "api-key:address", BucketPurpose::ApiKey),
        (limit::device_nonce(subject), "device:nonce", BucketPurpose::Device),
        (limit::devices_of_user(subject), "device:user", BucketPurpose::Device),
        (limit::sign_in_messages(subject), "security-message:sign-in", BucketPurpose::SecurityMessage),
        (limit::key("message:address", subject), "message:address", BucketPurpose::Message),
        (limit::custom("login", subject), &format!("custom:{}", named("login")), BucketPurpose::Custom),
        (limit::custom("login:account", subject), &format!("custom:{}", named("login:account")), BucketPurpose::Custom),
        (limit::custom("", subject), "custom:", BucketPurpose::Custom),
    ];
    for (key, limiter, purpose) in &known {
        assert_eq!((limit::limiter(key), BucketPurpose::of(key)), (*limiter, *purpose), "{key}");
    }
    // The known ones have a part of the memory by their whole names, and what is none is the application's.
    for (key, purpose) in [
        ("login:addresses:a", BucketPurpose::Account),
        ("login", BucketPurpose::Account),
        ("logins:account:a", BucketPurpose::Custom),
        ("", BucketPurpose::Custom),
    ] {
        assert_eq!(BucketPurpose::of(key), purpose, "{key}");
    }
    assert_eq!(limit::limiter("no colon"), "");
    let keys = known.map(|(key, ..)| key);
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
    // Numbers that JavaScript can't hold are no others.
    for number in [json!(u64::MAX), json!(i64::MIN), json!(i64::MIN + 1)] {
        assert_eq!(limit::route_key(&number).unwrap(), Some(number.to_string()));
    }
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

#[test]
fn each_purpose_has_a_part_of_the_memory() {
    let places = BucketPurpose::ALL.map(BucketPurpose::places);
    assert_eq!(places.iter().sum::<usize>(), 200_000);
    assert!(places.iter().all(|places| (4_000..=56_000).contains(places)), "{places:?}");
}

#[test]
fn what_addresses_and_crowds_may_do_is_ten_times_what_an_account_may() {
    let option = json!({ "maxLoginAttempts": 3, "maxRegisterAttempts": 4, "durationSeconds": 60 });
    let rules = LimitRules::from_option(Some(&option)).unwrap().unwrap();
    let budgets = [rules.login_account, rules.login_address, rules.login_right, rules.register, rules.identifiers];
    assert_eq!(budgets.map(|budget| budget.limit), [3, 30, 30, 4, 40]);
    assert!(budgets.iter().all(|budget| budget.window == Duration::from_secs(60)));
    let day = Duration::from_secs(86_400);
    assert_eq!(limit::DEVICE, Budget { limit: 10, window: 30 * day });
    assert_eq!(limit::DEVICES_OF_USER, Budget { limit: 100, window: day });
}

#[test]
fn a_bucket_is_idle_or_a_penalty_by_what_it_holds() {
    let budget = Budget { limit: 2, window: Duration::from_secs(1) };
    for (count, in_flight, is_idle, is_penalty) in [
        (0, 0, true, false),
        (0, 1, false, true),
        (1, 0, false, false),
        (1, 1, false, true),
        (2, 0, false, true),
        (3, 0, false, true),
    ] {
        let bucket = Bucket { count, in_flight, ..Bucket::new(budget, 0) };
        assert_eq!((bucket.is_idle(), bucket.is_penalty()), (is_idle, is_penalty), "{bucket:?}");
    }
}

#[test]
fn an_attempt_whose_caller_came_too_late_is_counted_once() {
    let budget = Budget { limit: 3, window: Duration::from_secs(60) };
    let mut bucket = Bucket::new(budget, 0);
    let left = |bucket: &mut Bucket, now| match bucket.begin(budget, now) {
        BucketAnswer::Done(LimitVerdict::Granted { remaining, .. }) => Some(remaining),
        _ => None,
    };
    assert_eq!(left(&mut bucket, 0), Some(2));
    assert_eq!(left(&mut bucket, limit::UNSETTLED_AFTER), Some(1));
    bucket.settle(Settlement::Counted, limit::UNSETTLED_AFTER + 1);
    bucket.settle(Settlement::Counted, limit::UNSETTLED_AFTER + 2);
    assert_eq!((bucket.count, bucket.in_flight), (2, 0));
    assert_eq!(left(&mut bucket, limit::UNSETTLED_AFTER + 3), Some(0));
}

#[test]
fn a_refusal_tells_its_budget_by_headers() {
    let budget = Budget { limit: 5, window: Duration::from_secs(900) };
    let after = Duration::from_millis(12_001);
    let error = limit::exceeded("login", budget, after);
    assert_eq!((error.status, error.retry_after), (429, Some(after)));
    let headers = limit::headers("login", budget, LimitVerdict::Exceeded { retry_after: after });
    assert_eq!((limit::headers_of(&error), headers.len()), (headers, 3));
    for details in
        [json!({}), json!({ "policy": "login", "limit": 5 }), json!({ "policy": 1, "limit": 5, "windowSeconds": 9 })]
    {
        assert!(limit::headers_of(&error.clone().with_details(details)).is_empty());
    }
    assert!(limit::headers_of(&sentri_core::Error::configuration("another")).is_empty());
}

#[test]
fn custom_budgets() {
    let most = limit::custom_budget(&json!({ "maxAttempts": 100_000_000, "durationSeconds": 31_622_400 })).unwrap();
    assert_eq!(most, Budget { limit: 100_000_000, window: Duration::from_secs(366 * 86_400) });
    let budget = limit::custom_budget(&json!({ "maxAttempts": 3, "durationSeconds": 60, "keyPrefix": "email" }));
    assert_eq!(budget.unwrap(), Budget { limit: 3, window: Duration::from_secs(60) });
    for bad in
        [json!({ "maxAttempts": 0 }), json!({ "durationSeconds": -1 }), json!(null), json!({ "maxAttempts": "3" })]
            .into_iter()
            .chain([json!({ "maxAttempts": 100_000_001 }), json!({ "durationSeconds": 31_622_401 })])
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
