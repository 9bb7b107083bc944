//! The trace that a request belongs to (W3C Trace Context). Pure.

/// Returns the trace id of a `traceparent` header (3.2), which is 32 lower-case hexadecimal digits that are not all
/// zero. `None`: the header is malformed. Versions after 00 may have more fields after the flags; version ff is not
/// allowed.
#[must_use]
pub fn id_of(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.splitn(5, '-');
    let mut field = |length: usize| parts.next().filter(|text| text.len() == length && text.bytes().all(is_lower_hex));
    let (version, trace, parent, _flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    let has_more = parts.next().is_some();
    let is_refused = version == "ff" || is_zero(trace) || is_zero(parent) || (version == "00" && has_more);
    (!is_refused).then_some(trace)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
