use std::time::{Duration, Instant};

use proptest::prelude::*;
use sentri_core::import::{FirebaseHash, ForeignUser, Format, ImportedProof, MAX_LINE};
use sentri_core::password::{PasswordVerdict, Policy, check_stored, verify};
use serde_json::{Value, json};

use crate::vectors::{self, option, shown, text};

fn format(given: &Value) -> Result<Format, String> {
    Ok(match text(given, "format") {
        "sentri" => Format::Sentri,
        "better-auth" => Format::BetterAuth,
        "supabase" => Format::Supabase,
        "auth0" => Format::Auth0,
        "django" => Format::Django,
        "keycloak" => Format::Keycloak,
        _ => {
            let hash = &given["firebase"];
            let number = |name: &str| u32::try_from(hash[name].as_u64().unwrap()).unwrap();
            let (key, separator) = (text(hash, "signerKey"), text(hash, "saltSeparator"));
            Format::Firebase(FirebaseHash::new(key, separator, number("rounds"), number("memCost"))?)
        }
    })
}

fn written(format: &Format, user: &ForeignUser) -> Value {
    let identifiers = user.identifiers.iter().map(|one| {
        let proof = match one.proof {
            ImportedProof::None => json!("no"),
            ImportedProof::Some => json!("yes"),
            ImportedProof::At(at) => json!(at),
        };
        json!([one.kind, one.value, proof])
    });
    json!({
        "identifiers": identifiers.collect::<Vec<_>>(),
        "roles": user.roles,
        "hash": user.hash.as_ref().map(|hash| hash.expose()),
        "totp": user.totp.iter().map(|secret| secret.expose()).collect::<Vec<_>>(),
        "otherFactors": user.other_factors,
        "createdAt": user.created_at,
        "id": user.id,
        "userId": format.user_id(&user.id),
    })
}

#[test]
fn vectors() {
    vectors::run("import", |given| {
        let format = format(given)?;
        let line = option(given, "text").map_or_else(|| given["line"].to_string(), |_| text(given, "text").to_owned());
        let user = format.read(&line).map_err(shown)?;
        let mut read = written(&format, &user);
        if let Some(password) = option(given, "password") {
            let policy = Policy::default();
            let hash = user.hash.as_ref().unwrap().expose();
            check_stored(hash, &policy).map_err(|reason| reason.as_str().to_owned())?;
            assert_eq!(verify("another password", hash, &policy), PasswordVerdict::Mismatch);
            read["verifies"] = (verify(password.as_str().unwrap(), hash, &policy) == PasswordVerdict::Match).into();
        }
        Ok(read)
    });
}

#[test]
fn an_id_is_the_same_each_time_and_another_for_each_system() {
    let uuid = "1F6C1B7E-3f0a-4a55-9c58-6b9b8e1a2c3d";
    assert_eq!(Format::Keycloak.user_id(uuid), uuid.to_lowercase());
    assert_eq!(Format::Django.user_id("1"), Format::Django.user_id("1"));
    assert_ne!(Format::Django.user_id("1"), Format::Django.user_id("2"));
    assert_ne!(Format::Django.user_id("1"), Format::Auth0.user_id("1"));
    // What else may be read as a UUID is none: two spellings would be one user.
    for odd in ["{1f6c1b7e-3f0a-4a55-9c58-6b9b8e1a2c3d}", "1f6c1b7e3f0a4a559c586b9b8e1a2c3d", &"0".repeat(36)] {
        assert_ne!(Format::Keycloak.user_id(odd), uuid.to_lowercase());
    }
}

#[test]
fn no_refusal_tells_a_secret() {
    let canary = "CANARY-5ac1";
    for format in
        [Format::Sentri, Format::BetterAuth, Format::Supabase, Format::Auth0, Format::Django, Format::Keycloak]
    {
        for line in [
            json!({ "id": 1, "passwordHash": canary, "password_hash": canary, "encrypted_password": canary }),
            json!({ "id": 1, "account": [{ "providerId": "credential", "password": canary }] }),
            json!({ "pk": 1, "fields": { "password": format!("pbkdf2_sha256${canary}") } }),
            json!({ "id": 1, "totp": [{ "secret": canary }], "mfa_factors": [{ "totp": { "secret": canary } }] }),
            json!({ "id": 1, "credentials": [{ "type": "password", "secretData": canary, "credentialData": canary }] }),
            json!({ "id": 1, canary: canary }),
        ] {
            if let Err(error) = format.read(&line.to_string()) {
                assert!(!format!("{error:?}").contains(canary), "{error:?}");
            }
            let broken = &line.to_string()[..line.to_string().len() - 1];
            assert!(!format!("{:?}", format.read(broken).unwrap_err()).contains(canary));
        }
    }
    let key = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
    let hash = FirebaseHash::new(key, "Bw==", 8, 14).unwrap();
    assert_eq!(format!("{hash:?}"), "FirebaseHash(..)");
}

#[test]
fn a_long_line_is_refused_before_it_is_read() {
    let line = format!("{{\"id\":\"{}\"}}", "a".repeat(MAX_LINE));
    assert!(Format::Sentri.read(&line).unwrap_err().message.contains("longer than 64 KiB"));
}

/// Refused at once: the cost is looked at before a byte of memory is taken.
#[test]
fn cost_bombs_end_soon() {
    let started = Instant::now();
    for (hash, reason) in [
        ("$scrypt$ln=20,r=64,p=16$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "more time or memory"),
        ("$pbkdf2-sha512$i=4294967295$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "more time or memory"),
        (
            "$argon2id$v=19$m=4194304,t=100,p=1$c29tZXNhbHQxMjM0NTY$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "more time or memory",
        ),
        ("$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", "more time or memory"),
        ("$argon2d$v=19$m=4096,t=3,p=1$c29tZXNhbHQxMjM0NTY$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "no kind"),
        ("$6$salt$hash", "no kind"),
        ("$2b$12$short", "malformed"),
    ] {
        assert!(check_stored(hash, &Policy::default()).unwrap_err().as_str().contains(reason), "{hash}");
    }
    assert!(started.elapsed() < Duration::from_millis(500));
}

proptest! {
    #[test]
    fn no_line_panics(text in "\\PC{0,200}", name in "(id|pk|fields|credentials|account|createdAt|totp|_id|roles)", value in "[0-9:TZ+. -]{0,40}") {
        for format in [Format::Sentri, Format::BetterAuth, Format::Supabase, Format::Auth0, Format::Django, Format::Keycloak] {
            let _ = format.read(&text);
            let _ = format.read(&json!({ "id": "1", name.clone(): value }).to_string());
            let _ = format.read(&json!({ "id": "1", "createdAt": value, "created_at": value, "createdTimestamp": value }).to_string());
        }
    }
}
