//! Key sets from elsewhere (RFC 7517, 5): looked at hard before anything is trusted to them.

use std::collections::HashSet;

use rsa::BigUint;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Family};
use super::jws;
use super::key::{MAX_RSA_BITS, MIN_RSA_BITS, VerifyingKey};
use crate::error::{Error, ErrorCode};
use crate::json;

/// The largest set, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most keys in a set.
pub const MAX_KEYS: usize = 32;

/// Primes of the ROCA fingerprint (CVE-2017-15361) with, for each, the order that 65537 generates: every modulus of
/// the flawed generator lies in the subgroup of 65537 modulo all of them.
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// One key of a set.
#[derive(Debug, Clone)]
pub struct Jwk {
    /// Its `kid`.
    pub kid: Option<String>,
    /// One verifying key for each algorithm that the key may be used with: one if it says `alg`.
    pub keys: Vec<VerifyingKey>,
}

/// A set of keys that verify.
#[derive(Debug, Clone)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    symmetric: bool,
}

impl JwkSet {
    /// Reads a set. One bad key spoils it: the owner of the set has lost control of it, or somebody else has won it.
    /// Keys of a type or for a use that is not ours are passed over.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that says what is wrong: too large, a repeated `kid`, a private member, symmetric beside
    /// asymmetric keys, RSA below 2048 bits, an exponent that is even or 1, a ROCA modulus, a point off its curve,
    /// an empty or short secret.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(bad("larger than 64 KiB"));
        }
        let set = json::parse_strict(text).map_err(|what| bad(&what))?;
        let entries = set.get("keys").and_then(Value::as_array).ok_or_else(|| bad("no list of keys"))?;
        if entries.len() > MAX_KEYS {
            return Err(bad("more than 32 keys"));
        }
        let (mut keys, mut kids, mut symmetric, mut asymmetric) = (Vec::new(), HashSet::new(), false, false);
        for entry in entries {
            let entry = entry.as_object().ok_or_else(|| bad("a key is not an object"))?;
            let Some(jwk) = read_key(entry)? else { continue };
            if jwk.kid.as_ref().is_some_and(|kid| !kids.insert(kid.clone())) {
                return Err(bad("a kid occurs twice"));
            }
            let shared = jwk.keys.iter().any(|key| key.algorithm().is_symmetric());
            symmetric |= shared;
            asymmetric |= !shared;
            keys.push(jwk);
        }
        if symmetric && asymmetric {
            return Err(bad("symmetric and asymmetric keys together"));
        }
        Ok(Self { keys, symmetric })
    }

    /// Whether the set holds shared secrets, which a set fetched from elsewhere must not.
    #[must_use]
    pub const fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// How many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that a token may be tried against: the one of its `kid`, or, without a `kid`, all of its algorithm.
    pub fn find<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a VerifyingKey> {
        let named = self.keys.iter().filter(move |jwk| kid.is_none() || jwk.kid.as_deref() == kid);
        named.flat_map(|jwk| &jwk.keys).filter(move |key| key.algorithm() == algorithm)
    }
}

fn bad(what: &str) -> Error {
    Error::new(ErrorCode::ValidationError, format!("The key set is refused: {what}"))
}

/// A key; `None` when it is none of ours to judge.
fn read_key(entry: &Map<String, Value>) -> Result<Option<Jwk>, Error> {
    let text = |name: &str| match entry.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(bad("a member has the wrong type")),
    };
    let kty = text("kty")?.ok_or_else(|| bad("a key has no kty"))?;
    if kty != "oct" && ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| entry.contains_key(*name)) {
        return Err(bad("it publishes a private key"));
    }
    if text("use")?.is_some_and(|purpose| purpose != "sig") || !may_verify(entry)? {
        return Ok(None);
    }
    let candidates = algorithms(kty, text("crv")?);
    let algorithms: Vec<Algorithm> = match text("alg")? {
        None => candidates,
        Some(name) => candidates.into_iter().filter(|algorithm| algorithm.as_str() == name).collect(),
    };
    if algorithms.is_empty() {
        return Ok(None);
    }
    let bytes = |name: &str| -> Result<Vec<u8>, Error> {
        let part = text(name)?.ok_or_else(|| bad("a key lacks a member"))?;
        jws::decode(part).map_err(|_| bad("a member is not canonical base64url"))
    };
    let keys = match kty {
        "RSA" => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            check_rsa(&n, &e)?;
            algorithms.into_iter().map(|algorithm| VerifyingKey::from_rsa(algorithm, &n, &e)).collect()
        }
        "EC" => {
            let mut point = vec![4];
            point.extend(coordinate(bytes("x")?, algorithms[0])?);
            point.extend(coordinate(bytes("y")?, algorithms[0])?);
            algorithms.into_iter().map(|algorithm| VerifyingKey::from_public(algorithm, &point)).collect()
        }
        "OKP" => {
            let x = bytes("x")?;
            if x.len() != 32 {
                return Err(bad("an Ed25519 key is not 32 bytes"));
            }
            algorithms.into_iter().map(|algorithm| VerifyingKey::from_public(algorithm, &x)).collect()
        }
        _ => {
            let secret = bytes("k")?;
            let long_enough = algorithms.into_iter().filter(|algorithm| secret.len() >= algorithm.min_secret_bytes());
            let keys: Result<Vec<_>, _> =
                long_enough.map(|algorithm| VerifyingKey::from_secret(algorithm, &secret)).collect();
            if keys.as_ref().is_ok_and(Vec::is_empty) {
                return Err(bad("a shared secret is too short"));
            }
            keys
        }
    };
    let keys: Vec<VerifyingKey> = keys.map_err(|_| bad("a key is not sound"))?;
    Ok(Some(Jwk { kid: text("kid")?.map(str::to_owned), keys }))
}

/// Whether `key_ops`, where given, allow verifying (RFC 7517, 4.3).
fn may_verify(entry: &Map<String, Value>) -> Result<bool, Error> {
    match entry.get("key_ops") {
        None => Ok(true),
        Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "verify")),
        Some(_) => Err(bad("key_ops is not a list")),
    }
}

fn algorithms(kty: &str, curve: Option<&str>) -> Vec<Algorithm> {
    let fits = |algorithm: &Algorithm| match (algorithm.family(), kty) {
        (Family::Rsa { .. }, "RSA") | (Family::Hmac(_), "oct") => true,
        (Family::Ec { curve: wanted, .. }, "EC") => curve == Some(wanted),
        (Family::Ed25519 { .. }, "OKP") => curve == Some("Ed25519"),
        _ => false,
    };
    Algorithm::ALL.into_iter().filter(fits).collect()
}

fn coordinate(bytes: Vec<u8>, algorithm: Algorithm) -> Result<Vec<u8>, Error> {
    match algorithm.family() {
        Family::Ec { width, .. } if bytes.len() == width => Ok(bytes),
        _ => Err(bad("a coordinate has the wrong length")),
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), Error> {
    let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&n.bits()) {
        return Err(bad("an RSA key has less than 2048 or more than 8192 bits"));
    }
    let two = BigUint::from(2_u32);
    if e <= two || &e % &two == BigUint::from(0_u32) || &n % &two == BigUint::from(0_u32) || e.bits() > 33 {
        return Err(bad("an RSA exponent or modulus is not sound"));
    }
    if ROCA_PRIMES.iter().all(|prime| in_subgroup(&n, *prime)) {
        return Err(bad("an RSA modulus has the ROCA weakness"));
    }
    Ok(())
}

/// Whether `n` modulo `prime` is a power of 65537.
fn in_subgroup(n: &BigUint, prime: u32) -> bool {
    let residue = n % BigUint::from(prime);
    let mut power = 1_u32;
    for _ in 0..prime {
        if BigUint::from(power) == residue {
            return true;
        }
        power = power * (65_537 % prime) % prime;
    }
    false
}
