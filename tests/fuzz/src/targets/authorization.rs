//! `Authorization` headers. Whoever reads `Bearer <token>` by RFC 6750 reads the same.

use sentri_core::web::authorization::{Authorization, read};
use serde_json::json;

pub fn check(data: &[u8]) {
    let Some(header) = super::text(data) else { return };
    let found = read(Some(header));
    assert_eq!(found, model(header), "{header:?}");
    let (upper, lower) = (header.to_ascii_uppercase(), header.to_ascii_lowercase());
    match found {
        Authorization::Bearer(token) => {
            assert!(!token.is_empty() && !token.contains([' ', ',']) && header.trim_end_matches(' ').ends_with(token));
            assert_eq!(read(Some(&format!("bEaReR   {token}  "))), found, "its canonical form is a fixed point");
            assert_eq!(read(Some(&format!("{header}, Basic eDp5"))), Authorization::Malformed, "a joined line");
        }
        // The scheme has no case, so neither has the kind of the answer.
        _ => assert_eq!((read(Some(&upper)), read(Some(&lower))), (found, found), "{header:?}"),
    }
}

pub fn verdict(data: &[u8]) -> Option<String> {
    let header = super::text(data)?;
    Some(match read(Some(header)) {
        Authorization::None => "none".to_owned(),
        Authorization::Malformed => "malformed".to_owned(),
        Authorization::Bearer(token) => json!({ "bearer": token }).to_string(),
    })
}

/// The same by bytes: of the header's words between blanks, the first is the scheme.
fn model(header: &str) -> Authorization<'_> {
    let words: Vec<&str> = header.split(' ').collect();
    let rest: Vec<&str> = words[1..].iter().copied().filter(|word| !word.is_empty()).collect();
    if let (true, [token]) = (words[0].to_lowercase() == "bearer", rest.as_slice())
        && !token.contains(',')
    {
        return Authorization::Bearer(token);
    }
    let names_bearer = |part: &str| {
        let part = part.trim_start_matches(|c: char| c.is_ascii_whitespace()).as_bytes();
        let scheme = part.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"));
        scheme && part.get(6).is_none_or(u8::is_ascii_whitespace)
    };
    if header.split(',').any(names_bearer) { Authorization::Malformed } else { Authorization::None }
}
