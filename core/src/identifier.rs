//! Identifiers: one normal form for each, unique over all types, the same verdict on every database.

use unicode_normalization::UnicodeNormalization as _;

use crate::error::Error;

/// The longest value, in characters.
pub const MAX_LENGTH: usize = 255;

/// An identifier that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalized {
    /// As the user gave it.
    pub value: String,
    /// What is unique and looked up.
    pub normalized: String,
}

/// What a login looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The normal form that the shape of the value suggests.
    pub normalized: String,
    /// The value in NFKC, trimmed: the normal form of the application's own types.
    pub exact: String,
}

/// Which types of identifiers there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindRules {
    valid: Option<Vec<String>>,
}

impl KindRules {
    /// Only the types listed, or any well-formed one.
    ///
    /// # Errors
    /// A sentence to follow the option's name.
    pub fn new(valid: Option<Vec<String>>) -> Result<Self, String> {
        if let Some(list) = &valid {
            if list.is_empty() {
                return Err("must list at least one type".to_owned());
            }
            if let Some(bad) = list.iter().find(|kind| !is_kind(kind)) {
                return Err(format!("has '{bad}', which is not a type: a-z, then up to 63 of a-z 0-9 _ -"));
            }
        }
        Ok(Self { valid })
    }

    /// Whether a type may be used.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn check(&self, kind: &str) -> Result<(), Error> {
        if !is_kind(kind) {
            return Err(Error::validation("type", "The identifier type must be a-z, then up to 63 of a-z 0-9 _ -"));
        }
        match &self.valid {
            Some(list) if !list.iter().any(|valid| valid == kind) => {
                let message = format!("The identifier type must be one of {}", list.join(", "));
                Err(Error::validation("type", message))
            }
            _ => Ok(()),
        }
    }
}

fn is_kind(kind: &str) -> bool {
    let mut bytes = kind.bytes();
    kind.len() <= 64
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// Checks a value of a type and finds its normal form.
///
/// E-mail: lower case, domain in IDNA. Username: case-folded. Phone: `+` and digits. Other types: as given. All of
/// them in NFKC and trimmed. No type but `email` may look like an e-mail address and none but `phone` like a phone
/// number, or somebody could sit on the address of another.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub fn normalize(kind: &str, value: &str) -> Result<Normalized, Error> {
    let exact = clean(value)?;
    let wrong = |message: &str| Err(Error::validation("value", format!("identifier: {message}")));
    let normalized = match kind {
        "email" => match email(&exact) {
            Some(email) => email,
            None => return wrong("not an e-mail address"),
        },
        "phone" => match phone(&exact) {
            Some(phone) => phone,
            None => return wrong("not a phone number in international form, such as +628123456789"),
        },
        _ if exact.contains('@') => return wrong("only the type email may contain @"),
        _ if looks_like_phone(&exact) => return wrong("only the type phone may look like a phone number"),
        "username" => fold(&exact),
        _ => exact,
    };
    if normalized.chars().count() > MAX_LENGTH {
        return wrong("longer than 255 characters");
    }
    Ok(Normalized { value: value.to_owned(), normalized })
}

/// What to look for when somebody logs in with `value`.
///
/// # Errors
/// `VALIDATION_ERROR` for what no identifier can be.
pub fn lookup(value: &str) -> Result<Lookup, Error> {
    let exact = clean(value)?;
    let normalized = email(&exact)
        .or_else(|| looks_like_phone(&exact).then(|| phone(&exact)).flatten())
        .unwrap_or_else(|| fold(&exact));
    Ok(Lookup { normalized, exact })
}

/// The normal form of an identifier that another version stored without one: never refuses, because its owner must
/// be able to log in.
#[must_use]
pub fn normalize_adopted(kind: &str, value: &str) -> String {
    normalize(kind, value)
        .map_or_else(|_| lookup(value).map_or_else(|_| value.trim().to_owned(), |l| l.normalized), |n| n.normalized)
}

fn clean(value: &str) -> Result<String, Error> {
    let exact: String = value.trim().nfkc().collect();
    let exact = exact.trim();
    let wrong = |message: &str| Err(Error::validation("value", format!("identifier: {message}")));
    if exact.is_empty() {
        return wrong("must not be empty");
    }
    if exact.chars().count() > MAX_LENGTH || value.chars().count() > MAX_LENGTH {
        return wrong("longer than 255 characters");
    }
    if value.chars().any(is_forbidden) || exact.chars().any(is_forbidden) {
        return wrong("control and invisible characters are not allowed");
    }
    Ok(exact.to_owned())
}

/// Characters that nobody can see or type: they make two identifiers look alike.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

fn email(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    if local.is_empty() || local.len() > 64 || local.contains(|c: char| c == '@' || c.is_whitespace()) {
        return None;
    }
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    if domain.is_empty() || domain.starts_with('.') || domain.ends_with('.') {
        return None;
    }
    Some(format!("{}@{domain}", fold(local)))
}

/// Lower case to the point where doing it again changes nothing.
fn fold(text: &str) -> String {
    let mut folded: String = text.to_lowercase().nfkc().collect();
    for _ in 0..3 {
        let again: String = folded.to_lowercase().nfkc().collect();
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn phone(text: &str) -> Option<String> {
    let compact: String =
        text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}')).collect();
    let digits = compact.strip_prefix('+').or_else(|| compact.strip_prefix("00")).unwrap_or(&compact);
    let plausible = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| format!("+{digits}"))
}

/// A number with its country code: `+` or `00` in front. Bare digits may be a customer number or the like.
fn looks_like_phone(text: &str) -> bool {
    (text.starts_with('+') || text.starts_with("00")) && phone(text).is_some()
}
