//! Reads bearer tokens from the `Authorization` header (RFC 6750, 2.1). Pure.

/// The content of an `Authorization` header, as far as it matters to sentri.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// There is no header, or it has another scheme, such as the `Basic` of a proxy in front of the application.
    None,
    /// `Bearer <token>`
    Bearer(&'a str),
    /// A part of the header has the scheme Bearer, but the whole header is not `Bearer <token>`.
    Malformed,
}

/// Reads an `Authorization` header. If any part between commas has the scheme Bearer, with or without a token, but the
/// whole header is not `Bearer <token>`, it is malformed, and the cookie does not count either. A proxy may have joined
/// several lines into one, and it is unknown which of them the client means.
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

/// The longest header that hosts cache, in bytes, since a cache that is bounded in entries must be bounded in bytes,
/// too.
pub const MAX_MEMORABLE: usize = 4_096;

/// Whether a host may cache the result of `protect()` by the text of this header. The same token can be written in
/// thousands of ways, with spaces and capitals, and only the usual spelling is cached.
#[must_use]
pub fn is_memorable(header: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let token = header.strip_prefix("Bearer ").filter(|token| !token.is_empty());
    header.len() <= MAX_MEMORABLE && token.is_some_and(|token| token.bytes().all(is_plain))
}

/// Returns the token of `Bearer <token>` (RFC 6750, 2.1). The case of the scheme does not matter.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_matches(' ');
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ',']);
    fits.then_some(token)
}
