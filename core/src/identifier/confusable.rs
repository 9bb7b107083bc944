//! Finds usernames that look like others, by Unicode's UTS 39. They mix letters of several scripts, or consist of
//! letters of another script that all look Latin.

use unicode_script::{Script, UnicodeScript as _};
use unicode_security::{GeneralSecurityProfile as _, RestrictionLevel, RestrictionLevelDetection as _, skeleton};

use super::shape::fold;

/// Returns why a username may look like another, and the remedy. `None`: it does not.
pub(super) fn reason(exact: &str) -> Option<&'static str> {
    if exact.is_ascii() {
        return None;
    }
    // Blanks and signs of ASCII are left out. They are of no script, and the restriction levels are for identifiers in
    // programs, which hold none.
    let letters: String = exact.chars().filter(|c| !c.is_ascii() || c.is_ascii_alphanumeric()).collect();
    if !letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return Some(
            "A username must not mix letters of scripts that are not written together, nor hold signs that are \
             no letters: write it in one script",
        );
    }
    // Both cases are checked, since some letters look Latin only as capitals and some only as small letters.
    (looks_latin(exact) || looks_latin(&fold(exact))).then_some(
        "A username must not pass for one in Latin letters: write it in Latin letters, or add a letter that looks like \
         none of them",
    )
}

/// Whether a text without Latin letters looks like a name in Latin letters.
fn looks_latin(text: &str) -> bool {
    let is_of_no_script = |c: char| matches!(c.script(), Script::Common | Script::Inherited);
    let is_latin = |c: char| c.script() == Script::Latin;
    if text.chars().all(is_of_no_script) || text.chars().any(is_latin) {
        return false;
    }
    let seen: String = skeleton(text).collect();
    // No name has small capitals or phonetic signs, so анна (aʜʜa) and γιάννης do not look Latin.
    let is_of_names = |c: char| c.is_ascii() || c.identifier_allowed() && (is_latin(c) || is_of_no_script(c));
    seen.chars().any(is_latin) && seen.chars().all(is_of_names)
}
