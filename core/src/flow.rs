//! Secrets that may be used once: tokens in links, and codes that users type. Pure; `store` keeps the flows and counts
//! the attempts.
//!
//! A token has 32 random bytes and is stored as its SHA-256. A code has six digits, so that all codes could be tried
//! against a plain digest within a second. It is stored as an HMAC under a key that is derived from a signing key, and
//! bound to its flow (NIST SP 800-63B-4, 3.1.3; OWASP ASVS 5, 6.5).

use crate::clock::Millis;
use crate::crypto::{equal_in_constant_time, hmac_sha256, make_random, sha256, to_base64url};

/// The most open flows of a subject for a purpose.
pub const MOST_OPEN: u32 = 3;
/// The most attempts at the code of a flow.
pub const MAX_ATTEMPTS: i64 = 5;
/// Milliseconds for which a code is valid.
pub const CODE_LIFE: Millis = 10 * 60_000;
/// Milliseconds over which the wrong codes of a user are counted, in all flows together.
pub const DAY: Millis = 24 * 60 * 60_000;
/// The purpose of the flow between the first proof of a login and the second factor. No message is sent for it, and
/// attempts are counted for the user and not for the flow.
pub const MFA: &str = "mfa";
/// Milliseconds for which an `mfa` flow is open.
pub const MFA_LIFE: Millis = 5 * 60_000;
/// Milliseconds for which the token of the set-up is valid, which makes the first admin.
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
    /// A new value of an identifier, once control over the new address is proved.
    Change,
    /// The first password of a user whom an admin has invited.
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

    /// Returns the milliseconds for which the flow's token is valid. A login flow has no token, so its life is that of
    /// the code.
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

/// Returns the stored form of a token, its SHA-256 in base64url.
#[must_use]
pub fn token_digest(token: &str) -> String {
    to_base64url(&sha256(token.as_bytes()))
}

/// Makes a code of six digits. Each code is equally likely.
#[must_use]
pub fn make_code() -> String {
    loop {
        if let Some(code) = code_of(u32::from_be_bytes(make_random())) {
            return code;
        }
    }
}

/// Returns the code that a random number stands for. `None`: the number is discarded, so that all codes are equally
/// likely.
#[must_use]
pub fn code_of(number: u32) -> Option<String> {
    // The largest multiple of a million below 2^32. Numbers from it on would make small codes likelier.
    const FAIR: u32 = u32::MAX - u32::MAX % 1_000_000;
    (number < FAIR).then(|| format!("{:06}", number % 1_000_000))
}

/// Reads a code as people type it. It drops white space and dashes, and takes full-width digits for digits. `None`: the
/// text can't be a code, so no attempt is counted for it.
#[must_use]
pub fn normalize_code(given: &str) -> Option<String> {
    // The length is checked first, so that no long text is worked on. No code with white space between its digits is
    // longer.
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

/// Returns the stored form of a code, HMAC-SHA-256 over `purpose | flow | subject | code` in base64url.
#[must_use]
pub fn code_digest(key: &[u8; 32], purpose: &str, flow_id: &str, subject: &str, code: &str) -> String {
    // No part holds the separator, so no two lists of parts make the same text.
    let message = [purpose, flow_id, subject, code].join("|");
    to_base64url(&hmac_sha256(key, message.as_bytes()))
}

/// Returns the digest of an identifier that a client typed, HMAC-SHA-256 in base64url under the key of codes. Messages
/// are counted, and flows without a user are stored, under this digest. It is keyed, so that nobody can find the typed
/// text, perhaps an address, by trying candidates.
#[must_use]
pub fn spelling_digest(key: &[u8; 32], normalized: &str) -> String {
    // No purpose is named "spelling", so no code has the same digest.
    to_base64url(&hmac_sha256(key, format!("spelling|{normalized}").as_bytes()))
}

/// Returns the token of the set-up, by which the first admin is made. It is the HMAC-SHA-256 over a nonce in base64url,
/// under the key of codes. Every process that has the signing key derives the same token, so none is stored.
#[must_use]
pub fn setup_token(key: &[u8; 32], nonce: &str) -> String {
    // The message has two parts and begins with "setup", so no code and no spelling has the same digest.
    to_base64url(&hmac_sha256(key, format!("setup|{nonce}").as_bytes()))
}

/// Returns the stored form of the address that a flow's message went to, SHA-256 over `flow | type | value` in
/// base64url. The message proves control over this address alone, even if the identifier has another value later.
#[must_use]
pub fn address_digest(flow_id: &str, kind: &str, value: &str) -> String {
    // Neither a flow id nor a type holds the separator, so no two lists of parts make the same text.
    to_base64url(&sha256([flow_id, kind, value].join("|").as_bytes()))
}

/// Whether two stored forms are equal, in constant time.
#[must_use]
pub fn is_same_digest(kept: &str, presented: &str) -> bool {
    equal_in_constant_time(kept.as_bytes(), presented.as_bytes())
}
