//! The normal forms that keep a new identifier from being stored.

use super::port::ADOPTED_MARKER;
use crate::identifier::{claim, spellings};

/// Returns the texts by which `value_normalized` may hold one of `spellings`: itself, or adopted from sentri 5.
#[must_use]
pub fn stored_forms(spellings: &[String]) -> Vec<String> {
    let adopted = spellings.iter().map(|spelling| format!("{ADOPTED_MARKER}{spelling}"));
    spellings.iter().cloned().chain(adopted).collect()
}

/// Returns every `value_normalized` that must not be another user's when an identifier is stored.
#[must_use]
pub fn rivals_of(kind: &str, value: &str, normalized: &str) -> Vec<String> {
    let mut rivals = spellings(normalized);
    rivals.extend(claim(kind, value).into_iter().flat_map(|claim| stored_forms(&claim.spellings)));
    rivals.sort_unstable();
    rivals.dedup();
    rivals
}
