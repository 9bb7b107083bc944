use sentri_core::web::trace;
use serde_json::json;

use crate::vectors::{self, text};

#[test]
fn vectors() {
    vectors::run("traceparent", |given| Ok(json!(trace::id_of(text(given, "header")))));
}
