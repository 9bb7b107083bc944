//! Spellings of a name. The normal form distinguishes `ß` from `ss`, as version 6.0 does, but full case folding does
//! not. If a user is `straße`, no other user may sign in as `strasse`.
//!
//! All names with the same full form are a class. The forms that may be stored of a class follow from its full form
//! alone: each `ss` in it stays as it is or becomes `ß`. If these forms are too many, or if a name holds another
//! character that full folding changes (a Greek iota below its vowel, old forms of Cyrillic letters), the name is
//! stored in its full form. So a search for these forms finds every name of the class that was stored by these rules,
//! and the unique index keeps the stored forms apart.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization as _;

use super::shape::fold;

/// The most forms of a class that are stored and looked for.
const MOST: usize = 16;

/// The forms of a folded text.
pub(super) struct Forms {
    /// The text itself, as version 6.0 stores it.
    pub folded: String,
    /// The full form, which is equal for all spellings. To fold it again changes nothing.
    pub full: String,
    /// The forms that may be stored, with `full` first.
    pub all: Vec<String>,
}

impl Forms {
    /// Returns the forms of a text that [`fold`] does not change.
    pub(super) fn of(folded: String) -> Self {
        let full = full_fold(&folded);
        let all = sharpened(&full).unwrap_or_else(|| vec![full.clone()]);
        Self { folded, full, all }
    }

    /// Returns the forms of an address, if `self` are the forms of the name before the `@`.
    pub(super) fn at(self, domain: &str) -> Self {
        let at = |local: String| format!("{local}@{domain}");
        let Self { folded, full, all } = self;
        Self { folded: at(folded), full: at(full), all: all.into_iter().map(at).collect() }
    }

    /// Returns the form in which a new identifier is stored.
    pub(super) fn stored(self) -> String {
        if self.all.contains(&self.folded) { self.folded } else { self.full }
    }
}

/// Folds case fully. [`fold`] does not change the result.
fn full_fold(folded: &str) -> String {
    let mut full = folded.to_owned();
    // Folded ASCII needs no round. One round suffices for nearly every character, and two for all.
    for _ in 0..4 {
        if full.is_ascii() {
            break;
        }
        let apart: String = full.nfd().collect();
        let next = fold(&CaseMapper::new().fold_string(&apart));
        if next == full {
            break;
        }
        full = next;
    }
    full
}

/// Returns all ways to write `ß` for `ss` in a full form, beginning with the form without `ß`. `None`: there are too
/// many.
fn sharpened(full: &str) -> Option<Vec<String>> {
    // Only ASCII can skip the work. In other text an `ss` may appear when marks are separated from letters, as in sś.
    if full.is_ascii() && !full.contains("ss") {
        return Some(vec![full.to_owned()]);
    }
    let mut last = None;
    // `ways` are the ways to write all letters so far, and `before` those for all but the last letter.
    let (mut before, mut ways) = (Vec::new(), vec![String::new()]);
    for letter in full.nfd() {
        let mut next = ways.clone();
        next.iter_mut().for_each(|way| way.push(letter));
        if last == Some('s') && letter == 's' {
            next.extend(before.iter().map(|way| format!("{way}ß")));
        }
        if next.len() > MOST {
            return None;
        }
        last = Some(letter);
        before = std::mem::replace(&mut ways, next);
    }
    Some(ways.into_iter().map(|way| way.nfc().collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules above are exact for every assigned character. Characters beyond these have no case.
    #[test]
    fn every_character_folds_to_an_end() {
        for c in '\0'..='\u{1ffff}' {
            let folded = fold(&c.to_string());
            let full = full_fold(&folded);
            assert_eq!(fold(&full), full, "{c:?}");
            assert_eq!(full_fold(&full), full, "{c:?}");
            let forms = Forms::of(folded.clone());
            for form in &forms.all {
                assert_eq!(fold(form), *form, "{c:?}");
                assert_eq!(full_fold(form), full, "{c:?}");
            }
            let is_stored_folded = forms.all.contains(&folded);
            assert_eq!(is_stored_folded, folded == full || folded == "ß", "{c:?}: {folded:?} {full:?}");
        }
    }

    #[test]
    fn forms_of_a_class() {
        let all = |text: &str| Forms::of(fold(text)).all;
        assert_eq!(all("anna"), ["anna"]);
        assert_eq!(all("STRASSE"), ["strasse", "straße"]);
        assert_eq!(all("Straße"), ["strasse", "straße"]);
        assert_eq!(all("sss"), ["sss", "ßs", "sß"]);
        assert_eq!(all("ß\u{301}"), ["sś", "ß\u{301}"]);
        assert_eq!(all("Mississippi"), ["mississippi", "mißissippi", "missißippi", "mißißippi"]);
        assert_eq!(all("sssss").len(), 8);
        assert_eq!(all("ssssss").len(), 13);
        assert_eq!(all("ßßßß"), ["ssssssss"], "too many");
        assert_eq!(all("ᾳ"), ["αι"]);
    }

    #[test]
    fn a_name_of_too_many_forms_is_stored_in_full() {
        let stored = |text: &str| Forms::of(fold(text)).stored();
        assert_eq!(stored("Straße"), "straße");
        assert_eq!(stored("ßßßß"), "ssssssss");
        assert_eq!(stored("ᾳ"), "αι");
        assert_eq!(stored("\u{1c80}осток"), "восток");
    }
}
