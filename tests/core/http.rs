//! The golden conversations of tests/http and tests/advisories, held with an `AuthServer` in-process. tests/README.md has their format.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "http/conversation.rs"]
mod conversation;
#[path = "http/pattern.rs"]
mod pattern;
#[path = "http/run.rs"]
mod run;
#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use sentri_core::audit::Part;
use sentri_core::config::Config;
use sentri_core::event::EventName;
use sentri_core::http::router;
use serde_json::{Value, json};
use support::{Database, Own};
use tokio::task::JoinSet;

/// How many conversations are held at once; each may wait for a hash.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    hold_all(Database::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    hold_all(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_pgbouncer() {
    hold_all(Database::Pgbouncer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql() {
    hold_all(Database::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_galera() {
    hold_all(Database::Galera).await;
}

/// Conversations whose answers say that there is no audit.
const WITHOUT_AUDIT: [&str; 2] = ["without the option there is no such endpoint", "an export shows all but secrets"];

/// Every change that the log tells of is in the audit, and every change of the closed set is made somewhere. Nothing
/// else is answered with the audit on.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_in_the_audit() {
    let database = Database::Memory;
    // What an override answers is no change of ours.
    let ours = |one: &conversation::Conversation| {
        let is_off = one.options.get("audit") == Some(&json!("off")) || WITHOUT_AUDIT.contains(&one.name.as_str());
        !one.options.contains_key("router") && !is_off
    };
    let all: VecDeque<_> = conversation::load_all().into_iter().filter(ours).collect();
    let (queue, mut set) = (Arc::new(Mutex::new(all)), JoinSet::new());
    for _ in 0..AT_ONCE {
        let queue = Arc::clone(&queue);
        set.spawn(async move {
            let (mut own, mut results) = (Own::new(database).await, Vec::new());
            let next = || queue.lock().pop_front();
            while let Some(conversation) = next() {
                let result = run::hold_audited(&conversation, &own).await;
                results.push(result.map_err(|wrong| format!("{} / {}: {wrong}", conversation.file, conversation.name)));
                own = own.renewed(database).await;
            }
            own.drop().await;
            results
        });
    }
    let (mut changes, mut failures) = (BTreeSet::new(), Vec::new());
    for result in set.join_all().await.into_iter().flatten() {
        match result {
            Ok(made) => changes.extend(made.into_iter().map(EventName::as_str)),
            Err(wrong) => failures.push(wrong),
        }
    }
    failures.sort();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    let wanted = EventName::ALL.iter().filter(|name| Part::of(**name) == Part::Change).map(|name| name.as_str());
    assert_eq!(changes, wanted.collect::<BTreeSet<_>>(), "no conversation makes a change that is missing here");
}

/// Whatever is added to the tables of routes and events gets a conversation.
#[test]
fn every_route_and_event_is_talked_about() {
    let (mut paths, mut events) = (Vec::new(), Vec::new());
    for step in conversation::load_all().into_iter().flat_map(|conversation| conversation.steps) {
        if let conversation::Action::Request(request) = &step.action {
            let method = request.get("method").and_then(Value::as_str).unwrap_or("GET");
            let path = request["path"].as_str().unwrap().split('?').next().unwrap();
            // A success: refusals alone would not show that the route does anything.
            if step.expect.contains_key("ok") || step.expect.contains_key("status") {
                paths.extend(router::find(method, path).map(|(route, _)| (route.method, route.pattern)));
            }
        }
        for event in step.expect.get("events").and_then(Value::as_array).into_iter().flatten() {
            events.push(event[0].as_str().unwrap().to_owned());
        }
    }
    for route in router::ROUTES {
        let found = paths.contains(&(route.method, route.pattern));
        assert!(found, "no conversation has a success of {} {}", route.method, route.pattern);
    }
    for event in EventName::ALL {
        let name = format!("{} {}", event.level().as_str(), event.as_str());
        assert!(events.contains(&name), "no conversation has the event {name}");
    }
}

/// P72: each advisory has a conversation of its own, by its number, that says what went wrong there.
#[test]
fn p72_every_advisory_has_a_number_and_says_what_went_wrong() {
    let mut numbers = BTreeSet::new();
    for conversation in conversation::load_all() {
        let name = &conversation.name;
        if !conversation.file.starts_with("advisories/") {
            continue;
        }
        let (number, what) = name.split_once(": ").unwrap_or_else(|| panic!("{name} has no number"));
        let parts: Vec<&str> = number.split('-').collect();
        let is_number = |text: &&str| text.len() >= 4 && text.bytes().all(|b| b.is_ascii_digit());
        let is_known = match parts[..] {
            ["CVE", year, serial] => is_number(&year) && is_number(&serial),
            ["GHSA", a, b, c] => [a, b, c].iter().all(|part| part.len() == 4),
            _ => false,
        };
        assert!(is_known && !what.is_empty(), "{name}: CVE-2026-12345 or GHSA-aaaa-bbbb-cccc, and what holds here");
        let about = conversation.about.as_deref().unwrap_or_else(|| panic!("{name} says what went wrong there"));
        assert!(about.len() > 40 && about.ends_with('.'), "{name}: {about}");
        assert!(numbers.insert(number.to_owned()), "{number} has two conversations");
    }
    assert!(numbers.len() >= 30, "{} advisories", numbers.len());
}

/// Paths of endpoints that no option switches on are the application's own.
#[test]
fn without_the_option_there_is_no_such_endpoint() {
    let mut options = json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"] });
    let find = |options: &Value, method: &str, path: &str| {
        let config = Config::from_options(options).unwrap();
        let (endpoint, _) = router::find(method, path).unwrap();
        endpoint.needs.is_met(&config)
    };
    assert!(!find(&options, "POST", "/me/reauthenticate"));
    options["reauthentication"] = json!({ "maxAge": "5m" });
    assert!(!find(&options, "POST", "/me/reauthenticate"), "that alone keeps nothing");
    options["mfa"] = json!({ "totp": { "issuer": "Example" } });
    assert!(find(&options, "POST", "/me/reauthenticate"));
    for (method, path) in [("DELETE", "/users/x/factors"), ("POST", "/users/x/disable"), ("POST", "/users/x/enable")] {
        options["administration"] = Value::Null;
        assert!(!find(&options, method, path), "{path} needs administration");
        options["administration"] = true.into();
        assert!(find(&options, method, path));
    }
    assert!(!find(&options, "POST", "/users/x/reset"), "there is nothing to send it by");
    assert!(find(&options, "GET", "/audit"), "administration keeps changes");
    for (level, administration, is_there) in
        [("off", true, false), ("all", true, true), ("all", false, false), ("changes", true, true)]
    {
        let more = json!({ "audit": level, "administration": administration });
        options.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        assert_eq!(find(&options, "GET", "/audit"), is_there, "{more}");
    }
    for path in ["/login/code", "/login/code/verify"] {
        options["loginCode"] = false.into();
        options["messages"] = "console".into();
        assert!(!find(&options, "POST", path), "messages alone log nobody in");
        options["loginCode"] = true.into();
        assert!(find(&options, "POST", path));
    }
    assert!(find(&options, "POST", "/users/x/reset"));
    options["messages"] = Value::Null;
    let refused = Config::from_options(&options).unwrap_err();
    assert_eq!(refused.message, "loginCode needs messages: without it no code reaches anybody");
}

/// Nobody can enrol a factor that nothing asks for, or be asked for one that nobody can present.
#[test]
fn endpoints_of_factors_are_there_together() {
    let mut options = json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"] });
    for (more, is_there) in [
        (json!({}), false),
        (json!({ "messages": "console" }), false),
        (json!({ "encryptionKey": "a-key-of-32-bytes-for-the-tests--" }), false),
        (json!({ "mfa": { "totp": { "issuer": "Example" } } }), true),
    ] {
        options.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        let config = Config::from_options(&options).unwrap();
        let paths = router::ROUTES.iter().filter(|route| {
            ["/login/mfa", "/me/factors", "/me/recovery-codes"].iter().any(|path| route.pattern.starts_with(path))
        });
        let there: Vec<bool> = paths.map(|route| route.needs.is_met(&config)).collect();
        assert_eq!(there, [is_there; 6], "{more}");
    }
    options["production"] = true.into();
    options["secret"] = "a secret of at least thirty-two bytes".into();
    options["messages"] = Value::Null;
    Config::from_options(&options).unwrap();
    options["encryptionKey"] = Value::Null;
    let refused = Config::from_options(&options).unwrap_err();
    assert!(refused.message.starts_with("encryptionKey is missing"), "{}", refused.message);
}

/// Without verified addresses a message is enough to take a factor away.
#[test]
fn a_factor_that_a_message_removes_is_warned_of() {
    let mfa = json!({ "totp": { "issuer": "Example" } });
    for (mfa, messages, verification, wanted) in [
        (mfa.clone(), json!("console"), json!(null), true),
        (mfa.clone(), json!("console"), json!({}), false),
        (mfa, json!(null), json!(null), false),
        (json!(null), json!("console"), json!(null), false),
    ] {
        let config = Config::from_options(&json!({
            "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"], "mfa": &mfa, "messages": &messages,
            "verification": &verification,
        }))
        .unwrap();
        let is_warned = config.warnings.iter().any(|warning| warning.ends_with("set verification"));
        assert_eq!(is_warned, wanted, "{mfa} {messages} {verification}");
    }
}

/// Invitations need the option and a page for them; nobody can do anything with one that has no link.
#[test]
fn without_a_page_nobody_is_invited() {
    let invite = "https://app.example.com/invite";
    let mfa = json!({ "totp": { "issuer": "Example" } });
    for (administration, links, mfa, wanted) in [
        (json!(true), json!({ "invite": invite }), json!(null), true),
        (json!(false), json!({ "invite": invite }), mfa.clone(), false),
        (json!(null), json!({ "invite": invite }), json!(null), false),
        (json!(true), json!({}), json!(null), false),
        (json!(true), json!({}), mfa, false),
    ] {
        let mut options = json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"] });
        options["administration"] = administration.clone();
        options["audit"] = "off".into();
        options["messages"] = json!({ "send": "[function]", "links": links });
        options["mfa"] = mfa.clone();
        let config = Config::from_options(&options).unwrap();
        let (endpoint, _) = router::find("POST", "/users").unwrap();
        assert_eq!(endpoint.needs.is_met(&config), wanted, "{administration} {links}");
        let (endpoint, _) = router::find("DELETE", "/users/x/factors").unwrap();
        let removes = administration == true && !mfa.is_null();
        assert_eq!(endpoint.needs.is_met(&config), removes, "{administration} {mfa}");
        for (method, path) in
            [("GET", "/users/x/sessions"), ("DELETE", "/users/x/sessions"), ("POST", "/users/x/reset")]
        {
            let (endpoint, _) = router::find(method, path).unwrap();
            assert_eq!(endpoint.needs.is_met(&config), administration == true, "{method} {path} {administration}");
        }
    }
}

/// The options for required proofs and for limits of messages are read, and mistakes in them named.
#[test]
fn options_of_verification_are_checked() {
    let of = |verification: Value, limits: Value| {
        let mut options = json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"] });
        options["messages"] = json!("console");
        options["verification"] = verification;
        options["rateLimit"] = limits;
        Config::from_options(&options).map(|config| config.messages.unwrap()).map_err(|error| error.message)
    };
    let rules = |verification: Value| of(verification, json!(null)).unwrap();
    assert!(rules(json!({})).required.is_none() && rules(json!({ "required": false })).required.is_none());
    assert!(rules(json!({ "required": true })).required.unwrap().is_for(0));
    let since = rules(json!({ "required": { "since": "1970-01-01T00:00:01Z" } })).required.unwrap();
    assert!(since.is_for(1_000) && !since.is_for(999));
    for wrong in [
        json!(1),
        json!("true"),
        json!({}),
        json!({ "since": "2026" }),
        json!({ "since": "2026-02-31T00:00:00Z" }),
        json!({ "since": true }),
    ] {
        let message = of(json!({ "required": wrong }), json!(null)).unwrap_err();
        assert!(message.starts_with("verification.required"), "{message}");
    }
    let limits = |limits: Value| {
        let limits = of(json!({}), limits).unwrap().limits;
        [limits.minute, limits.hour, limits.address].map(|budget| (budget.limit, budget.window.as_secs()))
    };
    for off in [json!(null), json!(true), json!(false), json!({ "messages": null }), json!({ "messages": {} })] {
        assert_eq!(limits(off), [(1, 60), (5, 3_600), (20, 3_600)]);
    }
    let given = json!({ "messages": { "perMinute": 2, "perHour": 9, "perAddress": 100 } });
    assert_eq!(limits(given), [(2, 60), (9, 3_600), (100, 3_600)]);
    for (wrong, name) in [
        (json!(1), "rateLimit.messages must be"),
        (json!({ "perMinute": 0 }), "rateLimit.messages.perMinute must"),
        (json!({ "perAddress": -1 }), "rateLimit.messages.perAddress must"),
        (json!({ "perDay": 1 }), "rateLimit.messages.perDay is not an option"),
    ] {
        let message = of(json!({}), json!({ "messages": wrong })).unwrap_err();
        assert!(message.starts_with(name), "{message}");
    }
}

async fn hold_all(database: Database) {
    let (queue, mut set) = (Arc::new(Mutex::new(VecDeque::from(conversation::load_all()))), JoinSet::new());
    for _ in 0..AT_ONCE {
        let queue = Arc::clone(&queue);
        set.spawn(async move {
            let (mut own, mut results) = (Own::new(database).await, Vec::new());
            let next = || queue.lock().pop_front();
            while let Some(conversation) = next() {
                let result = run::hold(&conversation, &own).await;
                results.push(result.map_err(|wrong| format!("{} / {}: {wrong}", conversation.file, conversation.name)));
                own = own.renewed(database).await;
            }
            own.drop().await;
            results
        });
    }
    let (mut held, mut failures) = (0, Vec::new());
    for result in set.join_all().await.into_iter().flatten() {
        match result {
            Ok(()) => held += 1,
            Err(wrong) => failures.push(wrong),
        }
    }
    failures.sort();
    assert!(failures.is_empty(), "{held} held, {} failed on {database:?}:\n{}", failures.len(), failures.join("\n"));
    assert!(held > 0, "there are conversations");
}
