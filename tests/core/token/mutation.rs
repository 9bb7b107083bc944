//! No byte of a token can be changed, dropped, doubled or added.

use sentri_core::token::{Algorithm, ClaimRules, KeyRing, TokenError};

use super::fixtures::{NOW, claims, ring};

fn assert_refused(ring: &KeyRing, token: &[u8], what: &str) {
    // What is not UTF-8 can't reach the verifier: its argument is text.
    let Ok(token) = std::str::from_utf8(token) else { return };
    let answer = ring.verify_access(token, &ClaimRules::default(), NOW);
    assert!(matches!(answer, Err(TokenError::Invalid(_))), "{what}: {token}");
    assert!(ring.verify_refresh(token, NOW).is_err(), "{what}, as refresh token: {token}");
}

/// `replacements` are tried at each place.
fn mutate(algorithm: Algorithm, replacements: impl Fn(u8) -> Vec<u8>) {
    let ring = ring(algorithm);
    let token = ring.sign_access(&claims(), NOW).unwrap().into_bytes();
    assert!(ring.verify_access(std::str::from_utf8(&token).unwrap(), &ClaimRules::default(), NOW).is_ok());
    for at in 0..token.len() {
        for byte in replacements(token[at]).into_iter().filter(|byte| *byte != token[at]) {
            let mut changed = token.clone();
            changed[at] = byte;
            assert_refused(&ring, &changed, &format!("byte {at} set to {byte}"));
        }
        let mut shorter = token.clone();
        shorter.remove(at);
        assert_refused(&ring, &shorter, &format!("byte {at} dropped"));
        let mut longer = token.clone();
        longer.insert(at, token[at]);
        assert_refused(&ring, &longer, &format!("byte {at} doubled"));
        if at > 0 {
            assert_refused(&ring, &token[..at], &format!("cut off at {at}"));
        }
    }
}

#[test]
fn every_byte_of_hs256_to_every_other() {
    mutate(Algorithm::Hs256, |_| (0..=127).collect());
}

// The asymmetric ones are slower: every place, bits flipped one at a time and the characters that split tokens.
fn flips(byte: u8) -> Vec<u8> {
    let mut all: Vec<u8> = (0..7).map(|bit| byte ^ (1 << bit)).collect();
    all.extend(*b".=A");
    all
}

#[test]
fn every_byte_of_rs256() {
    mutate(Algorithm::Rs256, flips);
}

#[test]
fn every_byte_of_es256() {
    mutate(Algorithm::Es256, flips);
}

#[test]
fn every_byte_of_eddsa() {
    mutate(Algorithm::EdDsa, flips);
}

#[test]
fn every_byte_of_a_refresh_token() {
    let ring = ring(Algorithm::EdDsa);
    let token =
        ring.sign_refresh("018bcfe5-6800-7000-8000-0000000000aa", 7, 1_700_000_000, 1_700_000_900, NOW).unwrap();
    assert_eq!(ring.verify_refresh(&token, NOW).unwrap().generation, 7);
    for at in 0..token.len() {
        for byte in 0..=127 {
            let mut changed = token.clone().into_bytes();
            if changed[at] != byte {
                changed[at] = byte;
                assert_refused(&ring, &changed, &format!("byte {at} set to {byte}"));
            }
        }
    }
}

#[test]
fn parts_of_two_good_tokens_do_not_mix() {
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let ring = ring(algorithm);
        let mut other = claims();
        other.roles = vec!["root".to_owned()];
        let (a, b) = (ring.sign_access(&claims(), NOW).unwrap(), ring.sign_access(&other, NOW).unwrap());
        let (a, b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
        assert_refused(&ring, [a[0], b[1], a[2]].join(".").as_bytes(), "payload of another");
        assert_refused(&ring, [a[0], a[1], b[2]].join(".").as_bytes(), "signature of another");
    }
}
