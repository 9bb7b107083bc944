//! Secrets that may be spent once: tokens in links and codes to be typed. Pure; `store` keeps them and counts.
//!
//! A token has 32 random bytes and is kept as its SHA-256. A code has six digits, so a digest alone would be tried out
//! in a second: it is kept as an HMAC under a key that is derived from a signing key, bound to the flow that it belongs
//! to (NIST SP 800-63B-4, 3.1.3; OWASP ASVS 5, 6.5).

use crate::clock::Millis;
use crate::crypto::{equal_in_constant_time, hmac_sha256, make_random, sha256, to_base64url};

/// The most open flows of a purpose and subject.
pub const MOST_OPEN: u32 = 3;
/// The most attempts at the code of a flow.
pub const MAX_ATTEMPTS: i64 = 5;
/// Milliseconds for which a code counts.
pub const CODE_LIFE: Millis = 10 * 60_000;
/// Milliseconds over which the wrong codes of a user are counted, for all flows.
pub const DAY: Millis = 24 * 60 * 60_000;
/// The purpose of the flow between the first proof of a login and the second factor. Nothing of it is sent, and a code
/// counts for the user instead of the flow.
pub const MFA: &str = "mfa";
/// Milliseconds for which it is open.
pub const MFA_LIFE: Millis = 5 * 60_000;
/// Milliseconds for which the token counts that makes the first admin.
pub const SETUP_LIFE: Millis = 60 * 60_000;
/// Digits of a code.
const DIGITS: usize = 6;

/// The purposes of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowPurpose {
    /// A new password for a user who forgot the old password.
    Reset,
    /// The proof of control over an identifier, or over the address of a registration.
    Verify,
    /// Another value of an identifier, when its new address is proved.
    Change,
    /// The first password of a user whom an admin has made.
    Invite,
    /// A login by the code of a message.
    LoginCode,
}

impl FlowPurpose {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
            Self::Change => "change",
            Self::Invite => "invite",
            Self::LoginCode => "login-code",
        }
    }

    /// Milliseconds for which the token counts; for a login there is none but the code.
    #[must_use]
    pub const fn life(self) -> Millis {
        match self {
            Self::LoginCode => CODE_LIFE,
            Self::Reset => 30 * 60_000,
            Self::Verify | Self::Change => DAY,
            Self::Invite => 3 * DAY,
        }
    }
}

/// Makes the id of a flow: 128 random bits in base64url.
#[must_use]
pub fn make_flow_id() -> String {
    to_base64url(&make_random::<16>())
}

/// Makes a token: 32 random bytes in base64url.
#[must_use]
pub fn make_token() -> String {
    to_base64url(&make_random::<32>())
}

/// Returns the form of a token that is kept: its SHA-256 in base64url.
#[must_use]
pub fn token_digest(token: &str) -> String {
    to_base64url(&sha256(token.as_bytes()))
}

/// Makes a code: six digits, each code equally likely.
#[must_use]
pub fn make_code() -> String {
    loop {
        if let Some(code) = code_of(u32::from_be_bytes(make_random())) {
            return code;
        }
    }
}

/// Returns the code that a random number stands for. `None`: it stands for none, so that no code is likelier.
#[must_use]
pub fn code_of(number: u32) -> Option<String> {
    // The largest multiple of a million below 2^32: numbers beyond it would make small codes likelier.
    const FAIR: u32 = u32::MAX - u32::MAX % 1_000_000;
    (number < FAIR).then(|| format!("{:06}", number % 1_000_000))
}

/// Reads a code as people type it: without white space and dashes, full-width digits as digits. `None`: it is no code,
/// so it is worth no attempt.
#[must_use]
pub fn normalize_code(given: &str) -> Option<String> {
    // Bounded before it is read: a code with white space between its digits is no longer.
    if given.len() > 128 {
        return None;
    }
    let is_filler = |c: &char| {
        c.is_whitespace()
            || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{feff}' | '\u{200b}'..='\u{200d}')
    };
    let digit = |c: char| match c {
        '0'..='9' => Some(c),
        '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10),
        _ => None,
    };
    let code: Option<String> = given.chars().filter(|c| !is_filler(c)).map(digit).collect();
    code.filter(|code| code.len() == DIGITS)
}

/// Returns the form of a code that is kept: HMAC-SHA-256 over `purpose | flow | subject | code` in base64url.
#[must_use]
pub fn code_digest(key: &[u8; 32], purpose: &str, flow_id: &str, subject: &str, code: &str) -> String {
    // No part holds the separator, so no two lists of parts make one text.
    let message = [purpose, flow_id, subject, code].join("|");
    to_base64url(&hmac_sha256(key, message.as_bytes()))
}

/// Returns the digest of a spelling by which messages are counted and flows without a user are kept: HMAC-SHA-256 in
/// base64url under the key of codes. The typed text, perhaps an address, must not be recoverable by trying.
#[must_use]
pub fn spelling_digest(key: &[u8; 32], normalized: &str) -> String {
    // No purpose has this name, so it is the digest of no code.
    to_base64url(&hmac_sha256(key, format!("spelling|{normalized}").as_bytes()))
}

/// Returns the token by which the first admin is made: HMAC-SHA-256 over a nonce in base64url, under the key of codes.
/// Every process that has the signing key derives the same token, and none is stored.
#[must_use]
pub fn setup_token(key: &[u8; 32], nonce: &str) -> String {
    // A message of two parts, so it is the digest of no code; and no spelling begins so.
    to_base64url(&hmac_sha256(key, format!("setup|{nonce}").as_bytes()))
}

/// Returns the form of an address that a flow keeps: SHA-256 over `flow | type | value` in base64url. A message proves
/// control over the value that it went to, whatever value the identifier has later.
#[must_use]
pub fn address_digest(flow_id: &str, kind: &str, value: &str) -> String {
    // Neither a flow id nor a type holds the separator, so no two lists of parts make one text.
    to_base64url(&sha256([flow_id, kind, value].join("|").as_bytes()))
}

/// Whether two stored forms are equal, in constant time.
#[must_use]
pub fn is_same_digest(kept: &str, presented: &str) -> bool {
    equal_in_constant_time(kept.as_bytes(), presented.as_bytes())
}
