//! Reads private keys in PEM (RFC 7468), leniently in form and strictly in content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key_error::KeyError;

/// The DER content of a PEM block.
pub(super) enum PrivateKeyDer {
    /// `RSA PRIVATE KEY` (RFC 8017, A.1.2)
    Pkcs1(Zeroizing<Vec<u8>>),
    /// `EC PRIVATE KEY` (RFC 5915)
    Sec1(Zeroizing<Vec<u8>>),
    /// `PRIVATE KEY` (RFC 5208, RFC 5958)
    Pkcs8(Zeroizing<Vec<u8>>),
}

const BEGIN: &str = "-----BEGIN ";

/// Whether `text` is meant as PEM, valid or not. Such text must never be an HMAC secret, since with a public key as the
/// secret, anybody could forge HS256 tokens.
#[must_use]
pub fn looks_like_pem(text: &str) -> bool {
    text.contains(BEGIN.trim_end())
}

/// Finds the private key in `text`. Other blocks (EC parameters, certificates) are skipped. `\n` written as two
/// characters, as in environment files, is a line break. The length of lines does not matter.
pub(super) fn read_private_key(text: &str) -> Result<PrivateKeyDer, KeyError> {
    let text = Zeroizing::new(text.replace("\\r", ""));
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let mut rest = text.as_str();
    let mut reason = "no PEM private key found";
    while let Some(start) = rest.find(BEGIN) {
        let (label, after) =
            rest[start + BEGIN.len()..].split_once("-----").ok_or(KeyError("the PEM begin line is cut off"))?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(end.as_str()).ok_or(KeyError("the PEM end line is missing"))?;
        rest = after;
        match label {
            "RSA PRIVATE KEY" => return decode(body).map(PrivateKeyDer::Pkcs1),
            "EC PRIVATE KEY" => return decode(body).map(PrivateKeyDer::Sec1),
            "PRIVATE KEY" => return decode(body).map(PrivateKeyDer::Pkcs8),
            "ENCRYPTED PRIVATE KEY" => reason = "the PEM key is encrypted: decrypt it with `openssl pkey`",
            "PUBLIC KEY" | "RSA PUBLIC KEY" => reason = "the PEM holds a public key: a private key is needed",
            "CERTIFICATE" => reason = "the PEM holds a certificate: a private key is needed",
            _ => {}
        }
    }
    Err(KeyError(reason))
}

fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if body.contains(':') {
        return Err(KeyError("the PEM key is encrypted: decrypt it with `openssl pkey`"));
    }
    let packed: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(packed.as_bytes()).map(Zeroizing::new).map_err(|_| KeyError("the PEM body is not base64"))
}

/// Writes `der` as a `PRIVATE KEY` block with lines of 64 characters.
pub(super) fn write_pkcs8(der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut pem = String::with_capacity(body.len() + body.len() / 64 + 64);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
