//! Tokens and passwords without a server, for services that only sign, only verify, or only hash.
//!
//! ```
//! use sentri_core::standalone::{Tokens, passwords};
//! use serde_json::json;
//!
//! let options = json!({ "secret": "a secret of at least thirty-two bytes", "expiresIn": "5m" });
//! let tokens = Tokens::from_options(&options)?;
//! let now = 1_767_225_600_000;
//! let token = tokens.sign_access(&json!({ "id": "u1", "roles": ["user"] }), now)?;
//! assert_eq!(tokens.verify_access(&token, now)?.roles, ["user"]);
//! assert!(tokens.verify_access(&token, now + 301_000).is_err());
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let service = passwords(&json!({ "saltRounds": 10 }))?;
//! let hash = service.hash("correct horse".to_owned()).await?;
//! let hash = hash.as_str().unwrap_or_default().to_owned();
//! assert_eq!(service.verify("correct horse".to_owned(), hash).await?, true);
//! # Ok::<(), sentri_core::Error>(())
//! # })?;
//! # Ok::<(), sentri_core::Error>(())
//! ```

use serde_json::{Map, Value, json};

use crate::clock::Millis;
use crate::config::reader::Reader;
use crate::config::secret::read_secret;
use crate::crypto::Secret;
use crate::error::Error;
use crate::password::{Hasher, Policy};
use crate::server::VerifiedAccess;
use crate::service::input::Input;
use crate::token::jwks::JwkSet;
use crate::token::{AccessClaims, Algorithm, ClaimRules, KeyRing};

/// The shortest shared secret, in bytes. A shorter secret could be found by trying.
const MIN_SECRET_BYTES: usize = 16;

/// Keys with the rules that their tokens must meet.
#[derive(Debug)]
pub struct Tokens {
    keys: KeySource,
    rules: ClaimRules,
    ttl_seconds: i64,
    warning: Option<String>,
}

#[derive(Debug)]
enum KeySource {
    /// Keys that sign and verify.
    Ring(Box<KeyRing>),
    /// Keys of another issuer, which only verify, by these algorithms.
    Set(JwkSet, Vec<Algorithm>),
}

impl Tokens {
    /// Reads `{secret or secretFile, algorithm?}` or `{jwks, algorithms?}`, and
    /// `{issuer?, audience?, clockTolerance?, expiresIn?}`. By default access tokens live 15 minutes, there is no clock
    /// tolerance, and a key set verifies all asymmetric algorithms. `jwks` may be the text that its issuer sent, in
    /// which duplicate names are detected.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn from_options(options: &Value) -> Result<Self, Error> {
        let mut read = Reader::new("", options)?;
        let mut warning = None;
        let keys = match (read_secret(&mut read)?, read.value("jwks")) {
            (Some(secret), None) => {
                let algorithm = algorithm(&mut read)?;
                let ring = KeyRing::from_secret(secret.expose(), algorithm)?;
                warning = check_length(&ring, secret.expose(), algorithm)?;
                KeySource::Ring(Box::new(ring))
            }
            (None, Some(set)) => {
                let allowed = algorithms(&mut read)?;
                let text = set.as_str().map_or_else(|| set.to_string(), str::to_owned);
                // The error of the set names `keyUri`, which is `jwks` here.
                let set = JwkSet::from_remote_json(text.as_bytes())
                    .map_err(|error| Error::configuration(error.message.replacen("keyUri", "jwks", 1)))?;
                KeySource::Set(set, allowed)
            }
            _ => return Err(read.error("secret", "or jwks must be given, and not both")),
        };
        let leeway = read.zero_or_duration("clockTolerance", std::time::Duration::ZERO)?.as_secs();
        let rules = ClaimRules {
            issuer: read.text("issuer")?.map(str::to_owned),
            audience: read.text("audience")?.map(str::to_owned),
            leeway_seconds: i64::try_from(leeway).unwrap_or(i64::MAX),
        };
        let ttl = read.duration("expiresIn", std::time::Duration::from_secs(15 * 60))?;
        read.finish()?;
        Ok(Self { keys, rules, ttl_seconds: i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX), warning })
    }

    /// Returns the warning that the secret is weak, with the cure, if it is.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    fn ring(&self) -> Result<&KeyRing, Error> {
        match &self.keys {
            KeySource::Ring(ring) => Ok(ring),
            KeySource::Set(..) => Err(Error::configuration("secret is missing: a key set of others only verifies")),
        }
    }

    /// Signs an access token for `{id, roles, sessionId?}`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`; `CONFIGURATION_ERROR` without a secret.
    pub fn sign_access(&self, claims: &Value, now: Millis) -> Result<String, Error> {
        let input = Input::new(claims)?;
        let iat = now.div_euclid(1_000);
        let claims = AccessClaims {
            assurance: None,
            withheld: Vec::new(),
            id: input.text("id")?.to_owned(),
            roles: input.optional_strings("roles")?.unwrap_or_default(),
            session_id: input.optional_text("sessionId")?.map(str::to_owned),
            iat,
            exp: iat.saturating_add(self.ttl_seconds),
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone(),
        };
        Ok(self.ring()?.sign_access(&claims, now)?)
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`.
    pub fn verify_access(&self, token: &str, now: Millis) -> Result<VerifiedAccess, Error> {
        let AccessClaims { id, roles, session_id, exp, .. } = match &self.keys {
            KeySource::Ring(ring) => ring.verify_access(token, &self.rules, now)?,
            KeySource::Set(set, algorithms) => set.verify_access(token, algorithms, &self.rules, now)?,
        };
        Ok(VerifiedAccess { id, roles, session_id, exp })
    }

    /// Verifies a refresh token that was signed with the same secret, and returns `{sessionId, gen, iat, exp}`.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`; `CONFIGURATION_ERROR` without a secret.
    pub fn verify_refresh(&self, token: &str, now: Millis) -> Result<Value, Error> {
        Ok(json!(self.ring()?.verify_refresh(token, now)?))
    }

    /// Returns the key set (RFC 7517, 5) that verifies these tokens. It is empty with a shared secret.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` without a secret.
    pub fn jwks(&self, now: Millis) -> Result<Value, Error> {
        Ok(self.ring()?.jwks(now, Millis::MAX).unwrap_or_else(|| json!({ "keys": [] })))
    }
}

/// Refuses a shared secret that can be guessed fast. Returns a warning for a secret that is shorter than the digest of
/// its algorithm.
fn check_length(ring: &KeyRing, secret: &[u8], algorithm: Option<Algorithm>) -> Result<Option<String>, Error> {
    let algorithm = algorithm.unwrap_or(Algorithm::Hs256);
    if ring.jwks(0, Millis::MAX).is_some() || secret.len() >= algorithm.hash_bytes() {
        return Ok(None);
    }
    let message = format!(
        "secret has {} bytes; {} wants at least {} random ones (RFC 7518, 3.2): \
             make one with `openssl rand -base64 48`",
        secret.len(),
        algorithm.as_str(),
        algorithm.hash_bytes()
    );
    if secret.len() < MIN_SECRET_BYTES { Err(Error::configuration(message)) } else { Ok(Some(message)) }
}

fn algorithm(read: &mut Reader<'_>) -> Result<Option<Algorithm>, Error> {
    let Some(name) = read.text("algorithm")? else { return Ok(None) };
    Algorithm::from_name(name).map(Some).ok_or_else(|| read.error("algorithm", "is not one that is supported"))
}

fn algorithms(read: &mut Reader<'_>) -> Result<Vec<Algorithm>, Error> {
    let Some(names) = read.strings("algorithms", false)? else {
        return Ok(Algorithm::all().filter(|algorithm| !algorithm.is_symmetric()).collect());
    };
    let known = names.iter().map(|name| Algorithm::from_name(name).filter(|algorithm| !algorithm.is_symmetric()));
    known.collect::<Option<_>>().ok_or_else(|| read.error("algorithms", "must be asymmetric ones that are supported"))
}

/// Hashes and verifies passwords by the rules of `{algorithm?, minLength?, maxLength?, preset?, saltRounds?}`. Without
/// `minLength` and `preset` every password that is not empty is hashed. A hash is verified whatever the options are.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option.
pub fn passwords(options: &Value) -> Result<Passwords, Error> {
    Reader::only("", Some(options), &["algorithm", "minLength", "maxLength", "preset", "saltRounds"])?;
    let mut given = options.as_object().cloned().unwrap_or_else(Map::new);
    let rounds = given.remove("saltRounds");
    let is_given = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
    let has_shortest = is_given("minLength") || is_given("preset");
    let mut policy = Policy::from_options(Some(&Value::Object(given)), rounds.as_ref())?;
    if !has_shortest {
        policy.min_length = 1;
    }
    let verifying = Policy { max_length: Policy::LONGEST, ..Policy::default() };
    if policy.cost > verifying.highest_cost() {
        let highest = verifying.highest_cost();
        let message =
            format!("saltRounds must be at most {highest} here: verifyPassword() accepts no more costly hash");
        return Err(Error::configuration(message));
    }
    Ok(Passwords { hasher: Hasher::new(policy), verifier: Hasher::new(verifying) })
}

/// Runs a password function by its name, for bindings: `hashPassword(password, options?)`,
/// `verifyPassword(password, hash)`.
///
/// # Errors
/// `VALIDATION_ERROR` for arguments that are no texts; `CONFIGURATION_ERROR` that names the option;
/// `SERVICE_UNAVAILABLE`.
pub async fn call(method: &str, arguments: &Value) -> Result<Value, Error> {
    match method {
        "hashPassword" => {
            let password = text_of(arguments, 0, "password")?;
            passwords(options_of(arguments))?.hash(password).await
        }
        "verifyPassword" => {
            let (password, hash) = (text_of(arguments, 0, "password")?, text_of(arguments, 1, "hash")?);
            passwords(&Value::Null)?.verify(password, hash).await
        }
        _ => Err(Error::configuration(format!("{method}() does not exist"))),
    }
}

/// Runs `needsRehash(hash, options?)`, without waiting.
///
/// # Errors
/// As [`call`].
pub fn needs_rehash(arguments: &Value) -> Result<Value, Error> {
    let hash = text_of(arguments, 0, "hash")?;
    Ok(passwords(options_of(arguments))?.needs_rehash(hash).into())
}

fn text_of(arguments: &Value, at: usize, name: &str) -> Result<String, Error> {
    let text = arguments.get(at).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Error::validation(name, format!("{name} must be a text of well-formed Unicode")))
}

fn options_of(arguments: &Value) -> &Value {
    arguments.get(1).unwrap_or(&Value::Null)
}

/// Hashes and verifies passwords, on the hashing pool of the process.
#[derive(Debug, Clone)]
pub struct Passwords {
    hasher: Hasher,
    /// Accepts every hash that a `hasher` can make.
    verifier: Hasher,
}

impl Passwords {
    /// Hashes a password that meets the rules. It must be called within a Tokio runtime, as [`Self::verify`] must.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that says which rule is not met, `SERVICE_UNAVAILABLE`.
    pub async fn hash(&self, password: String) -> Result<Value, Error> {
        self.hasher.policy().check("password", &password)?;
        let hash = self.hasher.hash(Secret::new(password)).await.map_err(|failure| failure.into_public().0)?;
        Ok(hash.expose().as_str().into())
    }

    /// Whether a password matches a hash of any kind that [`crate::password::verify`] verifies.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE`.
    pub async fn verify(&self, password: String, hash: String) -> Result<Value, Error> {
        let verified = self.verifier.verify(Secret::new(password), Some(Secret::new(hash))).await;
        verified.map(Value::from).map_err(|failure| failure.into_public().0)
    }

    /// Whether a hash is weaker than a hash by the options would be, see [`crate::password::needs_rehash`].
    #[must_use]
    pub fn needs_rehash(&self, hash: String) -> bool {
        self.hasher.needs_rehash(&Secret::new(hash))
    }
}
