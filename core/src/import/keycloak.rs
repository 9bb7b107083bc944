//! Keycloak: members of `users` of an exported realm.

use serde_json::{Map, Value};

use super::hash::{decode_base64, digest_of, malformed, own, unknown};
use super::line::{Line, check_codes, totp_of};
use super::user::{ForeignUser, ImportedProof, disabled, refused};
use crate::crypto::Secret;
use crate::error::Error;
use crate::password::encode_pbkdf2;

/// Roles that Keycloak gives to every user for its own use.
const OWN_ROLES: [&str; 2] = ["offline_access", "uma_authorization"];

pub(super) fn read(line: &Line<'_>) -> Result<ForeignUser, Error> {
    if line.optional_flag(&["enabled"])? == Some(false) {
        return Err(disabled());
    }
    let mut user = ForeignUser::new(line.id(&["id"])?);
    let is_verified = line.flag(&["emailVerified"])?;
    user.add("email", line.text(&["email"])?.unwrap_or_default(), ImportedProof::of(is_verified));
    if let Some(name) = line.text(&["username"])? {
        user.add_name(name);
    }
    let is_given = |role: &String| !OWN_ROLES.contains(&role.as_str()) && !role.starts_with("default-roles-");
    user.roles = line.words(&["realmRoles"])?.into_iter().filter(is_given).collect();
    for credential in line.objects(&["credentials"])? {
        match credential.text(&["type"])? {
            Some("password") if user.hash.is_some() => return Err(refused("the user has several passwords")),
            Some("password") => user.hash = Some(password(&credential)?),
            Some("otp") => user.totp.push(otp(&credential)?),
            Some("password-history" | "recovery-authn-codes") => {}
            _ => user.other_factors = true,
        }
    }
    user.created_at = line.instant(&["createdTimestamp"])?;
    Ok(user)
}

type Members = Map<String, Value>;

/// Parses the two JSON texts of a credential, `secretData` and `credentialData`.
fn data(credential: &Line<'_>) -> Result<(Members, Members), Error> {
    let [secret, data] = [credential.embedded("secretData")?, credential.embedded("credentialData")?];
    secret.zip(data).ok_or_else(|| refused("a credential lacks secretData or credentialData"))
}

fn password(credential: &Line<'_>) -> Result<Secret<String>, Error> {
    let (secret, data) = data(credential)?;
    let (secret, data) = (Line::new(&secret), Line::new(&data));
    let decode = |name: &str| secret.required(&[name]).map(decode_base64)?.ok_or_else(malformed);
    let (hash, salt) = (decode("value")?, decode("salt")?);
    let iterations = data.number(&["hashIterations"])?.ok_or_else(malformed)?;
    match data.required(&["algorithm"])? {
        "argon2" => argon2(&data, iterations, &salt, &hash),
        "pbkdf2" => Ok(encode_pbkdf2(digest_of("sha1").ok_or_else(unknown)?, iterations, &salt, &hash)),
        algorithm => {
            let digest = algorithm.strip_prefix("pbkdf2-").and_then(digest_of).ok_or_else(unknown)?;
            Ok(encode_pbkdf2(digest, iterations, &salt, &hash))
        }
    }
}

/// Makes the PHC string of an argon2 hash. Each parameter in Keycloak's JSON is a list with a single text.
fn argon2(data: &Line<'_>, passes: u32, salt: &[u8], hash: &[u8]) -> Result<Secret<String>, Error> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    let parameters = data.object(&["additionalParameters"])?.ok_or_else(malformed)?;
    let text = |name: &str| parameters.words(&[name])?.into_iter().next().ok_or_else(malformed);
    let kind = text("type")?;
    if !matches!(kind.as_str(), "id" | "i") || text("version")? != "1.3" {
        return Err(unknown());
    }
    let number = |name: &str| text(name)?.parse::<u32>().map_err(|_| malformed());
    let (memory, lanes) = (number("memory")?, number("parallelism")?);
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    own(&format!("$argon2{kind}$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

fn otp(credential: &Line<'_>) -> Result<Secret<String>, Error> {
    let (secret, data) = data(credential)?;
    let (secret, data) = (Line::new(&secret), Line::new(&data));
    if data.text(&["subType"])? != Some("totp") {
        return Err(refused("an authenticator app counts codes instead of time"));
    }
    let number = |name: &str, usual| data.number(&[name]).map(|number| number.unwrap_or(usual));
    check_codes(data.text(&["algorithm"])?.unwrap_or("HmacSHA1"), number("digits", 6)?, number("period", 30)?)?;
    // Without `secretEncoding` the app's key is the bytes of the text itself.
    match data.text(&["secretEncoding"])? {
        Some(encoding) if encoding.eq_ignore_ascii_case("base32") => {
            secret.totp(&["value"])?.ok_or_else(|| refused("an authenticator app has no secret"))
        }
        Some(_) => Err(refused("the secret of an authenticator app is encoded in an unknown way")),
        None => totp_of(secret.required(&["value"])?.as_bytes()),
    }
}
