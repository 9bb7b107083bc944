//! Spellings of one name. The normal form keeps `ß` apart from `ss`, as 6.0 does, and full case folding does not;
//! nobody may sign in as `strasse` beside a `straße` of somebody else.
//!
//! All names of one full form are a class. What may be stored of a class is a list that its full form alone tells: each
//! `ss` of it as it is or as `ß`. Where they are too many, or a name holds something else that folds further (a Greek
//! iota below its vowel, old forms of Cyrillic letters), it is stored in its full form. So whoever asks for the list
//! finds every name of a class that was stored by these rules, and the index itself tells the others apart.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization as _;

use super::shape::fold;

/// The most forms of one class that are stored and looked for.
const MOST: usize = 16;

/// The forms of one folded text.
pub(super) struct Forms {
    /// The text itself, as 6.0 stores it.
    pub folded: String,
    /// Equal for all spellings; folding it again changes nothing.
    pub full: String,
    /// Those that may be stored, `full` first.
    pub all: Vec<String>,
}

impl Forms {
    /// The forms of a text that [`fold`] leaves as it is.
    pub(super) fn of(folded: String) -> Self {
        let full = full_fold(&folded);
        let all = sharpened(&full).unwrap_or_else(|| vec![full.clone()]);
        Self { folded, full, all }
    }

    /// The forms of an address, where these are of the name before the `@`.
    pub(super) fn at(self, domain: &str) -> Self {
        let at = |local: String| format!("{local}@{domain}");
        let Self { folded, full, all } = self;
        Self { folded: at(folded), full: at(full), all: all.into_iter().map(at).collect() }
    }

    /// The form in which a new identifier is stored.
    pub(super) fn stored(self) -> String {
        if self.all.contains(&self.folded) { self.folded } else { self.full }
    }
}

/// Full case folding, in a form that [`fold`] leaves as it is.
fn full_fold(folded: &str) -> String {
    let mut full = folded.to_owned();
    // Of ASCII, folding leaves nothing to do. One round reaches the end for nearly every character, two for all.
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

/// All ways to write `ß` for `ss` in a full form, that without one first. `None`: there are too many.
fn sharpened(full: &str) -> Option<Vec<String>> {
    // A further letter that begins with an s apart from its mark, as in sś, is not ASCII.
    if full.is_ascii() && !full.contains("ss") {
        return Some(vec![full.to_owned()]);
    }
    let mut last = None;
    // The ways to write all letters before the last one, and all letters.
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

    /// The rules above are exact for every character there is. Beyond these none has a case.
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
