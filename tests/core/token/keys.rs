//! Keys: how they are read, made, named, kept and refused.

use sentri_core::ErrorCode;
use sentri_core::token::algorithm::Family;
use sentri_core::token::key::thumbprint;
use sentri_core::token::wrap::{WrappingKey, is_wrapped};
use sentri_core::token::{Algorithm, ClaimRules, KeyRing, SigningKey};
use serde_json::{Value, json};

use super::fixtures::{
    ED25519, NOW, P256_PKCS8, P256_SEC1, P384_PKCS8, P384_SEC1, RSA_PKCS1, RSA_PKCS8, SECRET, claims, signing_key,
};

#[test]
fn names_match_exactly_and_go_both_ways() {
    let names = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"];
    let all: Vec<&str> = Algorithm::all().map(Algorithm::as_str).collect();
    assert_eq!(all[..11], names);
    assert_eq!(all[11], "EdDSA");
    for algorithm in Algorithm::all() {
        assert_eq!(Algorithm::from_name(algorithm.as_str()), Some(algorithm));
    }
    for name in ["", "none", "NONE", "rs256", "RS256 ", " RS256", "EDDSA", "Ed25519", "ES512", "ES256K", "HS1", "RS1"] {
        assert_eq!(Algorithm::from_name(name), None, "{name:?}");
    }
}

/// One key in its forms is one key: same default algorithm, same kid, same derived secrets.
#[test]
fn every_form_of_a_private_key_is_read() {
    let one_line = RSA_PKCS8.replace('\n', "\\n");
    let crlf = P256_PKCS8.replace('\n', "\r\n");
    let unwrapped = {
        let body: String = ED25519.lines().filter(|line| !line.starts_with("-----")).collect();
        format!("  -----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----  ")
    };
    let groups: [(&[&str], Algorithm, &str); 4] = [
        (&[RSA_PKCS1, RSA_PKCS8, &one_line], Algorithm::Rs256, "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"),
        (&[P256_SEC1, P256_PKCS8, &crlf], Algorithm::Es256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"),
        (&[P384_SEC1, P384_PKCS8], Algorithm::Es384, "mAGDqAdnj8EjbrjCb7deWtdnyMkOTyzCu_XKqizNDXI"),
        (&[ED25519, &unwrapped], Algorithm::EdDsa, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ];
    for (forms, algorithm, kid) in groups {
        let first = SigningKey::from_pem(forms[0], None).unwrap();
        assert_eq!(first.algorithm(), algorithm);
        assert_eq!(first.kid(), Some(kid), "{algorithm}");
        for form in forms {
            let key = SigningKey::from_pem(form, Some(algorithm)).unwrap();
            assert_eq!(key.kid(), first.kid(), "{algorithm}");
            assert_eq!(key.private_bytes(), first.private_bytes(), "{algorithm}");
        }
    }
}

#[test]
fn openssl_puts_parameters_before_an_ec_key() {
    let key = SigningKey::from_pem(include_str!("keys/p256-openssl.pem"), None).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Es256);
}

#[test]
fn a_key_must_be_private_readable_strong_and_of_a_known_kind() {
    let cut = RSA_PKCS8.split_at(400).0;
    let damaged = ED25519.replace("MC4CAQ", "MC4CAA");
    for (text, reason) in [
        (include_str!("keys/rsa-1024.pem"), "the RSA key is damaged or shorter than 2048 bits"),
        (include_str!("keys/p521-pkcs8.pem"), "the EC key is damaged or not on P-256 or P-384"),
        (include_str!("keys/x25519.pem"), "the key is none of RSA, EC (P-256, P-384) and Ed25519"),
        (include_str!("keys/rsa-public.pem"), "the PEM holds a public key: a private key is needed"),
        (include_str!("keys/rsa-encrypted.pem"), "the PEM key is encrypted: decrypt it with `openssl pkey`"),
        (include_str!("keys/rsa-encrypted-pkcs1.pem"), "the PEM key is encrypted: decrypt it with `openssl pkey`"),
        (
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            "the PEM holds a certificate: a private key is needed",
        ),
        (cut, "the PEM end line is missing"),
        ("-----BEGIN PRIVATE", "the PEM begin line is cut off"),
        ("-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----", "the PEM body is not base64"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "the PEM body is not a PKCS#8 key"),
        ("-----BEGIN FOO-----\nAAAA\n-----END FOO-----", "no PEM private key found"),
        ("nothing", "no PEM private key found"),
    ] {
        assert_eq!(SigningKey::from_pem(text, None).unwrap_err().0, reason);
    }
    assert!(SigningKey::from_pem(&damaged, None).is_err());
}

#[test]
fn an_algorithm_must_fit_the_key() {
    let pems = [(RSA_PKCS8, Family::Rsa), (P256_PKCS8, Family::Ec), (P384_PKCS8, Family::Ec), (ED25519, Family::Ed)];
    for (pem, family) in pems {
        for algorithm in Algorithm::all() {
            let fits = match algorithm {
                Algorithm::Es256 => pem == P256_PKCS8,
                Algorithm::Es384 => pem == P384_PKCS8,
                other => other.family() == family,
            };
            assert_eq!(SigningKey::from_pem(pem, Some(algorithm)).is_ok(), fits, "{algorithm}");
        }
    }
}

#[test]
fn a_wrong_configuration_names_the_option() {
    for (secret, algorithm, option) in [
        ("", None, "secret"),
        ("", Some(Algorithm::Hs512), "secret"),
        (SECRET, Some(Algorithm::Rs256), "algorithm"),
        (RSA_PKCS8, Some(Algorithm::Hs256), "algorithm"),
        (RSA_PKCS8, Some(Algorithm::Es256), "secret"),
        (include_str!("keys/rsa-public.pem"), None, "secret"),
        (include_str!("keys/rsa-public.pem"), Some(Algorithm::Hs256), "algorithm"),
        (include_str!("keys/rsa-1024.pem"), None, "secret"),
        ("-----BEGIN", None, "secret"),
    ] {
        let error = KeyRing::from_secret(secret, algorithm).unwrap_err();
        assert!(error.is(ErrorCode::ConfigurationError));
        assert!(error.message.starts_with(&format!("{option}:")), "{}", error.message);
        assert!(secret.len() < 11 || !error.message.contains(secret));
    }
}

#[test]
fn made_keys_sign_and_come_back_from_their_pem() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps512, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        let (key, pem) = SigningKey::generate(algorithm, 2048).unwrap();
        let again = SigningKey::from_pem(pem.expose(), Some(algorithm)).unwrap();
        assert_eq!(again.kid(), key.kid());
        let (ring, again) = (KeyRing::from_signing_key(key).unwrap(), KeyRing::from_signing_key(again).unwrap());
        let token = ring.sign_access(&claims(), NOW).unwrap();
        assert_eq!(again.verify_access(&token, &ClaimRules::default(), NOW).unwrap(), claims());
        let (other, _) = SigningKey::generate(algorithm, 2048).unwrap();
        assert_ne!(other.kid(), again.signing_kid(NOW), "two keys are two keys");
    }
    let (key, _) = SigningKey::generate(Algorithm::Rs256, 3072).unwrap();
    let n = key.public_jwk().unwrap()["n"].as_str().unwrap().len();
    assert_eq!(n, 512, "3072 bits");
    for bits in [0, 512, 1024, 2047, 8193] {
        assert!(SigningKey::generate(Algorithm::Rs256, bits).is_err(), "{bits}");
    }
    assert!(SigningKey::generate(Algorithm::Hs256, 2048).is_err());
}

/// RFC 7638, 3.1.
#[test]
fn thumbprint_of_the_rfc() {
    let jwk = json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29"
    });
    assert_eq!(thumbprint(jwk.as_object().unwrap()).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    for bad in [
        json!({}),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "RSA", "e": "AQAB"}),
        json!({"kty": "EC", "crv": 1}),
    ] {
        assert_eq!(thumbprint(bad.as_object().unwrap()), None, "{bad}");
    }
}

#[test]
fn public_keys_show_nothing_private_and_their_own_thumbprint() {
    for algorithm in Algorithm::all().filter(|algorithm| !algorithm.is_symmetric()) {
        let key = signing_key(algorithm);
        let jwk = key.public_jwk().unwrap();
        let members = jwk.as_object().unwrap();
        assert_eq!(thumbprint(members).as_deref(), key.kid(), "{algorithm}");
        assert_eq!(
            (&jwk["kid"], &jwk["use"], &jwk["alg"]),
            (&json!(key.kid()), &json!("sig"), &json!(algorithm.as_str()))
        );
        let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected: &[&str] = match algorithm.family() {
            Family::Rsa => &["alg", "e", "kid", "kty", "n", "use"],
            Family::Ec => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            _ => &["alg", "crv", "kid", "kty", "use", "x"],
        };
        assert_eq!(names, expected, "{algorithm}");
    }
    let secret = SigningKey::from_secret(SECRET.as_bytes(), Algorithm::Hs256).unwrap();
    assert_eq!((secret.public_jwk(), secret.kid()), (None::<Value>, None));
}

#[test]
fn nothing_secret_is_printed() {
    for algorithm in Algorithm::all() {
        let key = signing_key(algorithm);
        let secret = sentri_core::crypto::to_base64url(key.private_bytes().expose());
        let ring = KeyRing::from_secret(super::fixtures::secret_for(algorithm), Some(algorithm)).unwrap();
        let shown = format!("{key:?} {:?} {:?} {ring:?}", key.verifying_key().unwrap(), key.private_bytes());
        assert!(!shown.contains(&secret[..16]) && !shown.contains(SECRET), "{shown}");
        assert!(shown.starts_with("SigningKey {") && shown.contains("VerifyingKey"), "{shown}");
    }
}

#[test]
fn wrapped_keys_open_under_their_own_key_and_kid_alone() {
    let wrapping = WrappingKey::new(b"thirty-two random bytes, or more").unwrap();
    let wrapped = wrapping.wrap(ED25519, "kid-1").unwrap();
    let text = wrapped.expose().as_str();
    assert!(text.starts_with("v1.") && is_wrapped(text) && !is_wrapped(ED25519));
    assert_eq!(wrapping.unwrap(text, "kid-1").unwrap().expose(), ED25519);
    assert_ne!(wrapping.wrap(ED25519, "kid-1").unwrap().expose(), text, "a nonce is never used twice");

    let other = WrappingKey::new(b"thirty-two random bytes, or mor3").unwrap();
    assert!(other.unwrap(text, "kid-1").is_err());
    assert!(wrapping.unwrap(text, "kid-2").is_err());
    for at in 0..text.len() {
        let mut changed = text.to_owned().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(wrapping.unwrap(std::str::from_utf8(&changed).unwrap(), "kid-1").is_err(), "byte {at}");
        assert!(wrapping.unwrap(&text[..at], "kid-1").is_err(), "cut off at {at}");
    }
    for short in [&b""[..], b"fifteen bytes.."] {
        assert!(WrappingKey::new(short).is_err());
    }
    assert_eq!(format!("{wrapping:?}"), "WrappingKey(..)");
}

/// A secret that was meant as something else is known to whoever sees the file's name or the public key.
#[test]
fn a_secret_that_is_a_path_or_a_key_in_another_form_is_refused_with_the_cure() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let public = include_str!("keys/rsa-public.pem");
    let body = |pem: &str| pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let der = STANDARD.decode(body(public)).unwrap();
    let private = STANDARD.decode(body(RSA_PKCS8)).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ me@here";
    let ed25519_spki = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let secrets: Vec<(Vec<u8>, &str)> = [
        "/run/secrets/key.pem",
        "/run/secrets/jwt",
        "/etc/sentri/jwt_key",
        "./key",
        "../keys/private",
        "~/key.pem",
        "keys/private.pem",
        "file:///run/secrets/jwt",
        "C:\\keys\\private.pem",
        "D:/keys/jwt",
        "\\\\server\\share\\key",
        "jwt.key",
    ]
    .into_iter()
    .map(|path| (path.as_bytes().to_vec(), "secretFile"))
    .chain([
        (der.clone(), "in PEM"),
        (private.clone(), "in PEM"),
        (body(public).into_bytes(), "in PEM"),
        (body(RSA_PKCS8).into_bytes(), "in PEM"),
        (URL_SAFE_NO_PAD.encode(&der).into_bytes(), "in PEM"),
        (hex(&der).into_bytes(), "in PEM"),
        (ed25519_spki.into(), "in PEM"),
        (jwk.into(), "in PEM"),
        (format!(r#"{{"keys":[{jwk}]}}"#).into_bytes(), "in PEM"),
        (STANDARD.encode(jwk).into_bytes(), "in PEM"),
        (ssh.into(), "ssh-keygen"),
        (STANDARD.encode(ssh).into_bytes(), "ssh-keygen"),
        (STANDARD.encode(public).into_bytes(), "a private key is needed"),
    ])
    .collect();
    for (secret, cure) in secrets {
        let text = String::from_utf8_lossy(&secret).into_owned();
        let error = KeyRing::from_secret(&secret, None).expect_err(&text);
        assert!(error.is(ErrorCode::ConfigurationError), "{text}");
        assert!(error.message.starts_with("secret:") && error.message.contains(cure), "{text}: {}", error.message);
        assert!(!error.message.contains(&text), "{}", error.message);
    }
    let ring = KeyRing::from_secret(STANDARD.encode(RSA_PKCS8), None).unwrap();
    assert_eq!(ring.signing_algorithm(0), Some(Algorithm::Rs256), "a private key in base64 is that key");
    assert!(KeyRing::from_secret(STANDARD.encode(RSA_PKCS8), Some(Algorithm::Hs256)).is_err());
}

/// No way of making a secret makes one that is taken for something else.
#[test]
fn random_secrets_are_taken_as_they_are() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    for round in 0..500_u32 {
        let seed = sentri_core::crypto::sha256(&round.to_be_bytes());
        let bytes = [seed, sentri_core::crypto::sha256(&seed)].concat();
        for length in [24, 32, 48, 64] {
            let random = &bytes[..length];
            let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            for secret in
                [random.to_vec(), STANDARD.encode(random).into(), URL_SAFE_NO_PAD.encode(random).into(), hex.into()]
            {
                assert!(KeyRing::from_secret(&secret, None).is_ok(), "{round} {length}");
            }
        }
    }
    for secret in [
        SECRET,
        "correct horse battery staple / and so on.",
        "/starts With+a/slash==",
        "p4ss.word-with.dots/and/slashes",
    ] {
        assert!(KeyRing::from_secret(secret, None).is_ok(), "{secret}");
    }
}
