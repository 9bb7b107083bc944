use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sentri_core::clock::TestClock;
use sentri_core::http::router::{ROUTES, shows_secrets};
use sentri_core::idempotency::{
    Admission, Begin, Credentials, Gate, IdempotencyRules, Incoming, Key, MAX_STORED_BODY, MemoryIdempotency, Passage,
    StoredResponse, asks_protect, check_header_value, derive_key, fingerprint, may_store,
};
use sentri_core::{Error, ErrorCode};
use serde_json::{Value, json};

use crate::vectors::{self, option, text};

const TTL: Duration = Duration::from_secs(300);

const CLIENT: &str = "192.0.2.1";

fn at(address: &str) -> Credentials<'_> {
    Credentials { address: Some(address), ..Credentials::default() }
}

fn bearer(token: &str) -> Credentials<'_> {
    Credentials { authorization: Some(token), ..Credentials::default() }
}

fn key(number: u32) -> Key {
    derive_key("POST", "a.example", "/orders", bearer("token").caller(), &number.to_string())
}

fn credentials(given: &Value) -> Credentials<'_> {
    let part = |name: &str| option(given, name).and_then(Value::as_str);
    Credentials {
        identity: part("identity"),
        authorization: part("authorization"),
        cookie: part("cookie"),
        api_key: part("apiKey"),
        named: part("named"),
        address: part("address"),
    }
}

#[test]
fn vectors() {
    vectors::run("idempotency", |given| {
        if text(given, "op") == "added" {
            let pairs = |name: &str| serde_json::from_value::<Vec<(String, String)>>(given[name].clone()).unwrap();
            let kept = StoredResponse { headers: pairs("headers"), ..answer("") }.without(&pairs("added"));
            return Ok(json!(kept.headers));
        }
        let roles = |of: &Value| serde_json::from_value::<Option<Vec<String>>>(of.clone()).unwrap();
        if text(given, "op") == "replay" {
            let token = given["token"].as_str().map(verification);
            let now = roles(&given["now"]);
            let asker = match (asks_protect(text(given, "identity"), token), &now) {
                (false, _) => Admission::Unknown,
                (true, None) => Admission::Refused,
                (true, Some(roles)) => Admission::Admitted(roles),
            };
            let stored = StoredResponse { roles: roles(&given["stored"]), ..answer("") };
            return Ok(json!(stored.replay_to(asker)));
        }
        let (a, b) = (&given["a"], &given["b"]);
        let body = |of: &Value| fingerprint("k", of[0].as_str().unwrap(), &bytes(&of[1]));
        let is_same = match text(given, "op") {
            "caller" => credentials(a).caller() == credentials(b).caller(),
            "roles" => StoredResponse { roles: roles(a), ..answer("") }.is_for(roles(b).as_deref()),
            "client" => credentials(a).client() == credentials(b).client(),
            _ => body(a) == body(b),
        };
        Ok(json!(if is_same { "same" } else { "different" }))
    });
}

/// A body of a row: a text, or bytes in hexadecimal.
fn bytes(body: &Value) -> Vec<u8> {
    let Some(hex) = body["hex"].as_str() else { return body.as_str().unwrap().as_bytes().to_vec() };
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The verification of a token by the word of a row: `good`, or the code of an error.
fn verification(word: &str) -> Result<(), Error> {
    match word {
        "good" => Ok(()),
        code => Err(ErrorCode::ALL.into_iter().find(|known| known.as_str() == code).unwrap().into()),
    }
}

#[test]
fn every_error_but_one_leaves_open_whose_token_it_is() {
    let is_silent = |code: &ErrorCode| !asks_protect("", Some(Err((*code).into())));
    assert_eq!(ErrorCode::ALL.into_iter().filter(is_silent).collect::<Vec<_>>(), [ErrorCode::TokenInvalid]);
    assert!(!asks_protect("", None) && asks_protect("u1", None) && asks_protect("", Some(Ok(()))));
}

#[test]
fn credentials_are_not_printed() {
    let credentials = Credentials { cookie: Some("hunter2"), ..bearer("hunter2") };
    assert_eq!(format!("{credentials:?} {:?}", credentials.caller()), "Credentials(..) CallerDigest(..)");
}

fn print_of(body: &[u8]) -> [u8; 32] {
    fingerprint("k", "text/plain", body)
}

fn answer(body: &str) -> StoredResponse {
    StoredResponse { status: 201, headers: vec![("X-A".into(), "1".into())], body: body.into(), roles: None }
}

fn memory(entries: usize) -> (Arc<TestClock>, MemoryIdempotency) {
    let clock = Arc::new(TestClock::at(0));
    (Arc::clone(&clock), MemoryIdempotency::new(clock, entries))
}

fn execute(memory: &MemoryIdempotency, key: Key, body: &str) -> u64 {
    execute_for(CLIENT, memory, key, body)
}

fn execute_for(client: &str, memory: &MemoryIdempotency, key: Key, body: &str) -> u64 {
    match memory.begin(key, print_of(body.as_bytes()), &at(client), TTL) {
        Begin::Execute(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn options() {
    let rules = IdempotencyRules::from_options(None).unwrap();
    assert_eq!((rules.ttl, rules.header.as_str(), rules.max_size), (TTL, "X-Idempotency-Key", 10_000));
    assert!(rules.apply_to("POST") && rules.apply_to("patch") && !rules.apply_to("GET"));
    let given = json!({ "ttl": 60_000, "header": "Idempotency-Key", "methods": ["delete"], "maxSize": 5,
        "keyPrefix": "orders", "credential": "[function]" });
    let rules = IdempotencyRules::from_options(Some(&given)).unwrap();
    assert_eq!((rules.ttl.as_secs(), rules.header.as_str(), rules.max_size), (60, "Idempotency-Key", 5));
    assert_eq!(rules.key_prefix, "orders");
    assert!(rules.apply_to("DELETE") && !rules.apply_to("POST"));
    let rules = IdempotencyRules::from_options(Some(&json!({ "ttl": "1.5h" }))).unwrap();
    assert_eq!(rules.ttl.as_secs(), 5_400);
    for (member, bad) in [
        ("ttl", json!(0)),
        ("ttl", json!(-1)),
        ("ttl", json!("60")),
        ("ttl", json!("31 days")),
        ("ttl", json!("soon")),
        ("ttl", json!(1e18)),
        ("ttl", json!(0.5)),
        ("header", json!("")),
        ("header", json!("a b")),
        ("header", json!(1)),
        ("header", json!("a\r\nb")),
        ("methods", json!([])),
        ("methods", json!("POST")),
        ("methods", json!([1])),
        ("methods", json!(["P OST"])),
        ("maxSize", json!(0)),
        ("maxSize", json!("1")),
        ("maxSize", json!(1e12)),
        ("keyPrefix", json!("")),
        ("keyPrefix", json!(5)),
        ("credential", json!("x-auth-token")),
    ] {
        let error = IdempotencyRules::from_options(Some(&json!({ member: bad }))).unwrap_err();
        assert!(error.code == "CONFIGURATION_ERROR" && error.message.starts_with(member), "{member} {error}");
    }
    assert!(IdempotencyRules::from_options(Some(&json!([]))).is_err());
}

#[test]
fn header_values() {
    let long = "x".repeat(255);
    for good in ["a", "550e8400-e29b-41d4-a716-446655440000", "\"quoted\"", &long] {
        assert!(check_header_value(good).is_ok(), "{good}");
    }
    let longer = "x".repeat(256);
    for bad in ["", " ", "a b", "a\tb", "é", "a\u{7f}", "a\0", &longer] {
        assert_eq!(check_header_value(bad).unwrap_err().code, "VALIDATION_ERROR", "{bad:?}");
    }
}

#[test]
fn paths_that_pass_through() {
    for path in [
        "/login",
        "/auth/login",
        "/auth/login/",
        "/auth/LOGIN",
        "/refresh?x=1",
        "/logout",
        "/logout-all",
        "/me/password",
        "/v1/me/password/",
        "/auth/password/forgot",
        "/password/reset",
        "/identifiers/verify",
        "/identifiers/confirm",
        "/auth/me/identifiers/0190-ab/verify",
        "/me/factors/totp",
        "/me/factors/totp/confirm",
        "/me/recovery-codes",
        "/setup",
    ] {
        assert!(shows_secrets(path), "{path}");
    }
    for path in [
        "/",
        "",
        "/orders",
        "/login/audit",
        "/password",
        "/mylogin",
        "/users/1/password",
        "/users/1/reset",
        "/me/identifiers//verify",
        "/me/identifiers/a/b/verify",
    ] {
        assert!(!shows_secrets(path), "{path}");
    }
}

#[test]
fn what_may_be_stored() {
    let none = Vec::new();
    let header =
        |name: &str, value: &str| vec![("Content-Type".to_owned(), "x".to_owned()), (name.into(), value.into())];
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.c2lnbmF0dXJl";
    assert!(may_store(201, &none, br#"{"id":1}"#) && may_store(204, &none, b"") && may_store(200, &none, b"\xff\xfe"));
    assert!(may_store(200, &none, &vec![b'x'; MAX_STORED_BODY]));
    assert!(!may_store(200, &none, &vec![b'x'; MAX_STORED_BODY + 1]));
    for status in [100, 199, 300, 304, 400, 401, 429, 500] {
        assert!(!may_store(status, &none, b"{}"), "{status}");
    }
    for (name, value) in
        [("Set-Cookie", "a=b"), ("set-cookie", "a=b"), ("X-Access-Token", "x"), ("authorization", "x"), ("X-Mine", jwt)]
    {
        assert!(!may_store(200, &header(name, value), b"{}"), "{name}");
    }
    for body in [
        r#"{"accessToken":"x"}"#.to_owned(),
        r#"{"data":[{"deep":{"refreshToken":null}}]}"#.to_owned(),
        r#"{"access_token":"x"}"#.to_owned(),
        r#"{"access\u0054oken":"x"}"#.to_owned(),
        format!(r#"{{"jwt":"{jwt}"}}"#),
        format!(r#"["Bearer {jwt}"]"#),
        format!("<html>{jwt}</html>"),
        r#"{"accessToken":"x""#.to_owned(),
        format!("{}\"accessToken\"{}", "[".repeat(500), "]".repeat(500)),
    ] {
        assert!(!may_store(200, &none, body.as_bytes()), "{body}");
    }
}

#[test]
fn keys_differ_in_every_part() {
    let derive = |(method, host, path, token, value): (&str, &str, &str, &str, &str)| {
        derive_key(method, host, path, bearer(token).caller(), value)
    };
    let mut keys = HashSet::new();
    for parts in [
        ("POST", "a.example", "/a?b=1", "t", "k"),
        ("PUT", "a.example", "/a?b=1", "t", "k"),
        ("POST", "b.example", "/a?b=1", "t", "k"),
        ("POST", "[2001:db8::1]", "/a?b=1", "t", "k"),
        ("POST", "a.example/", "a?b=1", "t", "k"),
        ("POST", "a.example", "/a?b=2", "t", "k"),
        ("POST", "a.example", "/a?b=1", "u", "k"),
        ("POST", "a.example", "/a?b=1", "t", "l"),
        ("POST", "a.example", "/a?b=1", "tk", ""),
        ("POST", "a.example", "/a?b=1", "", "tk"),
        ("POST/", "a.example", "a?b=1", "t", "k"),
    ] {
        assert!(keys.insert(derive(parts)), "{parts:?}");
    }
    for host in ["A.Example", "a.example:80", "a.example:8080"] {
        assert!(keys.contains(&derive(("post", host, "/a?b=1", "t", "k"))), "{host}");
    }
    assert!(keys.contains(&derive(("POST", "[2001:DB8::1]:443", "/a?b=1", "t", "k"))));
    assert!(format!("{:?}", key(1)).len() < 20, "a key is not printed");
}

#[test]
fn once_then_replayed() {
    let (clock, memory) = memory(10);
    let ticket = execute(&memory, key(1), "a");
    assert_eq!(
        memory.begin(key(1), print_of(b"a"), &at(CLIENT), TTL),
        Begin::InProgress { retry_after: Duration::from_secs(1) }
    );
    assert_eq!(memory.begin(key(1), print_of(b"b"), &at(CLIENT), TTL), Begin::Mismatch);
    memory.complete(&key(1), ticket, answer("done"));
    assert_eq!(memory.begin(key(1), print_of(b"a"), &at(CLIENT), TTL), Begin::Replay(answer("done")));
    assert_eq!(memory.begin(key(1), print_of(b"b"), &at(CLIENT), TTL), Begin::Mismatch);
    clock.advance(299_999);
    assert!(matches!(memory.begin(key(1), print_of(b"a"), &at(CLIENT), TTL), Begin::Replay(_)));
    clock.advance(1);
    execute(&memory, key(1), "another body, since the answer has expired");
}

#[test]
fn abandoned_and_vanished() {
    let (clock, memory) = memory(10);
    let ticket = execute(&memory, key(1), "a");
    memory.abandon(&key(1), ticket);
    assert_eq!(memory.size(), (0, 0));
    let vanished = execute(&memory, key(1), "a");
    clock.advance(59_999);
    assert!(matches!(memory.begin(key(1), print_of(b"a"), &at(CLIENT), TTL), Begin::InProgress { .. }));
    clock.advance(1);
    let second = execute(&memory, key(1), "b");
    // The first one comes back after all: it must neither answer for the second nor end it.
    memory.complete(&key(1), vanished, answer("stale"));
    memory.abandon(&key(1), vanished);
    assert!(matches!(memory.begin(key(1), print_of(b"b"), &at(CLIENT), TTL), Begin::InProgress { .. }));
    memory.complete(&key(1), second, answer("fresh"));
    memory.abandon(&key(1), second);
    assert_eq!(memory.begin(key(1), print_of(b"b"), &at(CLIENT), TTL), Begin::Replay(answer("fresh")));
}

#[test]
fn bounded_in_entries() {
    let (clock, memory) = memory(3);
    for number in 0..3 {
        let ticket = execute(&memory, key(number), "a");
        memory.complete(&key(number), ticket, answer("x"));
        clock.advance(1);
    }
    execute(&memory, key(3), "a");
    assert_eq!(memory.size().0, 3);
    assert!(
        matches!(memory.begin(key(1), print_of(b"a"), &at(CLIENT), TTL), Begin::Replay(_)),
        "the oldest went, not this one"
    );
    execute(&memory, key(4), "a");
    execute_for("192.0.2.2", &memory, key(5), "a");
    // Three in flight: a fourth is not run unrecorded, and none of the three is forgotten.
    assert!(matches!(memory.begin(key(6), print_of(b"a"), &at(CLIENT), TTL), Begin::InProgress { .. }));
    for number in 3..6 {
        assert!(matches!(memory.begin(key(number), print_of(b"a"), &at(CLIENT), TTL), Begin::InProgress { .. }));
    }
    clock.advance(60_000);
    execute(&memory, key(6), "a");
    assert_eq!(memory.size().0, 1);
}

#[test]
fn one_client_leaves_room_for_others() {
    let (clock, memory) = memory(10);
    let asks = |client: &str, number: u32| memory.begin(key(number), print_of(b"a"), &at(client), TTL);
    let tickets: Vec<_> = (0..5).map(|number| execute(&memory, key(number), "a")).collect();
    assert!(matches!(asks(CLIENT, 5), Begin::InProgress { .. }), "half of the places are taken");
    execute_for("192.0.2.2", &memory, key(5), "a");
    // Each way in which a request ends gives its place back.
    memory.complete(&key(0), tickets[0], answer("x"));
    execute(&memory, key(6), "a");
    memory.abandon(&key(1), tickets[1]);
    execute(&memory, key(7), "a");
    assert!(matches!(asks(CLIENT, 8), Begin::InProgress { .. }));
    assert!(matches!(asks(CLIENT, 0), Begin::Replay(_)), "answers are there all the same");
    clock.advance(60_000);
    for number in 10..15 {
        execute(&memory, key(number), "a");
    }
}

#[test]
fn bounded_in_bytes() {
    let clock = Arc::new(TestClock::at(0));
    let memory = MemoryIdempotency::with_max_bytes(clock, 10_000, 100_000);
    for number in 0..1_000 {
        let ticket = execute(&memory, key(number), "a");
        memory.complete(&key(number), ticket, answer(&"x".repeat(5_000)));
        assert!(memory.size().1 <= 100_000 + 1_000);
    }
    assert!(memory.size().0 >= 15);
    let ticket = execute(&memory, key(1_000), "a");
    memory.complete(&key(1_000), ticket, answer(&"x".repeat(100_001)));
    execute(&memory, key(1_000), "too large to be kept");
}

#[test]
fn of_100_threads_one_executes() {
    let (_, memory) = memory(10);
    let memory = Arc::new(memory);
    let threads = (0..100).map(|_| {
        let memory = Arc::clone(&memory);
        std::thread::spawn(move || matches!(memory.begin(key(1), print_of(b"a"), &at(CLIENT), TTL), Begin::Execute(_)))
    });
    let threads = threads.collect::<Vec<_>>();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).filter(|first| *first).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn different_requests_have_different_keys(
        a in ("(POST|PUT)", "/[ab/]{0,4}", "[ab]{0,3}", "[ab]{1,3}"),
        b in ("(POST|PUT)", "/[ab/]{0,4}", "[ab]{0,3}", "[ab]{1,3}"),
    ) {
        let derive = |(method, path, caller, value): &(String, String, String, String)| {
            derive_key(method, "a.example", path, bearer(caller).caller(), value)
        };
        prop_assert_eq!(derive(&a) == derive(&b), a == b);
    }

    #[test]
    fn a_boundary_between_any_bytes_does_not_count(
        parts in proptest::collection::vec(proptest::collection::vec(0x80_u8.., 0..9), 1..9),
        (a, b) in ("[G-K]{1,9}", "[0-9]{1,9}"),
    ) {
        let of = |boundary: &str, parts: &[Vec<u8>]| {
            fingerprint("k", &format!("multipart/x-y; boundary={boundary}"), &parts.join(boundary.as_bytes()))
        };
        prop_assert_eq!(of(&a, &parts), of(&b, &parts));
        let other: Vec<_> = parts.iter().map(|part| [part.as_slice(), &[0xff]].concat()).collect();
        prop_assert_ne!(of(&a, &parts), of(&a, &other));
    }
}

/// Retries span upgrades: bodies that are text have the fingerprints that they had in 6.0.0.
#[test]
fn fingerprints_of_text_last() {
    let hex = |of: [u8; 32]| of.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let form = "--a1\r\ncontent-disposition: form-data; name=\"é\"\r\n\r\nx\r\n--a1--\r\n";
    for (content_type, body, expected) in [
        ("application/json", r#"{"name":"é"}"#, "326799f0236989e6c81d54792757719d8cb05a503726f20fbdd87fd651443d4a"),
        ("multipart/form-data; boundary=a1", form, "3a1ae1d80233d08bbde1de11de5ee7c9c83111d090b3002bc72349a650c2b9a6"),
    ] {
        assert_eq!(hex(fingerprint("k", content_type, body.as_bytes())), expected, "{content_type}");
    }
}

#[test]
fn a_long_boundary_takes_no_longer() {
    let boundary = format!("{}b", "a".repeat(100_000));
    let body = [vec![b'a'; 1_000_000], b"\xffa".repeat(500_000)].concat();
    let began = std::time::Instant::now();
    let print = fingerprint("k", &format!("multipart/mixed; boundary={boundary}"), &body);
    assert!(began.elapsed() < Duration::from_secs(5), "this measures time");
    assert_eq!(print, fingerprint("k", "multipart/mixed; boundary=c", &body));
}

#[test]
fn an_answer_in_memory_is_there_at_once() {
    let gate = Gate::new(None, Arc::new(TestClock::at(0)), shows_secrets).unwrap();
    let incoming = Incoming {
        method: "POST",
        host: "a.example",
        path_and_query: "/orders",
        header_value: Some("k"),
        credentials: Credentials { address: Some(CLIENT), ..Credentials::default() },
        content_type: "application/json",
        body: b"{}",
    };
    let execute = || match gate.pass_now(&incoming) {
        Some(Passage::Execute(key, ticket)) => (key, ticket),
        other => panic!("{other:?}"),
    };
    let (key, ticket) = execute();
    assert_eq!(gate.end_now(&key, ticket, None), Ok(()), "freed");
    let (key, ticket) = execute();
    let with_token = StoredResponse { headers: vec![("Set-Cookie".into(), "a=b".into())], ..answer("{}") };
    assert_eq!(gate.end_now(&key, ticket, Some(with_token)), Ok(()), "not to be kept, so freed");
    let (key, ticket) = execute();
    assert_eq!(gate.end_now(&key, ticket, Some(answer("{}"))), Ok(()));
    assert!(matches!(gate.pass_now(&incoming), Some(Passage::Replay(replayed)) if replayed.body == b"{}"));
}

#[test]
fn a_misspelt_option_is_refused() {
    let refused = IdempotencyRules::from_options(Some(&json!({ "tll": 5 }))).unwrap_err();
    assert!(refused.is(ErrorCode::ConfigurationError) && refused.to_string().contains("tll"), "{refused}");
}

/// Endpoints whose answers may be kept for an idempotency key: they hold no token and no secret.
const KEPT: [(&str, &str); 17] = [
    ("POST", "/register"),
    ("DELETE", "/me"),
    ("DELETE", "/me/sessions/:id"),
    ("POST", "/me/identifiers"),
    ("PUT", "/me/identifiers"),
    ("DELETE", "/me/identifiers"),
    ("DELETE", "/me/factors/:id"),
    ("POST", "/users"),
    ("DELETE", "/users/:userId"),
    ("POST", "/users/:userId/roles"),
    ("PATCH", "/users/:userId/password"),
    ("DELETE", "/users/:userId/factors"),
    ("POST", "/users/:userId/reset"),
    ("DELETE", "/users/:userId/sessions"),
    ("POST", "/users/:userId/disable"),
    ("POST", "/users/:userId/enable"),
    ("PATCH", "/users/:userId/identifiers"),
];

#[test]
fn every_endpoint_is_known_to_show_secrets_or_to_show_none() {
    for route in ROUTES.iter().filter(|route| route.method != "GET") {
        let path = route.pattern.replace(":userId", "1").replace(":id", "1");
        let is_kept = KEPT.contains(&(route.method, route.pattern));
        assert_eq!(shows_secrets(&path), !is_kept, "{route:?}: list it in KEPT, or say what it shows");
    }
}
