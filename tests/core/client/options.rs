//! The options of client mode: what is wrong is named at once, with the cure.

use sentri_core::{AuthClient, AuthServer, ClientHost, ErrorCode, Host};
use serde_json::{Value, json};

fn message(options: &Value) -> String {
    let error = AuthClient::new(options, ClientHost::default()).expect_err(&options.to_string());
    assert!(error.is(ErrorCode::ConfigurationError) && error.status == 500, "{error}");
    error.message
}

fn with(more: Value) -> Value {
    let mut options = json!({ "mode": "client", "keyUri": "https://auth.example.com/auth/keys" });
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

#[test]
fn good_options_are_taken() {
    for more in [
        json!({}),
        json!({ "production": true, "validRoles": ["user"], "loggerService": "shop", "logger": null }),
        json!({ "keyUri": "http://localhost:3000/keys" }),
        json!({ "keyUri": "http://127.0.0.2/keys?x=1" }),
        json!({ "keyUri": "http://[::1]:3000" }),
        json!({ "keyUri": "http://auth.internal/keys", "allowInsecure": true }),
        json!({ "algorithms": ["RS256", "EdDSA"], "issuer": "me", "audience": "you" }),
        json!({ "clockTolerance": 0, "cacheMaxAge": "10m", "trustedOrigins": ["https://app.example.com"] }),
        json!({ "clockTolerance": "5m", "cacheMaxAge": "24h", "accessCookie": { "name": "a", "secure": true } }),
    ] {
        assert!(AuthClient::new(&with(more.clone()), ClientHost::default()).is_ok(), "{more}");
    }
}

#[test]
fn wrong_options_are_named_with_the_cure() {
    for (more, expected) in [
        (json!({ "keyUri": null }), "keyUri is missing"),
        (json!({ "keyUri": "" }), "keyUri must not be empty"),
        (json!({ "keyUri": 1 }), "keyUri must be a string"),
        (json!({ "keyUri": "/auth/keys" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "auth.example.com/keys" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "ftp://auth.example.com/keys" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "file:///etc/keys.json" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "https://" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "https://a:99999/keys" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "https://a:0/keys" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "https://a/keys\r\nx: y" }), "keyUri must be an address such as"),
        (json!({ "keyUri": "https://bücher.example/keys" }), "keyUri must be ASCII"),
        (json!({ "keyUri": "https://user:canary@a.example/keys" }), "keyUri must hold no user and password"),
        (json!({ "keyUri": "http://auth.example.com/keys" }), "keyUri must begin with https"),
        (json!({ "keyUri": "http://localhost.evil.example/keys" }), "keyUri must begin with https"),
        (json!({ "keyUri": "http://127.0.0.1.evil.example/keys" }), "keyUri must begin with https"),
        (json!({ "keyUri": "http://192.168.0.1/keys", "allowInsecure": false }), "keyUri must begin with https"),
        (json!({ "allowInsecure": "yes" }), "allowInsecure must be true or false"),
        (json!({ "validRoles": [] }), "validRoles must not be empty"),
        (json!({ "validRoles": ["a b"] }), "validRoles must be a list of role names"),
        (json!({ "algorithms": [] }), "algorithms must not be empty"),
        (json!({ "algorithms": "RS256" }), "algorithms must be a list of strings"),
        (json!({ "algorithms": ["RS256", "HS256"] }), "algorithms can't hold HS256"),
        (json!({ "algorithms": ["none"] }), "algorithms must be some of RS256"),
        (json!({ "algorithms": ["rs256"] }), "algorithms must be some of RS256"),
        (json!({ "issuer": "" }), "issuer must not be empty"),
        (json!({ "clockTolerance": "1h" }), "clockTolerance must be at most 5m"),
        (json!({ "clockTolerance": -1 }), "clockTolerance "),
        (json!({ "cacheMaxAge": "25h" }), "cacheMaxAge must be from 30s to 24h"),
        (json!({ "cacheMaxAge": "29s" }), "cacheMaxAge must be from 30s to 24h"),
        (json!({ "cacheMaxAge": 0 }), "cacheMaxAge "),
        (json!({ "accessCookie": "x" }), "accessCookie must be an object or a boolean"),
        (json!({ "accessCookie": { "name": "a b" } }), "accessCookie.name must be a token"),
        (json!({ "trustedOrigins": ["*"] }), "trustedOrigins: '*' must not hold a wildcard"),
        (json!({ "isTokenRevoked": true }), "isTokenRevoked must be a function"),
        (json!({ "isTokenRevoked": "[function]" }), "isTokenRevoked is set, but the host brought no function"),
        (json!({ "logger": {} }), "logger must have the methods"),
        (json!({ "keyURL": "x" }), "keyURL is not an option: did you mean keyUri?"),
        (json!({ "jwksUri": "x" }), "jwksUri is not an option"),
        (json!({ "mode": "server" }), "mode is 'server'"),
        (json!({ "mode": "edge" }), "mode must be 'server' or 'client'"),
        (json!({ "mode": null }), "mode must be 'server' or 'client'"),
        (json!({ "db": "sqlite::memory:" }), "db belongs to mode: 'server'"),
        (json!({ "secret": "canary" }), "secret belongs to mode: 'server'"),
        (json!({ "hooks": {} }), "hooks belongs to mode: 'server'"),
    ] {
        let message = message(&with(more.clone()));
        assert!(message.starts_with(expected), "{more}: {message}");
        assert!(!message.contains("canary"), "{message}");
    }
    for options in [json!(null), json!([]), json!("x")] {
        assert_eq!(message(&options), "the options must be an object");
    }
}

#[test]
fn a_server_says_what_belongs_to_a_client() {
    let mut options = json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"] });
    options["keyUri"] = "https://auth.example.com/keys".into();
    let error = AuthServer::new(&options, Host::default()).unwrap_err();
    assert!(error.message.starts_with("keyUri belongs to mode: 'client'"), "{error}");
    let error = AuthServer::new(&with(json!({})), Host::default()).unwrap_err();
    assert!(error.message.starts_with("mode is 'client'"), "{error}");
}
