use sentri_core::web::authorization::{Authorization, MAX_MEMORABLE, is_memorable, read};
use serde_json::json;

use crate::vectors::{self, text};

#[test]
fn memorable_headers() {
    vectors::run("memorable", |given| {
        let header = text(given, "authorization").replace("{token}", "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.a-_9");
        Ok(json!(is_memorable(&header)))
    });
}

#[test]
fn long_headers_are_not_remembered() {
    let header = |length: usize| format!("Bearer {}", "a".repeat(length - "Bearer ".len()));
    assert!(is_memorable(&header(MAX_MEMORABLE)) && !is_memorable(&header(MAX_MEMORABLE + 1)));
}

#[test]
fn a_bearer_token_is_one_word_and_whatever_else_names_the_scheme_is_malformed() {
    for (header, expected) in [
        (None, Authorization::None),
        (Some(""), Authorization::None),
        (Some("Basic eDp5"), Authorization::None),
        (Some("Bearers a"), Authorization::None),
        (Some("Basic bearer"), Authorization::None),
        (Some("Bearer a.b-c_d~+/="), Authorization::Bearer("a.b-c_d~+/=")),
        (Some("bEARER a"), Authorization::Bearer("a")),
        (Some("Bearer   a  "), Authorization::Bearer("a")),
        (Some("Bearer"), Authorization::Malformed),
        (Some("Bearer "), Authorization::Malformed),
        (Some("Bearer\ta"), Authorization::Malformed),
        (Some(" Bearer a"), Authorization::Malformed),
        (Some("Bearer a b"), Authorization::Malformed),
        (Some("Bearer a,b"), Authorization::Malformed),
        (Some("Bearer a, Bearer b"), Authorization::Malformed),
        (Some("Basic eDp5, Bearer a"), Authorization::Malformed),
    ] {
        assert_eq!(read(header), expected, "{header:?}");
    }
}
