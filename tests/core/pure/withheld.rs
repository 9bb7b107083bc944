//! P68: roles that wait for a second factor, by the token alone.

use sentri_core::access::{RoleRules, SessionRoles};
use sentri_core::assurance::{Assurance, Method};
use sentri_core::client::{AuthClient, ClientHost};
use sentri_core::http::decision::{Admitted, Decision, PermitVerdict};
use sentri_core::token::claims::{ClaimRules, parse_access};
use serde_json::{Value, json};

use crate::vectors::{self, texts};

#[test]
fn vectors() {
    let client = AuthClient::new(
        &json!({ "mode": "client", "keyUri": "https://auth.example.com/auth/keys" }),
        ClientHost::default(),
    );
    let client = client.unwrap();
    vectors::run("withheld", |given| {
        let payload = given["claims"].to_string();
        let claims = parse_access(payload.as_bytes(), &ClaimRules::default(), given["now"].as_i64().unwrap());
        let claims = claims.map_err(|error| format!("{error:?}"))?;
        let user = Admitted { id: &claims.id, roles: &claims.roles, withheld: &claims.withheld };
        let permit = &given["permit"];
        let bypassing: Vec<String> = if permit["roles"].is_null() { Vec::new() } else { texts(permit, "roles") };
        let bypass = bypassing.iter().find(|role| claims.roles.contains(role));
        let outcome = match bypass {
            Some(role) => PermitVerdict::Bypass(role.clone()),
            None if permit["check"] == true => PermitVerdict::Passed,
            None if bypassing.iter().any(|role| claims.withheld.contains(role)) => PermitVerdict::Withheld,
            None => PermitVerdict::Denied,
        };
        Ok(json!({
            "roles": claims.roles,
            "withheld": claims.withheld,
            "authorize": code(client.authorize(Some(user), &texts(given, "authorize"))),
            "permit": code(client.permit(Some(user), &outcome)),
        }))
    });
}

fn code(decision: Decision) -> Value {
    decision.error.map_or(Value::Null, |error| error.code.to_string().into())
}

#[test]
fn below_two_factors_the_roles_that_want_them_wait() {
    let roles = json!(["user", "admin", "editor"]);
    let mut rules = RoleRules::from_options(Some(&roles), None, None, None).unwrap();
    let all = || vec!["editor", "user", "admin"];
    let weak = [Method::Pwd, Method::Email, Method::Sms, Method::Host].map(|method| Assurance::of(&[method], Some(1)));
    let strong = Assurance::of(&[Method::Pwd, Method::Otp], Some(1));
    let whole = SessionRoles { in_effect: all(), withheld: Vec::new() };
    assert_eq!(rules.in_session(all(), None), whole, "without the option nothing waits");
    rules.required_for = vec!["admin".to_owned(), "editor".to_owned()];
    assert_eq!(rules.in_session(all(), Some(&strong)), whole);
    let parted = SessionRoles { in_effect: vec!["user"], withheld: vec!["editor", "admin"] };
    assert_eq!(rules.in_session(all(), None), parted, "nobody knows how the user authenticated");
    for held in weak {
        assert_eq!(rules.in_session(all(), Some(&held)), parted, "{held:?}");
    }
    assert_eq!(rules.in_session(vec!["user"], None).withheld, Vec::<&str>::new());
}
