//! The `Authorization` header, as far as its scheme is Bearer. Pure.

/// The content of an `Authorization` header, as far as it concerns us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// There is none, or it is of a scheme that is not ours, such as the `Basic` of a proxy in front of the
    /// application.
    None,
    /// `Bearer <token>`
    Bearer(&'a str),
    /// A part of it has the scheme Bearer, and the header as a whole is not `Bearer <token>`.
    Malformed,
}

/// Reads an `Authorization` header. If any part between commas has the scheme Bearer, with or without a token, then the
/// header must be well formed and excludes the cookie: a proxy may have joined several lines into one, and it is
/// unknown which of them the client means.
#[must_use]
pub fn read(header: Option<&str>) -> Authorization<'_> {
    let Some(header) = header else { return Authorization::None };
    if let Some(token) = bearer(header) {
        return Authorization::Bearer(token);
    }
    let scheme =
        |part: &str| part.split_ascii_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("bearer"));
    if header.split(',').any(scheme) { Authorization::Malformed } else { Authorization::None }
}

/// The longest header that is remembered, in bytes: a memory that is bounded in entries must be so in bytes.
pub const MAX_MEMORABLE: usize = 4_096;

/// Whether a host may remember the result of `protect()` by the text of this header. A token can be written in
/// thousands of ways, with spaces and capitals, and only the common one is worth a place.
#[must_use]
pub fn is_memorable(header: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let token = header.strip_prefix("Bearer ").filter(|token| !token.is_empty());
    header.len() <= MAX_MEMORABLE && token.is_some_and(|token| token.bytes().all(is_plain))
}

/// The token of `Bearer <token>` (RFC 6750, 2.1); the scheme's case does not matter.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_matches(' ');
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ',']);
    fits.then_some(token)
}
