use proptest::prelude::*;
use sentri_core::http::Request;
use sentri_core::web::cookie::{CookieRules, CookieValues, read};
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
