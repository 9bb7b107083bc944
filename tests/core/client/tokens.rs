//! P4, P6, P8, P9 in client mode: which tokens are taken, and that none of them makes the client do anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sentri_core::token::algorithm::Family;
use sentri_core::token::jws::{sign, sign_under_header};
use sentri_core::token::{AccessClaims, Algorithm, SigningKey};
use serde_json::{Value, json};

use super::issuer::{Client, Issuer, Manner, anonymous_token, long_lived, token};
use crate::fixtures::{NOW, ring, signing_key};
use crate::support::{Bench, START};

/// One key of each kind.
fn all_keys() -> Value {
    let kinds = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];
    let keys: Vec<Value> = kinds.iter().map(|kind| ring(*kind).jwks(NOW, 0).unwrap()["keys"][0].clone()).collect();
    json!({ "keys": keys })
}

fn payload(claims: &AccessClaims) -> Vec<u8> {
    serde_json::to_vec(claims).unwrap()
}

/// Every asymmetric algorithm, with and without `kid`; a key is good for what it is published for.
#[tokio::test]
async fn every_asymmetric_algorithm_is_taken_by_its_key() {
    let issuer = Issuer::new(Manner::set(&all_keys())).await;
    let client = Client::new(&issuer.uri(), json!({}));
    for algorithm in Algorithm::all().filter(|algorithm| !algorithm.is_symmetric()) {
        // The published RSA key says RS256.
        let other_rsa = algorithm.family() == Family::Rsa && algorithm != Algorithm::Rs256;
        let expected = if other_rsa { "TOKEN_INVALID" } else { "ok" };
        assert_eq!(client.verdict(&token(algorithm)).await, expected, "{algorithm}");
        assert_eq!(client.verdict(&anonymous_token(algorithm)).await, expected, "{algorithm} without kid");
    }
    assert_eq!(issuer.requests(), 1);
}

/// Several keys of one algorithm: a token that names none is tried against each, one that names another against none.
#[tokio::test]
async fn a_token_without_kid_is_tried_against_every_key_of_its_algorithm() {
    let others: Vec<SigningKey> = (0..3).map(|_| SigningKey::generate(Algorithm::Es256, 0).unwrap().0).collect();
    let mut set = all_keys();
    for (at, other) in others.iter().enumerate() {
        set["keys"].as_array_mut().unwrap().insert(at, other.public_jwk().unwrap());
    }
    let issuer = Issuer::new(Manner::set(&set)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let own = signing_key(Algorithm::Es256);
    for key in others.iter().chain([&own]) {
        let nameless = sign(&payload(&long_lived()), "JWT", None, key).unwrap();
        assert_eq!(client.verdict(&nameless).await, "ok");
        let named = sign(&payload(&long_lived()), "JWT", key.kid(), key).unwrap();
        assert_eq!(client.verdict(&named).await, "ok");
        let wrong = others.iter().chain([&own]).find(|other| other.kid() != key.kid()).unwrap();
        let misnamed = sign(&payload(&long_lived()), "JWT", wrong.kid(), key).unwrap();
        assert_eq!(client.verdict(&misnamed).await, "TOKEN_INVALID");
    }
    assert_eq!(issuer.requests(), 1);
}

/// The configuration narrows it further.
#[tokio::test]
async fn other_algorithms_than_the_configured_are_refused() {
    let issuer = Issuer::new(Manner::set(&all_keys())).await;
    let client = Client::new(&issuer.uri(), json!({ "algorithms": ["EdDSA"] }));
    assert_eq!(client.verdict(&token(Algorithm::EdDsa)).await, "ok");
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384] {
        client.clock.advance(60_000);
        assert_eq!(client.verdict(&token(algorithm)).await, "TOKEN_INVALID", "{algorithm}");
    }
    assert_eq!(issuer.requests(), 1, "and are no reason to look for keys");
}

/// P4: a public key is no secret, in whatever spelling, and `none` is no algorithm.
#[tokio::test]
async fn public_keys_verify_no_shared_secret() {
    let set = all_keys();
    let issuer = Issuer::new(Manner::set(&set)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let jwk = set["keys"][0].clone();
    let pem = include_str!("../token/keys/rsa-public.pem");
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let spellings: [Vec<u8>; 6] = [
        pem.into(),
        pem.trim_end().into(),
        pem.lines().filter(|line| !line.starts_with('-')).collect::<String>().into(),
        jwk.to_string().into(),
        jwk["n"].as_str().unwrap().into(),
        modulus,
    ];
    for secret in &spellings {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let key = SigningKey::from_secret(secret, algorithm).unwrap();
            for kid in [None, jwk["kid"].as_str()] {
                let forged = sign(&payload(&long_lived()), "JWT", kid, &key).unwrap();
                assert_eq!(client.verdict(&forged).await, "TOKEN_INVALID", "{algorithm}");
            }
        }
    }
    let good = token(Algorithm::Rs256);
    let (_, rest) = good.split_once('.').unwrap();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256 ", "rs256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
        for token in [format!("{header}.{rest}"), format!("{header}.{}.", rest.split('.').next().unwrap())] {
            assert_eq!(client.verdict(&token).await, "TOKEN_INVALID", "{alg}");
        }
    }
}

/// P6: nothing in a header makes the client fetch: not an address, and not a name that looks like one.
#[tokio::test]
async fn headers_cause_no_fetch() {
    let elsewhere = Issuer::new(Manner::set(&all_keys())).await;
    let issuer = Issuer::new(Manner::set(&all_keys())).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let key = signing_key(Algorithm::Es256);
    for (name, value) in [
        ("jku", json!(elsewhere.uri())),
        ("x5u", json!(elsewhere.uri())),
        ("jwk", all_keys()["keys"][1].clone()),
        ("x5c", json!(["AAAA"])),
        ("kid", json!(elsewhere.uri())),
        ("kid", json!("../../../../etc/passwd")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "ES256", "typ": "JWT", name: value }).to_string());
        let token = sign_under_header(&payload(&long_lived()), &header, &key).unwrap();
        assert_eq!(client.verdict(&token).await, "TOKEN_INVALID", "{name}");
    }
    assert_eq!((elsewhere.requests(), issuer.requests()), (0, 1));
}

/// P8: a refresh token of a real server is worth nothing at a client, nor is anything else that says it is one.
#[tokio::test]
async fn refresh_tokens_are_refused() {
    let bench = Bench::new(&json!("sqlite::memory:"), json!({ "secret": "[absent]", "algorithm": "ES256" })).await;
    let set = bench.request("GET", "/keys", &[], None).await;
    let issuer = Issuer::new(Manner::set(&set.body)).await;
    let client = Client::new(&issuer.uri(), json!({}));
    client.clock.set(START);
    assert_eq!(bench.register("rizz").await.status, 201);
    let login = bench.login("rizz").await;
    let guarded = client.guard(&login.access).await;
    assert_eq!(guarded.result.unwrap().id, login.user_id, "the access token is good");
    client.clock.advance(60_000);
    assert_eq!(client.verdict(&login.refresh).await, "TOKEN_INVALID");
    assert!(client.auth.verify_access_token(&login.refresh).await.is_err());
    assert_eq!(issuer.requests(), 1, "it is no access token of an unknown key either");

    // Signed by the very key that is trusted, but as another kind.
    let issuer = Issuer::new(Manner::set(&all_keys())).await;
    let client = Client::new(&issuer.uri(), json!({}));
    for (typ, expected) in
        [("JWT", "ok"), ("jwt", "ok"), ("rt+jwt", "TOKEN_INVALID"), ("at+jwt", "TOKEN_INVALID"), ("", "TOKEN_INVALID")]
    {
        let token = sign(&payload(&long_lived()), typ, None, &signing_key(Algorithm::Es256)).unwrap();
        assert_eq!(client.verdict(&token).await, expected, "{typ}");
    }
}

/// P9: issuer and audience are exact when configured, and missing is refused.
#[tokio::test]
async fn issuer_and_audience_are_exact() {
    let issuer = Issuer::new(Manner::set(&all_keys())).await;
    let client = Client::new(&issuer.uri(), json!({ "issuer": "https://auth.example", "audience": "shop" }));
    let good = json!({ "iss": "https://auth.example", "aud": "shop" });
    for (change, expected) in [
        (json!({}), "ok"),
        (json!({ "aud": ["other", "shop"] }), "ok"),
        (json!({ "iss": "https://auth.example/" }), "TOKEN_INVALID"),
        (json!({ "iss": "HTTPS://auth.example" }), "TOKEN_INVALID"),
        (json!({ "iss": null }), "TOKEN_INVALID"),
        (json!({ "aud": "Shop" }), "TOKEN_INVALID"),
        (json!({ "aud": "shop2" }), "TOKEN_INVALID"),
        (json!({ "aud": [] }), "TOKEN_INVALID"),
        (json!({ "aud": null }), "TOKEN_INVALID"),
    ] {
        let mut claims = serde_json::to_value(long_lived()).unwrap();
        for source in [&good, &change] {
            for (name, value) in source.as_object().unwrap() {
                claims[name] = value.clone();
            }
        }
        let members = claims.as_object_mut().unwrap();
        members.retain(|_, value| !value.is_null());
        let token = sign(claims.to_string().as_bytes(), "JWT", None, &signing_key(Algorithm::Es256)).unwrap();
        assert_eq!(client.verdict(&token).await, expected, "{change}");
    }
    assert_eq!(client.verdict(&token(Algorithm::Es256)).await, "TOKEN_INVALID", "it has neither");
}

/// The issuer's clock may be off by the tolerance, in both directions, and by no more.
#[tokio::test]
async fn the_tolerance_is_thirty_seconds() {
    let issuer = Issuer::new(Manner::set(&all_keys())).await;
    let client = Client::new(&issuer.uri(), json!({}));
    let seconds = NOW / 1000;
    let strict = Client::new(&issuer.uri(), json!({ "clockTolerance": 0 }));
    for (member, at, by_default, without) in [
        ("exp", seconds - 29, "ok", "TOKEN_EXPIRED"),
        ("exp", seconds - 30, "TOKEN_EXPIRED", "TOKEN_EXPIRED"),
        ("exp", seconds, "ok", "TOKEN_EXPIRED"),
        ("nbf", seconds + 30, "ok", "TOKEN_INVALID"),
        ("nbf", seconds + 31, "TOKEN_INVALID", "TOKEN_INVALID"),
        ("nbf", seconds, "ok", "ok"),
    ] {
        let mut claims = serde_json::to_value(long_lived()).unwrap();
        claims[member] = at.into();
        let token = sign(claims.to_string().as_bytes(), "JWT", None, &signing_key(Algorithm::Es256)).unwrap();
        assert_eq!(client.verdict(&token).await, by_default, "{member} {at}");
        assert_eq!(strict.verdict(&token).await, without, "{member} {at} without tolerance");
    }
}
