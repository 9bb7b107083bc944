use sentri_core::error::{Error, ErrorCode};
use sentri_core::event::{Event, EventName};
use sentri_core::http::decision::Admitted;
use sentri_core::http::guard::{GuardRequest, Principal, ProtectResult};
use sentri_core::http::preflight;
use sentri_core::telemetry::Telemetry;
use sentri_core::web::origin::trusted_origins;
use serde_json::json;

fn principal() -> Principal {
    Principal {
        id: "mona".to_owned(),
        roles: vec!["user".to_owned()],
        withheld: vec!["admin".to_owned()],
        session_id: None,
        assurance: None,
        token: "a.b.c".to_owned(),
        exp: 9_000,
    }
}

/// The events of a result, by name and fields.
fn events(result: &ProtectResult) -> Vec<(EventName, serde_json::Value)> {
    result.events.iter().map(|event| (event.name, json!(event.fields))).collect()
}

#[test]
fn each_result_has_its_event() {
    let telemetry = Telemetry::new(true, Vec::new(), &[]);
    let passed = ProtectResult::passed("server", &telemetry, principal(), 5_000);
    assert!(passed.result.as_ref().is_ok_and(|user| *user == principal()) && passed.answer.is_none());
    assert_eq!(passed.fresh_until, 5_000);
    assert_eq!(events(&passed), [(EventName::ProtectSuccess, json!({ "userId": "mona", "mode": "server" }))]);
    let error = || Error::from(ErrorCode::TokenExpired);
    let refused = ProtectResult::refused("client", &telemetry, error());
    let said = json!({ "errorCode": "TOKEN_EXPIRED", "mode": "client" });
    assert_eq!((refused.result.clone().err(), refused.fresh_until), (Some(error()), 0));
    assert_eq!(events(&refused), [(EventName::ProtectFailure, said)]);
    let revoked = ProtectResult::revoked("client", &telemetry, "mona", error());
    assert_eq!((revoked.result.clone().err(), revoked.fresh_until), (Some(error()), 0));
    let said = (EventName::ProtectTokenRevoked, json!({ "userId": "mona", "mode": "client" }));
    assert_eq!(events(&revoked), std::slice::from_ref(&said));
    let because = revoked.clone().because(&telemetry, Some(Event::new(EventName::HookFailure)));
    assert_eq!(events(&because), [said.clone(), (EventName::HookFailure, json!({}))]);
    assert_eq!(events(&revoked.because(&telemetry, None)), [said]);
}

#[test]
fn a_host_remembers_by_a_plain_header_alone() {
    let telemetry = Telemetry::new(false, Vec::new(), &[]);
    let fresh = |authorization: Option<&str>| {
        let request = GuardRequest { authorization: authorization.map(str::to_owned), ..GuardRequest::default() };
        ProtectResult::passed("server", &telemetry, principal(), 5_000).for_memory(&request).fresh_until
    };
    assert_eq!(fresh(Some("Bearer a.b.c")), 5_000);
    for other in [None, Some("bearer a.b.c"), Some("Bearer a.b.c, x")] {
        assert_eq!(fresh(other), 0, "{other:?}");
    }
}

#[test]
fn who_was_admitted_has_the_roles_of_the_token() {
    let user = principal();
    let admitted = Admitted::from(&user);
    let roles = (admitted.roles.to_vec(), admitted.withheld.to_vec());
    assert_eq!((admitted.id, roles), ("mona", (vec!["user".to_owned()], vec!["admin".to_owned()])));
}

#[test]
fn a_preflight_is_answered_before_anybody_is_admitted() {
    let trusted = trusted_origins(Some(&json!(["https://app.example.com"]))).unwrap();
    let request = GuardRequest {
        method: "OPTIONS".to_owned(),
        origin: Some("https://app.example.com".to_owned()),
        access_control_request_method: Some("POST".to_owned()),
        ..GuardRequest::default()
    };
    let guarded = preflight::guarded(&request, &trusted).unwrap();
    assert_eq!(guarded.answer, preflight::answer(&request, &trusted));
    assert!(guarded.result.is_err_and(|error| error.is(ErrorCode::Unauthorized)));
    assert!(guarded.events.is_empty() && guarded.headers.is_empty() && guarded.fresh_until == 0);
    assert!(preflight::guarded(&GuardRequest { method: "POST".to_owned(), ..request }, &trusted).is_none());
}
