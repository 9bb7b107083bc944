//! Recognizes values of the option `secret` that were meant as something else, a path or a key in another form. As an
//! HMAC secret such a text would be known to anybody who knows the file's name or the public key.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use zeroize::Zeroizing;

use super::key::KeyError;
use super::pem::looks_like_pem;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const PATH: KeyError = KeyError(
    "it looks like a path, and no file is read here: set `secretFile` (SENTRI_SECRET_FILE for the command line) to \
     the path, or `secret` to what the file holds",
);
const DER: KeyError = KeyError(
    "it is a key or certificate in DER, hexadecimal or base64: give the private key in PEM, which begins with \
     `-----BEGIN` (`openssl pkey -inform DER -in key.der -out key.pem`)",
);
const JWK: KeyError = KeyError("it is a JWK or a key set: give the private key in PEM, or a long random text");
const SSH: KeyError = KeyError(
    "it is a key of ssh: give a private key in PEM (`ssh-keygen -p -m PEM -f key` converts one, `openssl genpkey` \
     makes one)",
);

/// Returns the PEM text if `secret` is its base64 form, as environment variables hold it. `None`: it is a real secret.
///
/// # Errors
/// The secret is a path, or a key in a form that is not supported. The error names the cure.
pub(super) fn recognize(secret: &[u8]) -> Result<Option<Zeroizing<String>>, KeyError> {
    if is_der(secret) {
        return Err(DER);
    }
    let Ok(text) = std::str::from_utf8(secret) else { return Ok(None) };
    let text = text.trim();
    if is_path(text) {
        return Err(PATH);
    }
    if is_ssh(text) {
        return Err(SSH);
    }
    if is_jwk(text) {
        return Err(JWK);
    }
    for packed in decodings(text) {
        if is_der(&packed) {
            return Err(DER);
        }
        if let Ok(inner) = std::str::from_utf8(&packed) {
            if looks_like_pem(inner) {
                return Ok(Some(Zeroizing::new(inner.to_owned())));
            }
            if is_jwk(inner) {
                return Err(JWK);
            }
            if is_ssh(inner) {
                return Err(SSH);
            }
        }
    }
    Ok(None)
}

/// Returns the bytes that the text may encode in base64, base64url or hexadecimal.
fn decodings(text: &str) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let packed: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    let base64 =
        [&STANDARD, &URL_SAFE].map(|alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(packed.as_bytes()));
    let pairs = packed.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let hex: Option<Vec<u8>> = pairs.collect();
    base64.into_iter().flatten().chain(hex).map(Zeroizing::new).collect::<Vec<_>>().into_iter()
}

/// Whether the bytes are a DER sequence (X.690, 8.9) that begins as keys and certificates do, with another sequence or
/// an integer. Random bytes have this form once in millions.
fn is_der(bytes: &[u8]) -> bool {
    let (length, content) = match bytes {
        [0x30, short, content @ ..] if *short < 0x80 => (usize::from(*short), content),
        [0x30, 0x81, length, content @ ..] => (usize::from(*length), content),
        [0x30, 0x82, high, low, content @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), content),
        _ => return false,
    };
    length == content.len() && length >= 40 && matches!(content[0], 0x30 | 0x02)
}

fn is_ssh(text: &str) -> bool {
    let starts = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2", "PuTTY-User-Key-File"];
    starts.iter().any(|start| text.starts_with(start)) && text.contains([' ', '\n'])
}

fn is_jwk(text: &str) -> bool {
    let object = text.starts_with('{').then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    object.is_some_and(|object| object.get("kty").is_some() || object.get("keys").is_some())
}

/// Whether the text is written like a path. A secret in base64 may begin with a slash, but almost every one of 16
/// characters or more has a capital letter, and none has a full stop.
fn is_path(text: &str) -> bool {
    if text.len() > 1024 || text.chars().any(|c| c.is_control() || c == ' ') {
        return false;
    }
    let extension = text.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_named = ["pem", "key", "p8", "pk8", "der", "crt", "cer", "pub", "jwk", "jwks", "json", "txt"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known));
    let drive = matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let relative = ["./", "../", "~/", "file:", ".\\", "..\\", "\\\\"].iter().any(|start| text.starts_with(start));
    let plain = text.bytes().all(|c| !c.is_ascii_uppercase() && c != b'+' && c != b'=');
    let absolute = text.starts_with('/') && (text.contains(['.', '_', '-']) || plain);
    is_named || drive || relative || absolute
}
