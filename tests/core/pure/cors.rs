use sentri_core::http::{Request, cors};
use sentri_core::web::origin::trusted_origins;
use serde_json::{Map, Value, json};

use crate::vectors::{self, option, shown, text};

fn request(given: &Value) -> Request {
    let mut headers = Vec::new();
    for line in given["origin"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        headers.push(("origin".to_owned(), line.to_owned()));
    }
    let asked =
        [("requestMethod", "access-control-request-method"), ("requestHeaders", "access-control-request-headers")];
    for (member, name) in asked {
        headers.extend(option(given, member).and_then(Value::as_str).map(|value| (name.to_owned(), value.to_owned())));
    }
    let alone = given["alone"] == json!(true);
    Request {
        method: text(given, "method").to_owned(),
        path: "/login".to_owned(),
        headers,
        alone,
        ..Request::default()
    }
}

/// Takes a header out, so that what is left is unexpected.
fn take(headers: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let place = headers.iter().position(|(known, _)| known == name)?;
    Some(headers.remove(place).1)
}

#[test]
fn vectors() {
    vectors::run("cors", |given| {
        let trusted = trusted_origins(option(given, "trusted")).map_err(shown)?;
        let request = request(given);
        let answer = cors::preflight(&request, &trusted);
        let mut found = Map::new();
        let mut headers = cors::headers(&request, &trusted);
        found.insert("answer".to_owned(), json!(answer.as_ref().map(|answer| answer.status)));
        if let Some(answer) = &answer {
            assert_eq!(answer.body, "");
            headers.clone_from(&answer.headers);
        }
        let origin = take(&mut headers, "Access-Control-Allow-Origin");
        found.insert("origin".to_owned(), json!(origin));
        let vary = take(&mut headers, "Vary");
        let all = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        match (&answer, &vary) {
            (_, None) => drop(found.insert("vary".to_owned(), json!(false))),
            (Some(_), Some(vary)) => assert_eq!(vary, all),
            (None, Some(vary)) => assert_eq!(vary, "Origin"),
        }
        if origin.is_some() {
            assert_eq!(take(&mut headers, "Access-Control-Allow-Credentials").as_deref(), Some("true"));
            if answer.is_some() {
                assert_eq!(take(&mut headers, "Access-Control-Max-Age").as_deref(), Some("600"));
                found.insert("methods".to_owned(), json!(take(&mut headers, "Access-Control-Allow-Methods")));
                found.insert("headers".to_owned(), json!(take(&mut headers, "Access-Control-Allow-Headers")));
            } else {
                let exposed = take(&mut headers, "Access-Control-Expose-Headers").unwrap_or_default();
                assert!(exposed.split(", ").any(|name| name == "X-Access-Token") && !exposed.contains('*'));
            }
        }
        assert!(headers.is_empty(), "nothing else: {headers:?}");
        Ok(Value::Object(found))
    });
}
