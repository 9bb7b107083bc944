use proptest::prelude::*;
use sentri_core::web::origin::{Origin, Provenance, same_origin, trusted_origins};
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
        let provenance = Provenance {
            sec_fetch_site: header("secFetchSite"),
            origin: header("origin"),
            host: header("host"),
            scheme: header("scheme"),
        };
        Ok(json!(same_origin(method, header("upgrade"), provenance, &trusted)))
    });
}

#[test]
fn a_scheme_begins_with_a_letter_and_has_few_signs() {
    for good in ["a", "chrome-extension", "web+app", "x.y", "h2", "HTTPS"] {
        assert!(Origin::parse(&format!("{good}://a.example")).is_ok(), "{good}");
    }
    for bad in ["", "1http", "+a", "-a", "ht_tp", "a b", "a/b", "é", "hté"] {
        assert_eq!(Origin::parse(&format!("{bad}://a.example")), Err("has a malformed scheme"), "{bad}");
    }
}

#[test]
fn a_port_is_digits_alone() {
    assert!(Origin::parse("https://a.example:443").is_ok());
    for port in ["+443", "-1", "4 43", "0x1", "65536", "４"] {
        assert!(Origin::parse(&format!("https://a.example:{port}")).is_err(), "{port}");
    }
    let of = |host| Provenance { origin: Some("https://a.example"), host: Some(host), ..Provenance::default() };
    let passes = |host| same_origin("POST", None, of(host), &[]);
    assert!(passes("a.example:443") && !passes("a.example:+443"));
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
        let host = Some("app.example.com");
        let provenance = Provenance { sec_fetch_site: site, origin: Some(&origin), host, scheme: None };
        prop_assert!(!same_origin("POST", None, provenance, &trusted));
    }

    #[test]
    fn any_origin_is_judged(origin in any::<String>(), host in any::<String>()) {
        let provenance = Provenance { origin: Some(&origin), host: Some(&host), ..Provenance::default() };
        if same_origin("POST", None, provenance, &[]) {
            prop_assert!(origin.contains("://") && !host.is_empty());
        }
    }
}
