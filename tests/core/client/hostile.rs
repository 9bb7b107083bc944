//! P42, P43: whatever an issuer answers, it costs little, harms nothing, and replaces no good set.

use std::time::{Duration, Instant};

use sentri_core::token::Algorithm;
use serde_json::{Value, json};

use super::issuer::{Client, Issuer, Manner, causes, stranger, token, verdict};
use crate::fixtures::{NOW, ring};

fn good_set() -> Value {
    ring(Algorithm::Es256).jwks(NOW, 0).unwrap()
}

fn rsa_key() -> Value {
    ring(Algorithm::Rs256).jwks(NOW, 0).unwrap()["keys"][0].clone()
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

fn keys(keys: &[Value]) -> Manner {
    Manner::set(&json!({ "keys": keys }))
}

/// Every answer, and what the log says of it.
fn answers() -> Vec<(&'static str, Manner, &'static str)> {
    let rsa = rsa_key();
    let good = good_set()["keys"][0].clone();
    let text = good_set().to_string();
    let padded = format!("{}{}", " ".repeat(64 * 1024 + 1 - text.len()), text);
    let named = |number: usize| with(rsa.clone(), "kid", number.to_string().into());
    // 1024 bits, odd.
    let weak = with(rsa.clone(), "n", format!("{}w", "t".repeat(170)).into());
    let secret = json!({ "kty": "oct", "kid": "s", "k": format!("{}A", "c".repeat(85)) });
    let json = "Content-Type: application/json";
    vec![
        ("silence", Manner::Hang(Vec::new()), "within 5 s"),
        ("a head without end", Manner::Hang(b"HTTP/1.1 200 OK\r\n".to_vec()), "within 5 s"),
        (
            "a body that stops",
            Manner::Hang(format!("HTTP/1.1 200 OK\r\n{json}\r\nContent-Length: 900\r\n\r\n{{").into()),
            "within 5 s",
        ),
        (
            "a body without end",
            Manner::Endless(format!("HTTP/1.1 200 OK\r\n{json}\r\n\r\n").into(), vec![b' '; 1000]),
            "longer than 64 KiB",
        ),
        (
            "chunks without end",
            Manner::Endless(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
                b"5\r\n     \r\n".to_vec(),
            ),
            "longer than 64 KiB",
        ),
        (
            "headers without end",
            Manner::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), format!("A: {}\r\n", "b".repeat(900)).into()),
            "no HTTP answer",
        ),
        (
            "an early end",
            Manner::raw(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len() + 1)),
            "broke off",
        ),
        ("no answer", Manner::Close, "no HTTP answer"),
        ("another protocol", Manner::raw("220 mail ESMTP\r\n"), "no HTTP answer"),
        ("64 KiB and a byte", Manner::status("200 OK", &padded), "longer than 64 KiB"),
        ("not found", Manner::status("404 Not Found", &text), "status 404"),
        ("no content", Manner::raw("HTTP/1.1 204 No Content\r\n\r\n"), "status 204"),
        ("a part", Manner::status("206 Partial Content", &text), "status 206"),
        ("too many requests", Manner::status("429 Too Many Requests", &text), "status 429"),
        ("an error", Manner::status("500 Internal Server Error", &text), "status 500"),
        ("nothing", Manner::status("200 OK", ""), "not a JSON object"),
        ("garbage", Manner::status("200 OK", "<html>keys</html>"), "not a JSON object"),
        ("more after the set", Manner::status("200 OK", &format!("{text}{text}")), "not a JSON object"),
        ("no list", Manner::set(&json!({ "keys": good })), "`keys` is not an array"),
        ("no keys", keys(&[]), "no key in it"),
        ("33 keys", keys(&(0..33).map(named).collect::<Vec<_>>()), "more than 32 keys"),
        ("a shared secret", keys(std::slice::from_ref(&secret)), "shared secret"),
        ("a shared secret among others", keys(&[good.clone(), secret]), "shared secrets and public keys"),
        ("a private member", keys(&[good.clone(), with(rsa.clone(), "d", "AQAB".into())]), "private member"),
        ("one name twice", keys(&[named(1), named(1)]), "the same kid"),
        ("a weak modulus", keys(&[good.clone(), weak]), "shorter than 2048 bits"),
        ("an exponent of one", keys(&[good, with(rsa, "e", "AQ".into())]), "exponent"),
    ]
}

/// Each at a client that has no set yet, and at one that has a good one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bad_answers_are_refused_and_replace_nothing() {
    let all = answers().into_iter().map(|(name, manner, cause)| {
        tokio::spawn(async move {
            let issuer = Issuer::new(manner.clone()).await;
            let started = Instant::now();
            let client = Client::new(&issuer.uri(), json!({}));
            let guarded = client.guard(&token(Algorithm::Es256)).await;
            assert_eq!(verdict(&guarded), "SERVICE_UNAVAILABLE", "{name}");
            assert!(causes(&guarded)[1].contains(cause), "{name}: {:?}", causes(&guarded));
            assert!(started.elapsed() < Duration::from_secs(9), "{name} took {:?}", started.elapsed());

            issuer.turn(Manner::set(&good_set()));
            let client = Client::new(&issuer.uri(), json!({}));
            assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "ok", "{name}");
            let epoch = client.auth.epoch();
            issuer.turn(manner);
            client.clock.advance(60 * 60_000);
            assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "ok", "{name}: the good set stays");
            assert_eq!(client.verdict(&stranger("x")).await, "SERVICE_UNAVAILABLE", "{name}");
            assert_eq!((issuer.requests(), client.auth.epoch()), (3, epoch), "{name}");
        })
    });
    let all: Vec<_> = all.collect();
    for test in all {
        test.await.unwrap();
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Issuer::new(Manner::set(&good_set())).await;
    for status in [301, 302, 303, 307, 308] {
        let redirect = format!("HTTP/1.1 {status} Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.uri());
        let issuer = Issuer::new(Manner::raw(&redirect)).await;
        let guarded = Client::new(&issuer.uri(), json!({})).guard(&token(Algorithm::Es256)).await;
        assert_eq!(verdict(&guarded), "SERVICE_UNAVAILABLE");
        assert!(causes(&guarded)[1].contains("redirects are not followed"), "{:?}", causes(&guarded));
    }
    assert_eq!(elsewhere.requests(), 0);
}

/// Type and caching headers decide nothing: the keys do, and the limits are ours.
#[tokio::test]
async fn headers_of_the_answer_move_nothing() {
    let text = good_set().to_string();
    let head = "Content-Type: text/html\r\nCache-Control: max-age=31536000, immutable\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\nAge: 0";
    let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    let issuer = Issuer::new(Manner::raw(&answer)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let guarded = client.guard(&token(Algorithm::Es256)).await;
    assert_eq!((verdict(&guarded).as_str(), guarded.fresh_until), ("ok", NOW + 45 * 60_000));
    client.clock.advance(60 * 60_000);
    assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "ok");
    assert_eq!(issuer.requests(), 2);
}

/// A set of exactly the size that is allowed, in chunks.
#[tokio::test]
async fn a_set_may_be_as_long_as_64_kib() {
    let text = good_set().to_string();
    let padded = format!("{}{}", " ".repeat(64 * 1024 - text.len()), text);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{padded}\r\n0\r\n\r\n", padded.len());
    let issuer = Issuer::new(Manner::raw(&chunked)).await;
    assert_eq!(Client::new(&issuer.uri(), json!({})).verdict(&token(Algorithm::Es256)).await, "ok");
}

/// A secret in the address stays out of answers and logs.
#[tokio::test]
async fn the_address_is_told_to_nobody() {
    let issuer = Issuer::new(Manner::Close).await;
    let uri = issuer.uri().replace("/auth/keys", "/auth/keys-canary?key=canary");
    let closed = Issuer::new(Manner::Close).await.uri().replace("/auth/keys", "/canary");
    for uri in [uri, closed] {
        let guarded = Client::new(&uri, json!({})).guard(&token(Algorithm::Es256)).await;
        assert_eq!(verdict(&guarded), "SERVICE_UNAVAILABLE");
        assert!(!format!("{guarded:?}").contains("canary"), "{guarded:?}");
    }
}
