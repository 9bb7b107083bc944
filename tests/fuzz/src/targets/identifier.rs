//! Identifiers: a line with the type, and two with values. The normal form is a fixed point, two values have the same
//! one only where they are spellings of each other, and whoever has one value keeps all its spellings from others.

use sentri_core::identifier::{MAX_LENGTH, claim, key, lookup, mailbox, normalize, normalize_adopted, prefixes};

/// A text that no error repeats.
const CANARY: &str = "canary-canary";
const TYPES: [&str; 4] = ["email", "phone", "username", "employee"];

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let (kind, rest) = super::split_line(text);
    let (value, other) = super::split_line(rest);
    let mine = one(kind, value);
    let theirs = one(kind, other);
    let (Some(mine), Some(theirs)) = (mine, theirs) else { return };
    if matches!(kind, "email" | "username") {
        // Exactly the names that fold to one keep each other out.
        let is_one = key(&mine) == key(&theirs);
        for (taken, wanted) in [(&mine, other), (&theirs, value)] {
            let claimed = claim(kind, wanted).expect("a sign-in");
            assert_eq!(claimed.spellings.contains(taken), is_one, "{kind}: {value:?} and {other:?}");
        }
    }
    if mine == theirs {
        // Injective: what is the same has the same letters, in ASCII at least, where this reading needs no tables.
        let plain = value.is_ascii() && other.is_ascii();
        assert!(!plain || spelling(kind, value) == spelling(kind, other), "{kind}: {value:?} and {other:?}");
    }
}

/// The normal form, if the type takes the value.
fn one(kind: &str, value: &str) -> Option<String> {
    let adopted = normalize_adopted(kind, value);
    let made = match normalize(kind, value) {
        Ok(made) => made,
        Err(_) => {
            let marked = normalize(kind, &format!("{value}{CANARY}"));
            assert!(marked.is_ok() || marked.is_err_and(|error| !error.message.contains(CANARY)));
            return None;
        }
    };
    let normal = made.normalized;
    assert_eq!((made.value.as_str(), adopted.as_str()), (value, normal.as_str()));
    assert!(!normal.is_empty() && normal.chars().count() <= MAX_LENGTH && !normal.chars().any(char::is_control));
    assert_eq!(normalize(kind, &normal).map(|again| again.normalized).as_ref(), Ok(&normal), "a fixed point");
    if value.is_ascii() {
        assert_eq!(normal, spelling(kind, value), "{kind} {value:?}");
    }
    let found = lookup(value).expect("who has it signs in by it");
    let is_found = normal == found.normalized || normal == found.exact || found.others.contains(&normal);
    assert!(is_found && found.others.len() <= 16, "{kind} {value:?}: {found:?}");
    let claimed = claim(kind, value).expect("a sign-in");
    assert!(claimed.spellings.contains(&normal), "{kind} {value:?}: {claimed:?}");
    assert!(prefixes(value).expect("a search").iter().any(|prefix| normal.starts_with(prefix.as_str())));
    owned(kind, &normal);
    Some(normal)
}

/// No other type takes the normal form of an address or of an international number.
fn owned(kind: &str, normal: &str) {
    let is_owned = kind == "email" || (kind == "phone" && normal.starts_with('+'));
    for other in TYPES.into_iter().filter(|other| is_owned && *other != kind) {
        assert!(normalize(other, normal).is_err(), "{other} takes {normal:?} of {kind}");
    }
    if kind == "email" {
        let mail = mailbox(normal).expect("mail can be sent to it");
        assert_eq!(mail.rsplit_once('@').unwrap().1, normal.rsplit_once('@').unwrap().1);
    }
}

/// The normal form of a value in ASCII that the rules take.
fn spelling(kind: &str, value: &str) -> String {
    let value = value.trim();
    // The trunk zero of +44 (0)20 ... is written and not dialled.
    let dialled = if value.starts_with('+') { value.replacen("(0)", "", 1) } else { value.to_owned() };
    let digits: String = dialled.chars().filter(char::is_ascii_digit).collect();
    match kind {
        "email" | "username" => value.to_ascii_lowercase(),
        "phone" if value.starts_with('+') => format!("+{digits}"),
        "phone" if digits.starts_with("00") && normalized_as_international(value) => format!("+{}", &digits[2..]),
        "phone" => digits,
        _ => value.to_owned(),
    }
}

/// `00` stands for `+` before a country, and a country begins with no zero.
fn normalized_as_international(value: &str) -> bool {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    digits[2..].starts_with(|c: char| c != '0') && (7..=15).contains(&(digits.len() - 2))
}
