use std::collections::HashSet;

use sentri_core::crypto::{Secret, is_sealed};
use sentri_core::factor::{FactorKeys, FactorMethod, base32, enrolment, open_secret, recovery, totp};
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder};

use crate::vectors::{run, text};

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn number(given: &Value, name: &str) -> i64 {
    given[name].as_i64().unwrap()
}

#[test]
fn vectors() {
    run("factor", |given| {
        Ok(match text(given, "of") {
            "hotp" => totp::code_at(text(given, "secret").as_bytes(), number(given, "step")).into(),
            "totp" => {
                let key = secret(text(given, "secret"));
                totp::find_step(&key, text(given, "code"), number(given, "last"), number(given, "now")).into()
            }
            "base32" => base32::encode(text(given, "bytes").as_bytes()).into(),
            "unbase32" => base32::decode(text(given, "text")).map(|bytes| String::from_utf8(bytes).unwrap()).into(),
            "recovery" => recovery::normalize_code(text(given, "typed")).map(|code| code.expose().clone()).into(),
            "digest" => recovery::code_digest(&secret(text(given, "code"))).into(),
            "uri" => {
                let key = secret(text(given, "secret"));
                enrolment::uri(text(given, "issuer"), text(given, "account"), &key).expose().as_str().into()
            }
            other => json!({ "unknown": other }),
        })
    });
}

#[test]
fn secrets_and_codes_are_random_and_of_one_form() {
    let secrets: HashSet<String> = (0..500).map(|_| totp::make_secret().expose().clone()).collect();
    assert_eq!(secrets.len(), 500);
    assert!(secrets.iter().all(|text| text.len() == 32 && base32::decode(text).unwrap().len() == 20));
    let codes: HashSet<String> = (0..500).map(|_| recovery::make_code().expose().clone()).collect();
    assert_eq!(codes.len(), 500);
    for code in &codes {
        let groups: Vec<&str> = code.split('-').collect();
        assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 6), "{code}");
        assert_eq!(recovery::normalize_code(code).unwrap().expose(), &code.replace('-', ""));
        assert_eq!(recovery::normalize_code(&code.to_lowercase()).unwrap().expose(), &code.replace('-', ""));
    }
    for method in [FactorMethod::Totp, FactorMethod::Recovery] {
        assert_eq!(FactorMethod::from_name(method.as_str()), Some(method));
    }
    assert_eq!(FactorMethod::from_name("TOTP"), None);
}

#[test]
fn codes_are_those_of_another_implementation() {
    for round in 0..200_i64 {
        let key = totp::make_secret();
        let bytes = base32::decode(key.expose()).unwrap();
        let app = Builder::new().with_algorithm(Algorithm::SHA1).with_secret(bytes).build().unwrap();
        let now = 1_767_225_600 + round * 7_919;
        let code = app.generate(now.unsigned_abs());
        assert_eq!(totp::find_step(&key, &code.to_string(), -1, now * 1000), Some(now / 30));
    }
}

#[test]
fn a_secret_opens_under_its_keys_for_its_user_and_factor_alone() {
    let (old, new) = (&b"thirty-two random bytes, or more"[..], &b"thirty-two other bytes, or more!"[..]);
    let keys = FactorKeys::of([old]).unwrap();
    let stored = keys.seal("MZXW6YTB", "user", "factor").unwrap();
    assert!(is_sealed(stored.expose()) && !stored.expose().contains("MZXW6YTB"));
    let open = |keys: &FactorKeys, user: &str, factor: &str| open_secret(Some(keys), &stored, user, factor);
    assert_eq!(open(&keys, "user", "factor").unwrap().expose(), "MZXW6YTB");
    for (user, factor) in [("other", "factor"), ("user", "other"), ("factor", "user"), ("", "user|factor")] {
        assert!(open(&keys, user, factor).is_none(), "{user} {factor}");
    }
    assert!(open_secret(None, &stored, "user", "factor").is_none(), "without keys");
    assert!(open(&FactorKeys::of([new]).unwrap(), "user", "factor").is_none());
    let both = FactorKeys::of([new, old]).unwrap();
    assert_eq!(open(&both, "user", "factor").unwrap().expose(), "MZXW6YTB", "all of them open");
    let anew = both.seal("MY", "user", "factor").unwrap();
    assert!(open_secret(Some(&keys), &anew, "user", "factor").is_none(), "and the first seals");
    assert_eq!(open_secret(Some(&keys), &secret("MY"), "user", "factor").unwrap().expose(), "MY", "kept without keys");
    assert!(FactorKeys::of([old, b"fifteen bytes.."]).is_none() && FactorKeys::of([]).is_none());
    assert_eq!(format!("{keys:?}"), "FactorKeys(..)");
}

#[test]
fn a_qr_code_is_an_image_without_anything_active() {
    let uri = enrolment::uri("Example", &"林".repeat(300), &totp::make_secret());
    let svg = enrolment::qr(&uri).unwrap();
    let svg = svg.expose();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"), "{svg}");
    let letters = svg.chars().filter(|c| matches!(c, '<' | '>')).count();
    assert_eq!(letters, 8, "svg, rect and path, nothing else");
    assert!(enrolment::qr(&secret(&"x".repeat(5000))).is_none());
    let places: Vec<(i32, i32)> = svg
        .split(['M', 'h'])
        .filter_map(|part| part.split_once(','))
        .filter_map(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)))
        .collect();
    let side: i32 = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(
        svg.contains(&format!("0 0 {side} {side}\"")) && svg.contains(&format!("width=\"{side}\" height=\"{side}\""))
    );
    let (xs, ys): (Vec<i32>, Vec<i32>) = places.iter().copied().unzip();
    for places in [&xs, &ys] {
        assert_eq!(places.iter().min(), Some(&4), "four light modules before");
        assert_eq!(places.iter().max(), Some(&(side - 5)), "and behind");
    }
    // The corners by which a camera finds it, and none at the fourth.
    let is_dark = |x: i32, y: i32| places.contains(&(x, y));
    for (x, y) in [(4, 4), (side - 11, 4), (4, side - 11)] {
        assert!((0..7).all(|at| is_dark(x + at, y) && is_dark(x, y + at) && !is_dark(x + 1, y + 1)), "{x} {y}");
    }
    let longest = enrolment::uri(&"林".repeat(64), &"林".repeat(64), &totp::make_secret());
    assert!(enrolment::qr(&longest).is_some(), "the longest names fit");
}
