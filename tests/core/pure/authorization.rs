use sentri_core::web::authorization::{MAX_MEMORABLE, is_memorable};
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
