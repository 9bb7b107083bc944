//! Key sets of remote issuers (RFC 7517), which are accepted only if nothing in them is suspicious.
//!
//! The whole set is refused for things that an honest issuer never publishes: a private member, a duplicate `kid`, weak
//! or broken keys, or secrets beside public keys. An entry that is meant for another use (an unknown `kty`, curve or
//! `alg`, a `use` other than `sig`, `key_ops` without `verify`) is skipped, as RFC 7517, 5 requires. A set without any
//! other entry is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Family, Primitive};
use super::claims::{AccessClaims, ClaimRules, parse_access};
use super::json::parse_object;
use super::jws::{self, ExpectedType};
use super::key::{KeyError, VerifyingKey};
use super::keyring::ACCESS_TYPE;
use super::{Reason, TokenError};
use crate::clock::Millis;
use crate::crypto::sha256;
use crate::error::Error;

/// The longest set that is read, in bytes.
pub const MAX_SET_BYTES: usize = 64 * 1024;
/// The most entries of a set.
pub const MAX_SET_KEYS: usize = 32;

const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

/// The verifying keys of a set.
#[derive(Debug)]
pub struct JwkSet {
    keys: Vec<VerifyingKey>,
    digest: [u8; 32],
}

impl JwkSet {
    /// Reads `{"keys": [...]}`, which may hold public keys or shared secrets, but not both.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` with the reason. The caller keeps the set that it has.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        parse_set(bytes).map_err(|error| Error::configuration(format!("keyUri: the key set is refused: {error}")))
    }

    /// Reads a set from the network as [`JwkSet::from_json`] does. A set with a shared secret is refused, since a
    /// published secret is none.
    ///
    /// # Errors
    /// As [`JwkSet::from_json`].
    pub fn from_remote_json(bytes: &[u8]) -> Result<Self, Error> {
        let set = Self::from_json(bytes)?;
        if set.keys.iter().any(|key| key.algorithm().is_symmetric()) {
            return Err(Error::configuration("keyUri: the key set is refused: it holds a shared secret"));
        }
        Ok(set)
    }

    /// Returns all keys. A JWK without `alg` is among them once for each algorithm that it fits.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Finds the keys for a token of this `kid` and algorithm. For a token without `kid` it finds every key of the
    /// algorithm.
    pub fn find<'s>(&'s self, kid: Option<&'s str>, algorithm: Algorithm) -> impl Iterator<Item = &'s VerifyingKey> {
        self.keys.iter().filter(move |key| key.algorithm() == algorithm && (kid.is_none() || key.kid() == kid))
    }

    /// Whether a key with this `kid` is in the set.
    #[must_use]
    pub fn knows_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Whether both sets were read from the same text.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether a newer set may hold the key of an access token. It may if the token is well-formed, its algorithm is in
    /// `algorithms`, and it names no key or a key that is not in the set. The signature is not verified.
    #[must_use]
    pub fn may_miss_key_of(&self, token: &str, algorithms: &[Algorithm]) -> bool {
        let sought = jws::read_header(token, ExpectedType::OrAbsent(ACCESS_TYPE));
        sought.is_ok_and(|sought| {
            algorithms.contains(&sought.algorithm) && sought.kid.is_none_or(|kid| !self.knows_kid(&kid))
        })
    }

    /// Verifies an access token with the keys whose algorithm is in `algorithms`.
    ///
    /// # Errors
    /// `Expired` or `Invalid`.
    pub fn verify_access(
        &self,
        token: &str,
        algorithms: &[Algorithm],
        rules: &ClaimRules,
        now: Millis,
    ) -> Result<AccessClaims, TokenError> {
        let keys = self.keys.iter().filter(|key| algorithms.contains(&key.algorithm()));
        let verified = jws::verify(token, keys, ExpectedType::OrAbsent(ACCESS_TYPE)).map_err(|error| {
            let sought = jws::read_header(token, ExpectedType::OrAbsent(ACCESS_TYPE));
            let excluded = sought.is_ok_and(|sought| !algorithms.contains(&sought.algorithm));
            if excluded { TokenError::Invalid(Reason::Algorithm) } else { error }
        })?;
        parse_access(&verified.payload, rules, now)
    }
}

fn parse_set(bytes: &[u8]) -> Result<JwkSet, KeyError> {
    if bytes.len() > MAX_SET_BYTES {
        return Err(KeyError("longer than 64 KiB"));
    }
    let set = parse_object(bytes).ok_or(KeyError("not a JSON object, or a name stands twice"))?;
    let entries = set.get("keys").and_then(Value::as_array).ok_or(KeyError("`keys` is not an array"))?;
    if entries.len() > MAX_SET_KEYS {
        return Err(KeyError("more than 32 keys"));
    }
    let mut kids: Vec<&str> = Vec::new();
    let mut keys = Vec::new();
    let (mut secrets, mut public) = (false, false);
    for entry in entries {
        let jwk = entry.as_object().ok_or(KeyError("an entry is not an object"))?;
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyError("a key has a private member"));
        }
        let kid = optional_text(jwk, "kid")?;
        if let Some(kid) = kid {
            if kids.contains(&kid) {
                return Err(KeyError("two keys have the same kid"));
            }
            kids.push(kid);
        }
        let kty = optional_text(jwk, "kty")?.ok_or(KeyError("a key has no kty"))?;
        secrets |= kty == "oct";
        public |= kty != "oct";
        for key in parse_key(jwk, kty)? {
            keys.push(key.with_kid(kid.map(str::to_owned)));
        }
    }
    if secrets && public {
        return Err(KeyError("shared secrets and public keys are mixed"));
    }
    if keys.is_empty() {
        return Err(KeyError("no key in it can verify tokens"));
    }
    Ok(JwkSet { keys, digest: sha256(bytes) })
}

/// Returns a key for each algorithm that the entry allows, or none if the entry is meant for another use.
fn parse_key(jwk: &Map<String, Value>, kty: &str) -> Result<Vec<VerifyingKey>, KeyError> {
    let family = match kty {
        "oct" => Family::Hmac,
        "RSA" => Family::Rsa,
        "EC" => Family::Ec,
        "OKP" => Family::Ed,
        _ => return Ok(Vec::new()),
    };
    if family != Family::Hmac && jwk.contains_key("k") {
        return Err(KeyError("a key has a private member"));
    }
    // Weak and broken keys are refused even if they are marked for another use.
    let alg = optional_text(jwk, "alg")?;
    let curve = optional_text(jwk, "crv")?;
    let verifies = is_for_verifying(jwk)?;
    let mut keys = Vec::new();
    let mut reason = None;
    for algorithm in Algorithm::all().filter(|algorithm| algorithm.family() == family) {
        let key = match algorithm.primitive() {
            Primitive::Ec(known) if curve != Some(known.name) => continue,
            Primitive::Ed if curve != Some("Ed25519") => continue,
            Primitive::Hmac(_) => {
                let secret = bytes(jwk, "k")?;
                if secret.len() < algorithm.hash_bytes() {
                    reason = Some(KeyError("a shared secret is shorter than its hash"));
                    continue;
                }
                VerifyingKey::hmac(algorithm, &secret)
            }
            Primitive::Rsa { .. } => VerifyingKey::rsa(algorithm, &bytes(jwk, "n")?, &bytes(jwk, "e")?),
            Primitive::Ec(_) => VerifyingKey::ec(algorithm, &bytes(jwk, "x")?, &bytes(jwk, "y")?),
            Primitive::Ed => VerifyingKey::ed25519(&bytes(jwk, "x")?),
        }?;
        if verifies && alg.is_none_or(|name| name == algorithm.as_str()) {
            keys.push(key);
        }
    }
    let wanted = alg.and_then(Algorithm::from_name);
    match reason {
        // The secret is too short for every algorithm, or for the algorithm that it names.
        Some(error) if keys.is_empty() && (alg.is_none() || wanted.is_some()) => Err(error),
        _ if wanted.is_some_and(|wanted| wanted.family() != family) => Err(KeyError("alg doesn't fit kty")),
        _ => Ok(keys),
    }
}

/// Whether `use` (RFC 7517, 4.2) and `key_ops` (4.3), if present, allow the key to verify.
fn is_for_verifying(jwk: &Map<String, Value>) -> Result<bool, KeyError> {
    let signature = optional_text(jwk, "use")?.is_none_or(|value| value == "sig");
    let operations = match jwk.get("key_ops") {
        None => true,
        Some(value) => {
            let names = value.as_array().ok_or(KeyError("key_ops is not an array"))?;
            if names.iter().enumerate().any(|(at, name)| !name.is_string() || names[..at].contains(name)) {
                return Err(KeyError("key_ops is not an array of different strings"));
            }
            names.iter().any(|name| name == "verify")
        }
    };
    Ok(signature && operations)
}

fn optional_text<'j>(jwk: &'j Map<String, Value>, name: &str) -> Result<Option<&'j str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(KeyError("a member of a key is not a string")),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or(KeyError("a key lacks a member"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError("a member of a key is not canonical base64url"))
}
