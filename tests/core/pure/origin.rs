use proptest::prelude::*;
use sentri_core::http::origin::{same_origin, trusted_origins};
use serde_json::{Value, json};

use crate::vectors::{self, option, shown, text};

#[test]
fn vectors() {
    vectors::run("origin", |given| {
        if text(given, "op") == "trustedOrigins" {
            return trusted_origins(option(given, "option")).map(|_| json!("ok")).map_err(shown);
        }
        let trusted = trusted_origins(option(given, "trusted")).map_err(shown)?;
        let header = |name: &str| option(given, name).and_then(Value::as_str);
        let method = text(given, "method");
        Ok(json!(same_origin(method, header("secFetchSite"), header("origin"), header("host"), &trusted)))
    });
}

#[test]
fn none_is_trusted_by_default() {
    assert!(trusted_origins(None).unwrap().is_empty());
    assert!(trusted_origins(Some(&Value::Null)).unwrap().is_empty());
}

proptest! {
    #[test]
    fn a_browser_elsewhere_never_passes(origin in "https?://[a-z]{1,8}\\.evil\\.example(:[0-9]{1,4})?", site in "(cross-site|same-site|)") {
        let trusted = trusted_origins(Some(&json!(["https://spa.example.net"]))).unwrap();
        let site = (!site.is_empty()).then_some(site.as_str());
        prop_assert!(!same_origin("POST", site, Some(&origin), Some("app.example.com"), &trusted));
    }

    #[test]
    fn any_origin_is_judged(origin in any::<String>(), host in any::<String>()) {
        if same_origin("POST", None, Some(&origin), Some(&host), &[]) {
            prop_assert!(origin.contains("://") && !host.is_empty());
        }
    }
}
