//! The forms in which an authenticator app reads its secret: a URI, and the same URI as a QR code.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use super::totp::{DIGITS, PERIOD};
use crate::crypto::Secret;

/// The most characters of an account name, since apps show it on one line and the size of a QR code is limited.
const LONGEST_ACCOUNT: usize = 64;
/// The width of the light border around a QR code, in modules (ISO/IEC 18004).
const QUIET: i32 = 4;

/// Returns the `otpauth` URI of a secret. `account` distinguishes the user's accounts at an issuer.
#[must_use]
pub fn uri(issuer: &str, account: &str, secret: &Secret<String>) -> Secret<String> {
    // The account name loses its colons, since a colon separates the issuer from the account.
    let account: String = account.chars().filter(|c| *c != ':').take(LONGEST_ACCOUNT).collect();
    let (issuer, account) = (encoded(issuer), encoded(&account));
    Secret::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={PERIOD}",
        secret.expose()
    ))
}

/// Returns the QR code of a text as an SVG image, black on white. `None`: the text is too long for a QR code.
#[must_use]
pub fn qr(text: &Secret<String>) -> Option<Secret<String>> {
    let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // Writing to a String does not fail.
            let _ = write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    let side = code.size() + 2 * QUIET;
    Some(Secret::new(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    )))
}

/// Percent-encodes all but unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if is_plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
