use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};

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
