//! Decodes segments of a path and parameters of a query.

/// Percent-decodes a segment or a query value (RFC 3986, 2.1). `None`: the result is malformed, empty, or has control
/// characters, which no id and no identifier has.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.is_empty() && !decoded.contains(char::is_control)).then_some(decoded)
}

/// Returns the first value of a query parameter, decoded. A `+` is a space.
#[must_use]
pub fn value(query: Option<&str>, name: &str) -> Option<String> {
    decode(&raw(query, name)?.replace('+', " "))
}

/// Returns the first value of a query parameter as it was sent.
#[must_use]
pub fn raw<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}
