//! A message proves control over the address that it went to, whatever the identifier's value is when it is spent.

use serde_json::{Value, json};

use crate::support::{Bench, Database, Own, PASSWORD, admin};

const LATER: &str = "a new password";

/// Changes an address as a process does that ends no flows: one of 6.0, or one whose change overtook the message.
async fn change(own: &Own, to: &str) {
    let (_, schema) = own.option["connectionString"].as_str().unwrap().rsplit_once("%3D").unwrap();
    let table = format!("{schema}.sentri_identifiers");
    admin(&format!("UPDATE {table} SET value = '{to}', value_normalized = '{to}' WHERE type = 'email'")).await;
}

#[tokio::test]
async fn a_message_to_the_old_address_proves_nothing_of_the_new_one() {
    let own = Own::new(Database::Postgres).await;
    let links = json!({ "verify": "https://app.example.com/v", "reset": "https://app.example.com/r" });
    let more = json!({ "messages": { "send": "[function]", "links": links }, "verification": {} });
    let bench = Bench::new(&own.option, more).await;
    let identifiers = json!([{ "type": "username", "value": "eve" }, { "type": "email", "value": "eve@example.com" }]);
    let registered = bench.post("/register", json!({ "identifiers": identifiers, "password": PASSWORD })).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    let access = format!("Bearer {}", bench.login("eve").await.access);

    let mut secrets = Vec::new();
    for path in ["/identifiers/verify", "/password/forgot"] {
        let asked = bench.post(path, json!({ "identifier": "eve@example.com" })).await;
        let message = asked.handled.messages[0].to_json();
        secrets.push((
            json!({ "token": message["token"] }),
            json!({ "flow": asked.body["data"]["flow"], "code": message["code"] }),
        ));
    }
    change(&own, "victim@example.com").await;
    let with = |secret: &Value, name: &str, password: &str| {
        let mut body = secret.clone();
        body[name] = password.into();
        body
    };
    for secret in [&secrets[0].0, &secrets[0].1] {
        for body in [secret.clone(), with(secret, "password", PASSWORD), with(secret, "newPassword", LATER)] {
            let headers = [("authorization", access.as_str())];
            let confirmed = bench.request("POST", "/identifiers/confirm", &headers, Some(body)).await;
            assert_eq!((confirmed.status, confirmed.code()), (401, "CODE_INVALID"), "{}", confirmed.body);
        }
    }
    for secret in [&secrets[1].0, &secrets[1].1] {
        let reset = bench.post("/password/reset", with(secret, "newPassword", LATER)).await;
        assert_eq!((reset.status, reset.code()), (401, "CODE_INVALID"));
    }
    assert_eq!(bench.login_with("eve", LATER).await.status, 401);
    bench.login("eve").await;

    change(&own, "eve@example.com").await;
    let again = bench.post("/password/reset", with(&secrets[1].0, "newPassword", LATER)).await;
    assert_eq!(again.status, 200, "the value that it went to: {}", again.body);
    own.drop().await;
}
