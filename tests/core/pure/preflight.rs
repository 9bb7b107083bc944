use sentri_core::http::guard::GuardRequest;
use sentri_core::http::preflight;
use sentri_core::web::origin::trusted_origins;
use serde_json::{Value, json};

use crate::vectors::{self, option, shown, text};

#[test]
fn vectors() {
    vectors::run("preflight", |given| {
        let trusted = trusted_origins(option(given, "trusted")).map_err(shown)?;
        let header = |name: &str| option(given, name).and_then(Value::as_str).map(str::to_owned);
        let request = GuardRequest {
            method: text(given, "method").to_owned(),
            origin: header("origin"),
            access_control_request_method: header("requestMethod"),
            access_control_request_headers: header("requestHeaders"),
            ..GuardRequest::default()
        };
        let Some(answer) = preflight::answer(&request, &trusted) else { return Ok(json!("none")) };
        let said = |name: &str| answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        assert_eq!(said("Vary").as_deref(), Some(vary));
        let Some(origin) = said("Access-Control-Allow-Origin") else {
            assert_eq!(answer.headers.len(), 1, "nothing else: {:?}", answer.headers);
            return Ok(json!("nothing"));
        };
        assert_eq!(said("Access-Control-Allow-Credentials").as_deref(), Some("true"));
        let (methods, headers) = (said("Access-Control-Allow-Methods"), said("Access-Control-Allow-Headers"));
        Ok(json!({ "origin": origin, "methods": methods, "headers": headers }))
    });
}
