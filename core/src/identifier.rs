//! Identifiers: decides which values a type may take, and which values count as the same identifier.
//!
//! Every identifier has a normal form, which is unique over all types. Every value is brought into NFKC and trimmed;
//! the rest depends on its type.
//!
//! | type | normal form |
//! |---|---|
//! | `email` | case folded, the domain in its ASCII form (IDNA) |
//! | `username` | case folded |
//! | `phone` | `+` and digits; digits alone when no country is given |
//! | any other | nothing further: case is kept |
//!
//! A login does not name a type. So [`lookup`] returns several candidates: the value as given, the normal form that its
//! shape implies, and other spellings of that (`straße` for `STRASSE`). The store prefers them in this order. For every
//! value that [`normalize`] accepts, whatever its type, one of the candidates is its normal form. So a value `ABC` of a
//! type of the application's own and a username `abc` may both exist, and `ABC` finds the former.
//!
//! A new registration never changes whom an existing sign-in finds. A value that finds another user is taken, even if
//! its normal form is free ([`claim`]). After `Rizz` has become a username, nobody can have `Rizz` as an identifier of
//! another type.
//!
//! Nobody may take the sign-in of another person in advance. So a value with the shape of an e-mail address or of an
//! international phone number can only be of that type. A plain number such as `12345678` is open to every type, since
//! it names no country; its normal form is the same in all types, so only one user can have it. Digits with separators
//! (`0812-345-678`) are refused as usernames, which people choose freely. They are open to the application's own types,
//! whose values are issued and not chosen, as tax numbers are.

use unicode_normalization::UnicodeNormalization as _;

use crate::error::Error;

mod confusable;
mod rules;
mod shape;
mod spelling;

pub use rules::IdentifierRules;
use shape::Shape;
use spelling::Forms;

/// The longest identifier, as given and in its normal form, in Unicode code points.
pub const MAX_LENGTH: usize = 255;

/// A value and its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalized {
    /// The value as the user gave it.
    pub value: String,
    /// The normal form, which is unique over all types. To normalize it again changes nothing.
    pub normalized: String,
}

/// The spellings of an identifier that a login looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The normal form that the shape of the value implies, as version 6.0 stores it.
    pub normalized: String,
    /// The value in NFKC, trimmed. It takes precedence over `normalized` if both are found.
    pub exact: String,
    /// Other spellings of `normalized`, over which it takes precedence.
    pub others: Vec<String>,
    /// The key by which limits count. It is equal for all spellings of a name.
    pub key: String,
}

/// The spellings by which the owner of a new identifier can sign in, and which must find no other user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key of the claim, which is equal for all spellings that may find one another. Claims with the same key are
    /// decided one after the other.
    pub key: String,
    /// The normal forms that the sign-in finds, with the value as given first.
    pub spellings: Vec<String>,
    /// The types whose identifiers conflict with the claim. `None`: every type.
    pub kinds: Option<&'static [&'static str]>,
}

impl Claim {
    /// Whether only identifiers of this normal form can conflict, since the name has no other spelling.
    #[must_use]
    pub fn is_of_one(&self, normalized: &str) -> bool {
        self.key == normalized && self.spellings.iter().skip(1).all(|spelling| spelling == normalized)
    }
}

/// Normalizes `value` as an identifier of type `kind`.
///
/// # Errors
/// `VALIDATION_ERROR` if the type name is malformed, or if the value is empty, too long, holds control characters, does
/// not fit its type, or has the shape of another type. The message never repeats the value.
pub fn normalize(kind: &str, value: &str) -> Result<Normalized, Error> {
    if !is_kind(kind) {
        return Err(invalid(
            "The identifier type must be lower-case letters, digits, '_' and '-', beginning with a letter, at most 64 \
             characters",
        ));
    }
    let exact = exact_form(value)?;
    let normalized = match kind {
        "email" => {
            let (local, domain) = shape::email(&exact).ok_or_else(|| invalid("The value is not an e-mail address"))?;
            Forms::of(local).at(&domain).stored()
        }
        "phone" => shape::phone(&exact).ok_or_else(|| {
            invalid("The value is not a phone number: 7 to 15 digits, with '+' and the country first")
        })?,
        _ => other(kind, exact)?,
    };
    if normalized.chars().count() > MAX_LENGTH {
        return Err(too_long());
    }
    Ok(Normalized { value: value.to_owned(), normalized })
}

/// Returns the address for mail to `value`. It has the domain of the normal form, so that both have the same owner, and
/// the name before the `@` as it was given. `None`: the value is no address.
#[must_use]
pub fn mailbox(value: &str) -> Option<String> {
    shape::mailbox(&exact_form(value).ok()?)
}

/// Whether any program that reads a list of addresses takes the text for exactly one address.
#[must_use]
pub fn is_mailbox(address: &str) -> bool {
    let is_ours = |c: char| {
        !c.is_control()
            && !c.is_whitespace()
            && !matches!(c, ',' | ';' | ':' | '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\\')
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    !local.is_empty() && !local.contains('@') && !domain.is_empty() && address.chars().all(is_ours)
}

/// Returns the spellings to look for at a login with `value`.
///
/// # Errors
/// `VALIDATION_ERROR` if no identifier can have this value, since it is empty, too long, or has control characters.
pub fn lookup(value: &str) -> Result<Lookup, Error> {
    let exact = exact_form(value)?;
    let forms = match Shape::of(&exact) {
        Shape::Email => shape::email(&exact).map(|(local, domain)| Forms::of(local).at(&domain)),
        Shape::Phone | Shape::Digits | Shape::SeparatedDigits => shape::phone(&exact).map(Forms::of),
        Shape::Plain => None,
    };
    let Forms { folded, full, mut all } = forms.unwrap_or_else(|| Forms::of(shape::fold(&exact)));
    all.retain(|one| *one != folded && *one != exact);
    Ok(Lookup { normalized: folded, exact, others: all, key: full })
}

/// Returns the key of an identifier by one of its normal forms. It is equal for all its spellings.
#[must_use]
pub fn key(normalized: &str) -> String {
    // A row of an earlier version may hold a value that no identifier can have any more.
    lookup(normalized).map_or_else(|_| normalized.to_owned(), |found| found.key)
}

/// Returns all spellings of a normal form, itself among them.
#[must_use]
pub fn spellings(normalized: &str) -> Vec<String> {
    let others = lookup(normalized).map(|found| std::iter::once(found.normalized).chain(found.others).collect());
    let mut all: Vec<String> = others.unwrap_or_default();
    if !all.iter().any(|one| one == normalized) {
        all.push(normalized.to_owned());
    }
    all
}

/// Returns the beginnings of normal forms by which a search finds the identifiers of all types that begin with `text`.
/// The first is for types that keep the value as it is. A text of blanks has none.
///
/// # Errors
/// `VALIDATION_ERROR` if no identifier can begin so, since the text is too long or has control characters.
pub fn prefixes(text: &str) -> Result<Vec<String>, Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let refused = |_| Error::validation("search", "search must be at most 255 characters, and no control characters");
    let exact = exact_form(text).map_err(refused)?;
    let email = shape::email_prefix(&exact).map(|(local, domain)| Forms::of(local).at(&domain));
    let Forms { folded, all, .. } = email.unwrap_or_else(|| Forms::of(shape::fold(&exact)));
    let mut found = vec![exact];
    for prefix in std::iter::once(folded).chain(all).chain(shape::phone_prefixes(&found[0])) {
        if !prefix.is_empty() && !found.contains(&prefix) {
            found.push(prefix);
        }
    }
    Ok(found)
}

/// The types whose identifiers are found by each of their spellings.
const FOLDED: &[&str] = &["email", "username", "phone"];

/// Returns the spellings by which a sign-in as (`kind`, `value`) must find no other user. Only identifiers of types
/// that keep case do not conflict with each other, since `ABC` and `abc` are two identifiers there and each finds its
/// own user; if their normal forms are equal, the store refuses the second. `None`: nobody can sign in with the value.
#[must_use]
pub fn claim(kind: &str, value: &str) -> Option<Claim> {
    let Lookup { normalized, exact, others, key } = lookup(value).ok()?;
    let kinds = (!FOLDED.contains(&kind)).then_some(FOLDED);
    let mut spellings = vec![exact];
    if spellings[0] != normalized {
        spellings.push(normalized);
    }
    spellings.extend(others);
    Some(Claim { key, spellings, kinds })
}

fn other(kind: &str, exact: String) -> Result<String, Error> {
    let is_username = kind == "username";
    match Shape::of(&exact) {
        Shape::Email => return Err(invalid("An e-mail address can only be an identifier of type email")),
        Shape::Phone => return Err(invalid("A phone number can only be an identifier of type phone")),
        Shape::SeparatedDigits if is_username => return Err(invalid("A username must not look like a phone number")),
        Shape::SeparatedDigits | Shape::Digits | Shape::Plain => {}
    }
    if !is_username {
        return Ok(exact);
    }
    if exact.chars().any(shape::is_invisible) {
        return Err(invalid("A username must not hold invisible characters"));
    }
    let folded = shape::fold(&exact);
    if folded.is_empty() { Err(empty()) } else { Ok(Forms::of(folded).stored()) }
}

fn exact_form(value: &str) -> Result<String, Error> {
    // The length is checked before the normalization, which may make a text eighteen times as long.
    if value.len() > MAX_LENGTH * 4 || value.chars().count() > MAX_LENGTH {
        return Err(too_long());
    }
    let exact = value.nfkc().collect::<String>();
    let exact = exact.trim();
    if exact.is_empty() {
        return Err(empty());
    }
    if value.chars().chain(exact.chars()).any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(invalid("The identifier must not hold control characters"));
    }
    if exact.chars().count() > MAX_LENGTH {
        return Err(too_long());
    }
    Ok(exact.to_owned())
}

fn is_kind(kind: &str) -> bool {
    kind.len() <= 64
        && kind.starts_with(|c: char| c.is_ascii_lowercase())
        && kind.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::validation("identifier", message)
}

fn empty() -> Error {
    invalid("The identifier must not be empty")
}

fn too_long() -> Error {
    invalid("The identifier must not be longer than 255 characters")
}

/// Returns the normal form of an identifier that another version stored without one. It never fails, since the owner
/// must be able to log in.
#[must_use]
pub fn normalize_adopted(kind: &str, value: &str) -> String {
    match normalize(kind, value) {
        Ok(normalized) => normalized.normalized,
        Err(_) => lookup(value).map_or_else(|_| value.trim().to_owned(), |lookup| lookup.normalized),
    }
}
