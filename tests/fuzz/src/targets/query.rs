//! Paths and queries.

use sentri_core::web::query::{decode, raw, value};

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let decoded = decode(text);
    assert_eq!(decoded, model(text), "{text:?}");
    if let Some(plain) = decoded {
        let written: String = plain.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(decode(&written).as_ref(), Some(&plain), "written and read again");
    }
    let first = text.split('&').find_map(|pair| pair.strip_prefix("token="));
    assert_eq!(raw(Some(text), "token"), first, "{text:?}");
    assert_eq!(value(Some(text), "token"), first.and_then(|first| model(&first.replace('+', "%20"))), "{text:?}");
    assert_eq!(raw(Some(&format!("token=1&{text}")), "token"), Some("1"), "the first one counts");
}

/// The same from the other side: what an escape may be, and the bytes that come of it.
fn model(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let hex = part.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    let text = String::from_utf8(bytes).ok()?;
    let is_control = |c: char| matches!(u32::from(c), 0..=0x1f | 0x7f..=0x9f);
    (!text.is_empty() && !text.chars().any(is_control)).then_some(text)
}
