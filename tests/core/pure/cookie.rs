use proptest::prelude::*;
use sentri_core::http::Request;
use sentri_core::web::cookie::{CookieRules, CookieValues, MAX_COOKIE_BYTES, place_of, read};
use serde_json::{Value, json};

use crate::vectors::{self, option, shown, text, texts};

#[test]
fn vectors() {
    vectors::run("cookie", |given| {
        if text(given, "op") == "read" {
            let headers = texts(given, "headers");
            return Ok(match read(headers.iter().map(String::as_str), text(given, "name")) {
                CookieValues::None => json!("none"),
                CookieValues::One(value) => json!({ "one": value }),
                CookieValues::Several(values) => json!({ "several": values }),
                CookieValues::TooMany(values) => json!({ "tooMany": values }),
            });
        }
        if text(given, "op") == "mount" {
            let full_path = option(given, "fullPath").and_then(Value::as_str).map(str::to_owned);
            return Ok(json!(
                Request { full_path, path: text(given, "path").to_owned(), ..Request::default() }.mount()
            ));
        }
        if text(given, "op") == "twins" {
            let rules = CookieRules::refresh(option(given, "options"), false).map_err(shown)?.unwrap();
            let headers = texts(given, "brought");
            let brought = read(headers.iter().map(String::as_str), &rules.name);
            let full_path = option(given, "mount").and_then(Value::as_str).map(|mount| format!("{mount}/login"));
            let request = Request { full_path, path: "/login".to_owned(), ..Request::default() };
            return Ok(json!(rules.twins(request.mount(), &brought, given["login"] == true)));
        }
        let production = given["production"].as_bool().unwrap();
        let rules = match text(given, "kind") {
            "refresh" => CookieRules::refresh(option(given, "options"), production),
            _ => CookieRules::access(option(given, "options"), production),
        };
        let Some(rules) = rules.map_err(shown)? else { return Ok(json!("off")) };
        let written = rules.write(text(given, "value"), given["maxAge"].as_u64().unwrap());
        Ok(json!({ "write": written, "clear": rules.clear() }))
    });
}

#[test]
fn names_and_domains_have_bounds() {
    let rules = |options: Value| CookieRules::access(Some(&options), false).map(Option::unwrap);
    assert!(rules(json!({ "name": "a".repeat(128) })).is_ok());
    for name in [String::new(), "a".repeat(129), "a b".to_owned(), "a;".to_owned()] {
        assert!(rules(json!({ "name": name })).unwrap_err().message.starts_with("accessCookie.name "), "{name}");
    }
    for domain in ["my-app.example.com", "my_app.example.com", "-", "a1"] {
        assert_eq!(rules(json!({ "domain": domain })).unwrap().domain.as_deref(), Some(domain));
    }
    for domain in ["", "a..b", "a b.example", "a;b", "a.example."] {
        assert!(
            rules(json!({ "domain": domain })).unwrap_err().message.starts_with("accessCookie.domain "),
            "{domain}"
        );
    }
}

#[test]
fn a_cookie_that_browsers_would_drop_is_cleared_instead() {
    let rules = CookieRules::access(Some(&json!(true)), false).unwrap().unwrap();
    let attributes = rules.write("", 60).len();
    let value = "a".repeat(MAX_COOKIE_BYTES - attributes);
    assert_eq!(rules.write_if_it_fits(&value, 60), (rules.write(&value, 60), None));
    for more in [1, 2, 100] {
        let value = format!("{value}{}", "a".repeat(more));
        assert_eq!(rules.write_if_it_fits(&value, 60), (rules.clear(), Some(MAX_COOKIE_BYTES + more)));
    }
}

#[test]
fn a_cookie_of_devices_has_the_prefix_of_the_rules_and_no_script_reads_it() {
    for (name, expected) in [
        ("access_token", "sentri_device"),
        ("__Host-access_token", "__Host-sentri_device"),
        ("__secure-a", "__Secure-sentri_device"),
    ] {
        let rules = CookieRules::access(Some(&json!({ "name": name, "sameSite": "strict" })), false).unwrap().unwrap();
        assert!(!rules.http_only);
        let devices = rules.for_devices();
        assert_eq!(devices, CookieRules { name: expected.to_owned(), http_only: true, ..rules });
    }
}

#[test]
fn the_place_of_a_cookie_is_its_name_domain_and_path() {
    for (line, place) in [
        ("a=b; Max-Age=1; Path=/x; Domain=example.com; HttpOnly", ("a", Some("example.com"), Some("/x"))),
        ("a=; Path=/", ("a", None, Some("/"))),
        ("a=b=c; Domain=d", ("a", Some("d"), None)),
        ("a", ("a", None, None)),
    ] {
        assert_eq!(place_of(line), place, "{line}");
    }
}

proptest! {
    #[test]
    fn a_token_comes_back_as_it_went(value in "[!#-+--:<-\\[\\]-~]{0,300}", other in "[a-z]{1,5}=[a-z]{0,5}") {
        let rules = CookieRules::refresh(None, true).unwrap().unwrap();
        let set = rules.write(&value, 60);
        let pair = set.split(';').next().unwrap();
        let header = format!("{other}; {pair}; {other}");
        prop_assert_eq!(read([header.as_str()].into_iter(), "refresh_token"), CookieValues::One(value));
    }

    #[test]
    fn no_value_adds_an_attribute(value in any::<String>()) {
        let rules = CookieRules::refresh(None, false).unwrap().unwrap();
        let set = rules.write(&value, 60);
        prop_assert!(set.bytes().all(|b| matches!(b, b' '..=b'~')));
        prop_assert!(set.ends_with("; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"));
        prop_assert_eq!(set.matches(';').count(), 4);
    }

    #[test]
    fn any_header_is_read(header in any::<String>(), name in any::<String>()) {
        let found = read([header.as_str()].into_iter(), &name);
        if !header.contains(&name) {
            prop_assert_eq!(found, CookieValues::None);
        }
    }
}
