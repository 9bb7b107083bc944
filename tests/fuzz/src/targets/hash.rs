//! Password hashes as the database may hold them. One that is taken has a cost within bounds by an independent look, and
//! matches no password that it was not made of.

use std::time::{Duration, Instant};

use sentri_core::password::{PasswordVerdict, Policy, check_stored, needs_rehash, verify};

/// Work that a verification here may take: more is looked at and not done.
const CHEAP: u64 = 1 << 21;

pub fn check(data: &[u8]) {
    let Some(encoded) = super::text(data) else { return };
    let policy = Policy::default();
    if check_stored(encoded, &policy).is_ok() {
        return taken(encoded, &policy);
    }
    let began = Instant::now();
    assert!(verify("password", encoded, &policy) == PasswordVerdict::Mismatch && !needs_rehash(encoded, &policy));
    assert!(began.elapsed() < Duration::from_secs(1), "what is refused costs nothing: {encoded:?}");
}

fn taken(encoded: &str, policy: &Policy) {
    let parts: Vec<&str> = encoded.split('$').collect();
    assert!(encoded.len() <= 255 && parts[0].is_empty(), "{encoded:?}");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let parameter = |name: &str| {
        let all = parts.iter().flat_map(|part| part.split(','));
        let mut named = all.filter_map(|one| one.split_once('=')).filter(|(known, _)| *known == name);
        // argon2 has defaults for what is left out.
        let defaults = [("m", "19456"), ("t", "2"), ("p", "1")].into_iter().filter(|_| parts[1].starts_with("argon2"));
        let value = named.next().or_else(|| defaults.into_iter().find(|(known, _)| *known == name));
        let (_, value) = value.unwrap_or_else(|| panic!("no {name} in {encoded:?}"));
        assert!(named.next().is_none(), "{name} twice in {encoded:?}");
        number(value)
    };
    let (work, most) = match parts[1] {
        "2a" | "2b" | "2y" => {
            let cost = number(parts[2]);
            assert!((4..=16).contains(&cost) && parts[2].len() == 2, "{encoded:?}");
            (4096 << cost, 4096 << 16)
        }
        "argon2id" | "argon2i" => {
            let (memory, passes, lanes) = (parameter("m"), parameter("t"), parameter("p"));
            assert!(memory <= 256 * 1024 && passes <= 16 && lanes <= 8, "{encoded:?}");
            (memory * passes * 1024, 4 << 30)
        }
        "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha384" | "pbkdf2-sha512" => (parameter("i") * 256, 4_000_000 * 256),
        kind => {
            assert!(["scrypt", "scrypt-nfkc", "scrypt-firebase"].contains(&kind), "{encoded:?}");
            assert!(parameter("ln") <= 20);
            ((parameter("r") * parameter("p") * 128) << parameter("ln"), 1 << 30)
        }
    };
    assert!(work <= most, "{encoded:?}");
    if work <= CHEAP {
        let (one, other) = (verify("password", encoded, policy), verify("another password", encoded, policy));
        assert_eq!(one, verify("password", encoded, policy));
        assert!(
            one == PasswordVerdict::Mismatch || other == PasswordVerdict::Mismatch,
            "{encoded:?} is matched by two passwords"
        );
        assert!(needs_rehash(encoded, policy) || parts[1] == "argon2id", "nothing so cheap stays");
    }
}
