//! Recovery codes, by which a user who has lost the second factor logs in. Each code may be used once.

use super::base32;
use crate::crypto::{Secret, make_random, sha256, to_base64url};

/// Random bytes of a code. Its 120 bits are too many to guess, so its digest needs no salt.
const BYTES: usize = 15;
/// Letters of a code.
const LETTERS: usize = 24;
/// Letters between two dashes.
const GROUP: usize = 6;

/// Makes a code: four groups of six letters of base32, with dashes between them.
#[must_use]
pub fn make_code() -> Secret<String> {
    let letters = base32::encode(&make_random::<BYTES>());
    let groups: Vec<String> = (0..LETTERS).step_by(GROUP).map(|at| letters[at..at + GROUP].to_owned()).collect();
    Secret::new(groups.join("-"))
}

/// Reads a code as people type it, in any case, with or without dashes and white space. `None`: the text can't be a
/// code, so no attempt is counted for it.
#[must_use]
pub fn normalize_code(given: &str) -> Option<Secret<String>> {
    // The length is checked first, so that no long text is worked on.
    if given.len() > 128 {
        return None;
    }
    let is_filler =
        |c: &char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{feff}');
    let letters: String = given.chars().filter(|c| !is_filler(c)).map(|c| c.to_ascii_uppercase()).collect();
    let is_code = letters.len() == LETTERS && base32::decode(&letters).is_some();
    is_code.then(|| Secret::new(letters))
}

/// Returns the stored form of a normalized code, its SHA-256 in base64url.
#[must_use]
pub fn code_digest(code: &Secret<String>) -> String {
    to_base64url(&sha256(code.expose().as_bytes()))
}
