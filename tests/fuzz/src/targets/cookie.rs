//! `Cookie` headers: a line each.

use sentri_core::web::cookie::{CookieRules, CookieValues, MAX_VALUES, read};
use serde_json::json;

const NAME: &str = "refresh_token";

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let headers: Vec<&str> = text.split('\n').collect();
    let found = read(headers.iter().copied(), NAME);
    assert_eq!(listed(&found), model(&headers), "{headers:?}");
    assert_eq!(read([headers.join(";").as_str()].into_iter(), NAME), found, "one header or many");
    let beside = format!("{NAME}x=1; x{NAME}=1; {}", NAME.to_uppercase() + "=1");
    assert_eq!(read(headers.iter().copied().chain([beside.as_str()]), NAME), found, "cookies of other names");
    if let CookieValues::One(value) = &found {
        let again = [format!("{NAME}={value}"), format!(" {NAME} =\t{value}")];
        let quoted = value.starts_with('"') && value.ends_with('"') && value.len() > 1;
        if !quoted && value.trim_matches([' ', '\t']) == value {
            assert_eq!(read(again.iter().map(String::as_str), NAME), found, "a fixed point");
        }
        let rules = CookieRules::refresh(None, true).unwrap().unwrap();
        let written = rules.write(value, 60);
        assert!(
            written.bytes().all(|byte| matches!(byte, b' '..=b'~')) && written.matches(';').count() == 5,
            "{written}"
        );
    }
}

pub fn verdict(data: &[u8]) -> Option<String> {
    let headers: Vec<&str> = super::text(data)?.split('\n').collect();
    Some(match read(headers.iter().copied(), NAME) {
        CookieValues::None => "none".to_owned(),
        CookieValues::One(value) => json!({ "one": value }).to_string(),
        CookieValues::Several(values) => json!({ "several": values }).to_string(),
        CookieValues::TooMany(values) => json!({ "tooMany": values }).to_string(),
    })
}

/// The values, and whether there are more.
fn listed(found: &CookieValues) -> (Vec<String>, bool) {
    match found {
        CookieValues::None => (Vec::new(), false),
        CookieValues::One(value) => (vec![value.clone()], false),
        CookieValues::Several(values) => (values.clone(), false),
        CookieValues::TooMany(values) => (values.clone(), true),
    }
}

/// The same by bytes.
fn model(headers: &[&str]) -> (Vec<String>, bool) {
    let mut values: Vec<String> = Vec::new();
    for pair in headers.iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';')) {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (bare(&pair[..equals]), bare(&pair[equals + 1..]));
        let quoted = value.len() > 1 && value.first() == Some(&b'"') && value.last() == Some(&b'"');
        let value = if quoted { &value[1..value.len() - 1] } else { value };
        let value = String::from_utf8(value.to_vec()).unwrap();
        if name == NAME.as_bytes() && !values.contains(&value) {
            values.push(value);
        }
    }
    let more = values.len() > MAX_VALUES;
    values.truncate(MAX_VALUES);
    (values, more)
}

fn bare(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
