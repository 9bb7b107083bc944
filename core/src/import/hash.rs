//! Password hashes of other systems, converted to the stored form.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::user::refused;
use crate::crypto::{PbkdfDigest, Secret};
use crate::error::Error;
use crate::password::{ScryptCost, ScryptKind, encode_pbkdf2, encode_scrypt};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Decodes base64 of either alphabet (RFC 4648, 4 and 5), with or without padding.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let is_url_safe = text.contains(['-', '_']);
    GeneralPurpose::new(if is_url_safe { &URL_SAFE } else { &STANDARD }, LENIENT).decode(text).ok()
}

/// Reads a hash in a form that names its kind. These are bcrypt, argon2, scrypt or PBKDF2 as PHC strings, and PBKDF2 as
/// passlib writes it. A later step checks whether the hash can be verified.
pub(super) fn own(text: &str) -> Result<Secret<String>, Error> {
    if !text.starts_with('$') {
        return Err(unknown());
    }
    if let Some(rest) = text.strip_prefix("$pbkdf2-")
        && !rest.contains('=')
    {
        return passlib(rest).ok_or_else(malformed);
    }
    Ok(Secret::new(text.to_owned()))
}

/// Reads `sha256$iterations$salt$hash`, whose base64 has `.` for `+`.
fn passlib(rest: &str) -> Option<Secret<String>> {
    let parts: Vec<&str> = rest.split('$').collect();
    let [digest, iterations, salt, hash] = parts.try_into().ok()?;
    let decode = |text: &str| decode_base64(&text.replace('.', "+"));
    Some(encode_pbkdf2(digest_of(digest)?, iterations.parse().ok()?, &decode(salt)?, &decode(hash)?))
}

/// Returns the digest of that name.
pub(super) fn digest_of(name: &str) -> Option<PbkdfDigest> {
    Some(match name {
        "sha1" => PbkdfDigest::Sha1,
        "sha256" => PbkdfDigest::Sha256,
        "sha384" => PbkdfDigest::Sha384,
        "sha512" => PbkdfDigest::Sha512,
        _ => return None,
    })
}

/// Reads better-auth's `salt:key` in hexadecimal. better-auth uses the hexadecimal text itself as the salt.
pub(super) fn better_auth(text: &str) -> Result<Secret<String>, Error> {
    let Some((salt, key)) = text.split_once(':') else { return own(text) };
    let key = decode_hex(key).filter(|key| key.len() == 64).ok_or_else(malformed)?;
    if salt.is_empty() || decode_hex(salt).is_none() {
        return Err(malformed());
    }
    let cost = ScryptCost { log_n: 14, r: 16, p: 1 };
    Ok(encode_scrypt(ScryptKind::Nfkc, cost, salt.as_bytes(), &key))
}

/// Reads Django's `algorithm$...`. Returns `None` if the user has no usable password.
pub(super) fn django(text: &str) -> Result<Option<Secret<String>>, Error> {
    if text.is_empty() || text.starts_with('!') {
        return Ok(None);
    }
    let Some((algorithm, rest)) = text.split_once('$') else { return Err(unknown()) };
    match algorithm {
        "pbkdf2_sha256" | "pbkdf2_sha1" => django_pbkdf2(&algorithm["pbkdf2_".len()..], rest).ok_or_else(malformed),
        "scrypt" => django_scrypt(rest).ok_or_else(malformed),
        "argon2" => own(&format!("${rest}")),
        "bcrypt" => own(rest),
        _ => Err(unknown()),
    }
    .map(Some)
}

/// Reads `iterations$salt$hash`.
fn django_pbkdf2(digest: &str, rest: &str) -> Option<Secret<String>> {
    let [iterations, salt, hash] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    Some(encode_pbkdf2(digest_of(digest)?, iterations.parse().ok()?, salt.as_bytes(), &decode_base64(hash)?))
}

/// Reads `N$salt$r$p$hash`.
fn django_scrypt(rest: &str) -> Option<Secret<String>> {
    let [n, salt, r, p, hash] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    let n: u32 = n.parse().ok().filter(|n: &u32| n.is_power_of_two())?;
    let cost = ScryptCost { log_n: n.trailing_zeros(), r: r.parse().ok()?, p: p.parse().ok()? };
    Some(encode_scrypt(ScryptKind::Plain, cost, salt.as_bytes(), &decode_base64(hash)?))
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some(digit(high)? << 4 | digit(low)?) } else { None }).collect()
}

pub(super) fn malformed() -> Error {
    refused("the password hash is malformed")
}

pub(super) fn unknown() -> Error {
    refused("the password hash is of no kind that is taken")
}
