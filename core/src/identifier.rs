//! Identifiers: what counts as the same one, and which values a type may take.
//!
//! Every identifier has a normal form that is unique over all types. All types share NFKC and trimming; then
//!
//! | type | normal form |
//! |---|---|
//! | `email` | case folded, the domain in its ASCII form (IDNA) |
//! | `username` | case folded |
//! | `phone` | `+` and digits; digits alone when no country is given |
//! | any other | nothing further: case is kept |
//!
//! A login does not say which type it means. [`lookup`] therefore gives several candidates, the value as given, the
//! normal form that its shape implies, and other spellings of that (`straße` for `STRASSE`), and the store prefers them
//! in this order. One of them is the normal form of every value that [`normalize`] accepts, whatever its type. So a
//! value `ABC` of a type of the application's own and a username `abc` may live side by side, and `ABC` finds the
//! former.
//!
//! Nobody's sign-in changes its meaning by what somebody else registers: a value by which another user is found is
//! taken, also where its normal form is free ([`claim`]). After `Rizz` has become a username, nobody can have `Rizz` as
//! an identifier of another type.
//!
//! So that nobody can take the sign-in of somebody else beforehand, a value with the shape of an e-mail address or of
//! an international phone number belongs to those types alone. A plain number such as `12345678` is open to every type:
//! it names no country, and its normal form is the same for all of them, so it can't be held twice. Digits with
//! separators (`0812-345-678`) are refused as usernames, which people choose freely, but open to the application's own
//! types, whose values are issued by somebody (tax numbers are written like that).

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
    /// As the user gave it.
    pub value: String,
    /// Unique over all types; normalising it again changes nothing.
    pub normalized: String,
}

/// The spellings that a login looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The normal form that the shape of the value implies, as 6.0 stores it.
    pub normalized: String,
    /// The value in NFKC, trimmed. Goes before `normalized` where both are found.
    pub exact: String,
    /// Other spellings of `normalized`, which go after it.
    pub others: Vec<String>,
    /// Equal for all spellings of one name: limits count by it.
    pub key: String,
}

/// A sign-in that a new identifier brings its owner, and that must lead to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Equal for all spellings that may lead to one another: claims of one key are settled one after the other.
    pub key: String,
    /// The normal forms that the sign-in finds, the value as given first.
    pub spellings: Vec<String>,
    /// The types whose identifiers stand in the way; `None`: those of every type.
    pub kinds: Option<&'static [&'static str]>,
}

impl Claim {
    /// Whether only identifiers of this normal form can stand in the way, because the name has no other spelling.
    #[must_use]
    pub fn is_of_one(&self, normalized: &str) -> bool {
        self.key == normalized && self.spellings.iter().skip(1).all(|spelling| spelling == normalized)
    }
}

/// The normal form of `value` as an identifier of type `kind`.
///
/// # Errors
/// `VALIDATION_ERROR` when the type name is malformed, or the value is empty, too long, holds control characters, does
/// not fit its type, or has a shape that belongs to another type. The message never repeats the value.
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

/// The address that mail to `value` goes to: with the domain of the normal form, so that both mean one owner, and with
/// the name before the `@` as it was given. `None`: not an address.
#[must_use]
pub fn mailbox(value: &str) -> Option<String> {
    shape::mailbox(&exact_form(value).ok()?)
}

/// Whether a text is one address and nothing else to any program that reads a list of addresses.
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

/// The spellings to look for when somebody logs in with `value`.
///
/// # Errors
/// `VALIDATION_ERROR` when no identifier can have this value: empty, too long, or with control characters.
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

/// The key of an identifier, equal for all its spellings, by one of its normal forms.
#[must_use]
pub fn key(normalized: &str) -> String {
    // A row of an earlier version may hold what no identifier can be any more.
    lookup(normalized).map_or_else(|_| normalized.to_owned(), |found| found.key)
}

/// All normal forms of an identifier that are one with this normal form, itself among them.
#[must_use]
pub fn spellings(normalized: &str) -> Vec<String> {
    let others = lookup(normalized).map(|found| std::iter::once(found.normalized).chain(found.others).collect());
    let mut all: Vec<String> = others.unwrap_or_default();
    if !all.iter().any(|one| one == normalized) {
        all.push(normalized.to_owned());
    }
    all
}

/// The beginnings of the normal forms that a search for identifiers which begin with `text` looks for, those of all
/// types; the first one is of types that keep the value as it is. None for a text of blanks.
///
/// # Errors
/// `VALIDATION_ERROR` when no identifier begins so: too long, or with control characters.
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

/// Types whose identifiers are found in every spelling of theirs.
const FOLDED: &[&str] = &["email", "username", "phone"];

/// The spellings by which a sign-in as (`kind`, `value`) must lead to nobody else. Only types that keep case may
/// stand side by side, where `ABC` and `abc` are two and each finds its own; where their normal forms are the same, the
/// store refuses. `None`: nobody can sign in with it.
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
    // Bounded before the normalisation, which may make a string eighteen times as long.
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

/// The normal form of an identifier that another version stored without one. Never refuses, because its owner must be
/// able to log in.
#[must_use]
pub fn normalize_adopted(kind: &str, value: &str) -> String {
    match normalize(kind, value) {
        Ok(normalized) => normalized.normalized,
        Err(_) => lookup(value).map_or_else(|_| value.trim().to_owned(), |lookup| lookup.normalized),
    }
}
