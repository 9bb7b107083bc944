//! P68: roles that wait for a second factor, by the token alone.

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
