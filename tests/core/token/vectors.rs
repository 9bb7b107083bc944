//! The tables in `tests/vectors`, which other languages run, too.

use sentri_core::token::claims::ClaimRules;
use sentri_core::token::jwks::JwkSet;
use sentri_core::token::jws::{self, ExpectedType};
use sentri_core::token::{Algorithm, KeyRing, SigningKey, TokenError};
use sentri_core::{Error, crypto};
use serde_json::{Value, json};

use super::fixtures::RSA_PKCS8;

fn table(text: &str) -> Vec<Value> {
    let table: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(table.len() > 40, "the table is cut off");
    table
}

/// Runs every case and reports all that differ, not only the first.
fn run(cases: &[Value], answer: impl Fn(&Value) -> Value) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let got = answer(case);
            let mut expected = case["expect"].clone();
            if let Some(reason) = case.get("reason") {
                expected["reason"] = reason.clone();
            }
            (got != expected).then(|| format!("{}: expected {expected}, got {got}", case["id"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn refused(error: TokenError) -> Value {
    json!({ "error": Error::from(error).code })
}

/// With the reason, which stands beside the expectation: it is for logs alone.
fn refused_because(error: TokenError) -> Value {
    json!({ "error": Error::from(error).code, "reason": error.reason() })
}

#[test]
fn jws_table() {
    run(&table(include_str!("../../vectors/jws.json")), |case| {
        let given = &case["given"];
        let token = given["token"].as_str().unwrap();
        let set = JwkSet::from_json(json!({ "keys": given["keys"] }).to_string().as_bytes()).unwrap();
        let raw = case["expect"].get("payload").is_some() || case["expect"].get("raw").is_some();
        if raw {
            return match jws::verify(token, set.keys(), ExpectedType::Any) {
                Ok(verified) => json!({ "payload": crypto::to_base64url(&verified.payload) }),
                Err(error) => json!({ "error": Error::from(error).code, "raw": true }),
            };
        }
        let algorithms: Vec<Algorithm> = given["algorithms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| Algorithm::from_name(name.as_str().unwrap()).unwrap())
            .collect();
        let text = |name: &str| given["rules"][name].as_str().map(str::to_owned);
        let rules = ClaimRules {
            issuer: text("issuer"),
            audience: text("audience"),
            leeway_seconds: given["rules"]["leewaySeconds"].as_i64().unwrap_or(0),
        };
        match set.verify_access(token, &algorithms, &rules, given["now"].as_i64().unwrap()) {
            Ok(claims) => json!({ "claims": claims }),
            Err(error) => refused_because(error),
        }
    });
}

#[test]
fn jwks_table() {
    run(&table(include_str!("../../vectors/jwks.json")), |case| {
        let given = &case["given"];
        let text = given["text"].as_str().map_or_else(|| given["set"].to_string(), str::to_owned);
        let read = if given["remote"] == true { JwkSet::from_remote_json } else { JwkSet::from_json };
        match read(text.as_bytes()) {
            Ok(set) => {
                let keys: Vec<Value> =
                    set.keys().iter().map(|key| json!({ "kid": key.kid(), "alg": key.algorithm().as_str() })).collect();
                json!({ "keys": keys })
            }
            Err(error) => {
                let reason = error.message.strip_prefix("keyUri: the key set is refused: ").unwrap();
                json!({ "error": error.code, "reason": reason })
            }
        }
    });
}

#[test]
fn refresh_table() {
    run(&table(include_str!("../../vectors/refresh.json")), |case| {
        let given = &case["given"];
        let ring = KeyRing::from_secret(given["secret"].as_str().unwrap(), None).unwrap();
        let (token, now) = (given["token"].as_str().unwrap(), given["now"].as_i64().unwrap());
        let claims = if given["kind"] == "access" {
            ring.verify_access(token, &ClaimRules::default(), now).map(|claims| json!(claims))
        } else {
            ring.verify_refresh(token, now).map(|claims| json!(claims))
        };
        claims.map_or_else(refused, |claims| json!({ "claims": claims }))
    });
}

/// RFC 7520, 4.1 and 4.4: the very bytes of the cookbook come out again.
#[test]
fn rfc_7520_examples_sign_byte_equal() {
    let cases = table(include_str!("../../vectors/jws.json"));
    let example = |id: &str| {
        let case = cases.iter().find(|case| case["id"] == id).unwrap();
        (case["given"]["token"].as_str().unwrap().to_owned(), case["given"]["keys"][0].clone())
    };
    for (id, key) in [
        ("rfc7520-4.1-rs256", SigningKey::from_pem(RSA_PKCS8, Some(Algorithm::Rs256)).unwrap()),
        ("rfc7520-4.4-hs256", {
            let secret = from_base64url(example("rfc7520-4.4-hs256").1["k"].as_str().unwrap());
            SigningKey::from_secret(&secret, Algorithm::Hs256).unwrap()
        }),
    ] {
        let (token, jwk) = example(id);
        let (header, rest) = token.split_once('.').unwrap();
        let (payload, _) = rest.split_once('.').unwrap();
        let alg = key.algorithm().as_str();
        assert_eq!(from_base64url(header), format!(r#"{{"alg":"{alg}","kid":{}}}"#, jwk["kid"]).into_bytes(), "{id}");
        assert_eq!(jws::sign_under_header(&from_base64url(payload), header, &key).unwrap(), token, "{id}");
    }
}

fn from_base64url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}
