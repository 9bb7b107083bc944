//! The shape of a value, and the normal form that belongs to it. All functions expect text that is in NFKC and trimmed.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

/// The shape of a value, whatever its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text before and after an `@`.
    Email,
    /// A phone number with its country: `+` or `00`, then 7 to 15 digits that do not begin with 0.
    Phone,
    /// 7 to 15 digits.
    Digits,
    /// 7 to 15 digits with blanks, dashes, dots or parentheses among them.
    SeparatedDigits,
    /// Anything else.
    Plain,
}

impl Shape {
    pub(super) fn of(text: &str) -> Self {
        if text.char_indices().any(|(at, c)| c == '@' && at > 0 && at + 1 < text.len()) {
            return Self::Email;
        }
        match phone(text) {
            Some(number) if number.starts_with('+') => Self::Phone,
            Some(number) if number == text => Self::Digits,
            Some(_) => Self::SeparatedDigits,
            None => Self::Plain,
        }
    }
}

/// Returns the name before the `@`, folded, and the domain in ASCII. `None`: the text is no address.
pub(super) fn email(text: &str) -> Option<(String, String)> {
    let (local, domain) = address(text)?;
    let local = fold(local);
    // Folding may turn a compatibility character into an '@', and then the address would not be stable.
    (!local.is_empty() && !local.contains('@')).then_some((local, domain))
}

/// Returns the address with the domain in ASCII and the name before the `@` as it is, since a mail server may
/// distinguish upper and lower case there.
pub(super) fn mailbox(text: &str) -> Option<String> {
    address(text).map(|(local, domain)| format!("{local}@{domain}"))
}

/// Returns the name and the domain of an address, with the domain in ASCII.
fn address(text: &str) -> Option<(&str, String)> {
    let (local, domain) = text.split_once('@')?;
    if local.is_empty() || local.chars().any(|c| c.is_whitespace() || is_invisible(c)) || domain.contains('@') {
        return None;
    }
    // Hyphens are not checked, since domains with '--' in third place exist. STD3 refuses characters that no host name
    // may hold.
    let domain =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Verify).ok()?;
    Some((local, domain.into_owned()))
}

/// Returns the name and the domain of the beginning of an address. `None`: the text does not reach the domain, or no
/// domain has this form.
pub(super) fn email_prefix(text: &str) -> Option<(String, String)> {
    let (local, domain) = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty())?;
    // The length is not verified, since the beginning of a domain may end with a dot.
    let domain =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Ignore).ok()?;
    Some((fold(local), domain.into_owned()))
}

/// Returns the normal forms of the beginning of a phone number. One that begins with 00 may be with its country or
/// without, so it has two. The list is empty if the text is no phone number.
pub(super) fn phone_prefixes(text: &str) -> Vec<String> {
    let Some((digits, international)) = digits_of(text).filter(|(digits, _)| !digits.is_empty()) else {
        return Vec::new();
    };
    if international {
        return vec![format!("+{digits}")];
    }
    let country = digits.strip_prefix("00").filter(|rest| !rest.starts_with('0')).map(|rest| format!("+{rest}"));
    std::iter::once(digits.clone()).chain(country).collect()
}

/// Returns `+` and digits (the form of E.164), or digits alone if the number names no country. `None`: the text is no
/// phone number.
pub(super) fn phone(text: &str) -> Option<String> {
    let (mut digits, mut international) = digits_of(text)?;
    // 00 means + in nearly every country. No country code begins with 0, so 000... names no country.
    if !international && digits.starts_with("00") && !digits.starts_with("000") && digits.len() >= 2 + 7 {
        international = true;
        digits.drain(..2);
    }
    if !(7..=15).contains(&digits.len()) || (international && digits.starts_with('0')) {
        return None;
    }
    Some(if international { format!("+{digits}") } else { digits })
}

/// Returns the digits of a phone number, and whether a `+` stands before them. `None`: the text holds other characters.
fn digits_of(text: &str) -> Option<(String, bool)> {
    // The trunk zero in parentheses is written but not dialled, as in +44 (0)20 ...
    let without_trunk = if text.starts_with('+') { text.replacen("(0)", "", 1) } else { text.to_owned() };
    let mut digits = String::with_capacity(16);
    let mut international = false;
    for (at, c) in without_trunk.chars().enumerate() {
        match c {
            '+' if at == 0 => international = true,
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {}
            _ => return None,
        }
    }
    Some((digits, international))
}

/// Folds case, without regard to a locale. Both lower-case sigmas become the same, since it depends on the neighbours
/// which of them a capital stands for.
pub(super) fn fold(text: &str) -> String {
    let mut folded = text.to_owned();
    // Lower-casing may undo NFKC and NFKC may undo lower-casing. Two rounds suffice for every assigned character.
    for _ in 0..4 {
        let next = folded.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).nfkc();
        let next = next.collect::<String>().trim().to_owned();
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

/// Whether a character is invisible or changes the direction of the text, so that two different names could look alike.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}
