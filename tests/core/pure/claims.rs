use sentri_core::assurance::{Assurance, Method};
use sentri_core::token::claims::{AccessClaims, ClaimRules, MAX_IAT_AHEAD_SECONDS, MAX_SECONDS, parse_access};
use sentri_core::token::{Reason, TokenError};
use serde_json::{Map, Value, json};

const NOW: i64 = 1_767_225_600;

fn parse(more: Value, leeway_seconds: i64, now: i64) -> Result<AccessClaims, TokenError> {
    let mut claims = json!({ "id": "mona", "roles": ["user"], "iat": NOW, "exp": NOW + 900 });
    claims.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
    let rules = ClaimRules { leeway_seconds, ..ClaimRules::default() };
    parse_access(claims.to_string().as_bytes(), &rules, now)
}

#[test]
fn roles_that_wait_are_named_beside_those_in_effect() {
    for (named, withheld) in [
        (json!(["admin"]), &["admin"][..]),
        (json!(["editor", "user", "admin"]), &["editor", "admin"]),
        (json!(["user"]), &[]),
        (json!([]), &[]),
        (json!(["admin", 1]), &[]),
        (json!("admin"), &[]),
        (json!({ "admin": true }), &[]),
        (json!(null), &[]),
    ] {
        assert_eq!(parse(json!({ "withheld": named }), 0, NOW * 1000).unwrap().withheld, withheld, "{named}");
    }
    assert!(parse(json!({}), 0, NOW * 1000).unwrap().withheld.is_empty());
}

#[test]
fn the_authentication_is_read_from_its_three_claims() {
    let all = json!({ "acr": "aal2", "amr": ["pwd", "otp"], "auth_time": NOW });
    let strong = Assurance::of(&[Method::Pwd, Method::Otp], Some(NOW));
    let read = |claims: &Value| parse(claims.clone(), 0, NOW * 1000).unwrap().assurance;
    assert_eq!((read(&all), read(&json!({}))), (Some(strong.clone()), None));
    for missing in ["acr", "amr", "auth_time"] {
        let mut some = all.clone();
        some.as_object_mut().unwrap().remove(missing);
        assert!(read(&some).is_some_and(|held| held != strong), "without {missing}");
    }
}

#[test]
fn times_count_to_the_second_and_with_the_leeway_alone() {
    let early = Err(TokenError::Invalid(Reason::NotYetValid));
    let malformed = Err(TokenError::Invalid(Reason::Malformed));
    let end = (NOW + 900) * 1000;
    let ahead = NOW + MAX_IAT_AHEAD_SECONDS;
    assert_eq!(MAX_IAT_AHEAD_SECONDS, 86_400);
    for (more, leeway, now, expected) in [
        (json!({}), 0, end - 1, Ok(())),
        (json!({}), 0, end, Err(TokenError::Expired)),
        (json!({}), 5, end + 4_999, Ok(())),
        (json!({}), 5, end + 5_000, Err(TokenError::Expired)),
        (json!({ "nbf": NOW }), 0, NOW * 1000, Ok(())),
        (json!({ "nbf": NOW }), 0, NOW * 1000 - 1, early),
        (json!({ "nbf": NOW }), 5, NOW * 1000 - 5_000, Ok(())),
        (json!({ "nbf": NOW }), 5, NOW * 1000 - 5_001, early),
        (json!({ "iat": ahead, "exp": ahead + 1 }), 0, NOW * 1000, Ok(())),
        (json!({ "iat": ahead + 1, "exp": ahead + 1 }), 0, NOW * 1000, early),
        (json!({ "iat": ahead + 5, "exp": ahead + 9 }), 5, NOW * 1000, Ok(())),
        (json!({ "iat": ahead + 6, "exp": ahead + 9 }), 5, NOW * 1000, early),
        (json!({ "exp": MAX_SECONDS }), 0, NOW * 1000, Ok(())),
        (json!({ "exp": MAX_SECONDS + 1 }), 0, NOW * 1000, malformed),
        (json!({ "iat": 0 }), 0, NOW * 1000, Ok(())),
        (json!({ "iat": -1 }), 0, NOW * 1000, malformed),
    ] {
        assert_eq!(parse(more.clone(), leeway, now).map(drop), expected, "{more} {leeway} {now}");
    }
}

#[test]
fn a_token_has_so_many_members_and_no_more() {
    let others = |count: usize| {
        let members: Map<String, Value> = (0..count).map(|at| (format!("other{at}"), json!({ "a": [at] }))).collect();
        parse(Value::Object(members), 0, NOW * 1000).map(drop)
    };
    assert_eq!(others(60), Ok(()), "64 with the four that are always there");
    assert_eq!(others(61), Err(TokenError::Invalid(Reason::Malformed)));
}

#[test]
fn escapes_are_the_same_text() {
    let audience = Some("api".to_owned());
    let rules = ClaimRules { audience: audience.clone(), ..ClaimRules::default() };
    for named in [r#""api""#, r#""\u0061pi""#, r#"["x","\u0061pi"]"#] {
        let payload = format!(r#"{{"\u0069d":"m\u006fna","roles":["\u0075ser"],"exp":{},"aud":{named}}}"#, NOW + 1);
        let claims = parse_access(payload.as_bytes(), &rules, NOW * 1000).unwrap();
        assert_eq!((claims.id.as_str(), claims.roles, claims.aud), ("mona", vec!["user".to_owned()], audience.clone()));
    }
}
