//! The options of client mode, checked.

use std::time::Duration;

use serde_json::Value;

use super::table::Group;
use super::time::millis;
use super::{Mode, SERVER_ONLY, check_mode, logger, reader::Reader};
use crate::access::role_list;
use crate::clock::Millis;
use crate::error::Error;
use crate::key_source::uri::KeyUri;
use crate::token::remote::{RETRY_AFTER, STALE_FOR};
use crate::token::{Algorithm, ClaimRules};
use crate::web::cookie::CookieRules;
use crate::web::origin::{self, Origin};

/// The checked options of client mode.
#[derive(Debug)]
pub struct ClientConfig {
    /// The address of the key set.
    pub key_uri: KeyUri,
    /// `validRoles`. `None`: `authorize()` accepts any role name.
    pub valid_roles: Option<Vec<String>>,
    /// The accepted algorithms. No symmetric algorithm is among them, since its verification key can also sign.
    pub algorithms: Vec<Algorithm>,
    /// The issuer and the audience, if configured, and the tolerance for the issuer's clock.
    pub claims: ClaimRules,
    /// The age at which the key set is fetched anew, in milliseconds.
    pub cache_max_age: Millis,
    /// The name of the cookie that is read when there is no `Authorization` header. `None`: no cookie is read.
    pub access_cookie: Option<String>,
    /// Origins beside the request's own that may use the cookie.
    pub trusted_origins: Vec<Origin>,
    /// The `service` field of log entries.
    pub service: String,
    /// Whether there is a logger.
    pub logging: bool,
    /// Whether answers hide mistakes of the application (`production` option).
    pub production: bool,
    /// Whether the host decides on revocation (`isTokenRevoked` option).
    pub token_revoked: bool,
}

impl ClientConfig {
    /// Checks the options of client mode.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    pub fn from_options(options: &Value) -> Result<Self, Error> {
        let mut read = Reader::new("", options)?;
        check_mode(&mut read, Mode::Client)?;
        let production = read.boolean("production", false)?;
        read.refuse(&SERVER_ONLY, "belongs to mode: 'server': leave it out, the auth server decides it")?;
        let config = Self {
            production,
            key_uri: key_uri(&mut read)?,
            valid_roles: valid_roles(&mut read)?,
            algorithms: algorithms(&mut read)?,
            claims: ClaimRules {
                issuer: read.text("issuer")?.map(str::to_owned),
                audience: read.text("audience")?.map(str::to_owned),
                leeway_seconds: clock_tolerance(&mut read)?,
            },
            cache_max_age: cache_max_age(&mut read)?,
            access_cookie: access_cookie(&mut read)?,
            trusted_origins: origin::trusted_origins(read.value("trustedOrigins"))?,
            service: read.text("loggerService")?.unwrap_or("sentri").to_owned(),
            logging: logger(&mut read)?,
            token_revoked: read.function("isTokenRevoked")?,
        };
        debug_assert_eq!(read.missing(Group::Client), None, "options that the table lacks");
        read.finish()?;
        Ok(config)
    }
}

fn key_uri(read: &mut Reader<'_>) -> Result<KeyUri, Error> {
    let allow_insecure = read.boolean("allowInsecure", false)?;
    let Some(text) = read.text("keyUri")? else {
        return Err(
            read.error("keyUri", "is missing: the auth server's key set, as in 'https://auth.example.com/auth/keys'")
        );
    };
    KeyUri::parse(text, allow_insecure).map_err(|why| read.error("keyUri", why))
}

fn valid_roles(read: &mut Reader<'_>) -> Result<Option<Vec<String>>, Error> {
    match role_list("validRoles", read.value("validRoles"))? {
        Some(roles) if roles.is_empty() => {
            Err(read.error("validRoles", "must not be empty: list roles, or leave it out"))
        }
        roles => Ok(roles),
    }
}

fn algorithms(read: &mut Reader<'_>) -> Result<Vec<Algorithm>, Error> {
    let asymmetric = || Algorithm::all().filter(|algorithm| !algorithm.is_symmetric());
    let Some(names) = read.strings("algorithms", false)? else { return Ok(asymmetric().collect()) };
    let known = || asymmetric().map(Algorithm::as_str).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return Err(read.error("algorithms", format!("must not be empty: leave it out, or list some of {}", known())));
    }
    let read_name = |name: &String| match Algorithm::from_name(name) {
        Some(algorithm) if algorithm.is_symmetric() => Err(read
            .error("algorithms", "can't hold HS256, HS384 or HS512: who verifies with a shared secret can sign too")),
        Some(algorithm) => Ok(algorithm),
        None => Err(read.error("algorithms", format!("must be some of {}", known()))),
    };
    names.iter().map(read_name).collect()
}

/// Reads `clockTolerance`, whole seconds up to five minutes. A larger tolerance would make an expired token as good as
/// a fresh one.
fn clock_tolerance(read: &mut Reader<'_>) -> Result<i64, Error> {
    let tolerance = read.zero_or_duration("clockTolerance", Duration::from_secs(30))?;
    if tolerance > Duration::from_secs(300) {
        return Err(read.error("clockTolerance", "must be at most 5m: mend the clock instead"));
    }
    Ok(i64::try_from(tolerance.as_secs()).unwrap_or(0))
}

fn cache_max_age(read: &mut Reader<'_>) -> Result<Millis, Error> {
    let max_age = millis(read.duration("cacheMaxAge", Duration::from_secs(60 * 60))?);
    if !(RETRY_AFTER..=STALE_FOR).contains(&max_age) {
        return Err(read.error("cacheMaxAge", "must be from 30s to 24h"));
    }
    Ok(max_age)
}

/// Reads `accessCookie`, which may be the same value as the server's. Only the name counts here, since the server
/// writes the cookie. Without the option the cookie is read; `false` turns that off.
fn access_cookie(read: &mut Reader<'_>) -> Result<Option<String>, Error> {
    let option = read.only_members("accessCookie", CookieRules::MEMBERS)?.unwrap_or(&Value::Bool(true));
    Ok(CookieRules::access(Some(option), false)?.map(|rules| rules.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ClientConfig, SERVER_ONLY};
    use crate::config::Config;
    use crate::config::table::CLIENT_ONLY;

    /// Each list holds options that the mode knows. A renamed option would be refused as unknown.
    #[test]
    fn options_of_the_other_mode_are_named_as_such() {
        for name in SERVER_ONLY.iter().chain(CLIENT_ONLY.iter()) {
            let server = Config::from_options(
                &json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["a"], *name: {} }),
            );
            let client =
                ClientConfig::from_options(&json!({ "mode": "client", "keyUri": "https://a.example", *name: {} }));
            let (own, other) = if SERVER_ONLY.contains(name) {
                (server.err(), client.map(|_| ()))
            } else {
                (client.err(), server.map(|_| ()))
            };
            let message = own.map(|error| error.message).unwrap_or_default();
            assert!(!message.contains("is not an option"), "{name}: {message}");
            let refused = other.expect_err(name).message;
            assert!(refused.starts_with(&format!("{name} belongs to mode: ")), "{refused}");
        }
    }
}
