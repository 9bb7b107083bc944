//! Registrations and changes that wait for a proof: of any number of uses of their secrets at once one succeeds.

use std::sync::Arc;

use sentri_core::Host;
use sentri_core::crypto::make_id;
use sentri_core::store::model::{ChangeLimits, Identifier, IdentifierChange};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Bench, PASSWORD, store_at};

const OTHER: &str = "another password";

fn options() -> Value {
    let links = json!({ "verify": "https://app.example.com/v", "reset": "https://app.example.com/r" });
    let messages = json!({ "send": "[function]", "links": links });
    json!({ "messages": messages, "verification": { "required": true } })
}

async fn register(bench: &Bench, name: &str, address: &str) -> Answer {
    let identifiers = json!([{ "type": "username", "value": name }, { "type": "email", "value": address }]);
    bench.post("/register", json!({ "identifiers": identifiers, "password": PASSWORD })).await
}

/// The two forms of the secret of a message: the token, and the code with its flow.
fn secrets(answer: &Answer, flow: &Value) -> [Value; 2] {
    let message = answer.handled.messages[0].to_json();
    [json!({ "token": message["token"] }), json!({ "flow": flow, "code": message["code"] })]
}

fn with(secret: &Value, name: &str, password: &str) -> Value {
    let mut body = secret.clone();
    body[name] = password.into();
    body
}

async fn at_once(
    bench: &Arc<Bench>,
    access: &str,
    requests: Vec<(&'static str, Value)>,
) -> Vec<(&'static str, Answer)> {
    let mut all = JoinSet::new();
    for (path, body) in requests {
        let (bench, bearer) = (Arc::clone(bench), format!("Bearer {access}"));
        all.spawn(async move { (path, bench.request("POST", path, &[("authorization", &bearer)], Some(body)).await) });
    }
    all.join_all().await
}

fn winner(answers: &[(&'static str, Answer)]) -> &'static str {
    let mut won = answers.iter().filter(|(_, answer)| answer.status == 200).map(|(path, _)| *path);
    let (first, second) = (won.next(), won.next());
    assert!(second.is_none(), "two of them succeeded");
    for (path, answer) in answers.iter().filter(|(_, answer)| answer.status != 200) {
        // A reset that was first has ended the session in which the other was confirmed.
        assert!(["CODE_INVALID", "FORBIDDEN"].contains(&answer.code()), "{path}: {}", answer.body);
    }
    first.expect("one of them succeeds")
}

pub async fn secrets_are_good_once(db: &Value) {
    let bench = Arc::new(Bench::new(db, options()).await);
    let asked = register(&bench, "anna", "anna@example.com").await;
    assert_eq!(asked.status, 202, "{}", asked.body);
    let confirm = "/identifiers/confirm";
    let uses = secrets(&asked, &asked.body["data"]["flow"]).into_iter().flat_map(|secret| {
        let words = ["password", "newPassword", "password", "newPassword"];
        words.map(|word| (confirm, with(&secret, word, PASSWORD)))
    });
    winner(&at_once(&bench, "", uses.collect()).await);
    let login = bench.login("anna@example.com").await;

    // A thief reads the mail of the old address, and uses a reset while its owner moves to another one.
    let reset = bench.post("/password/forgot", json!({ "identifier": "anna" })).await;
    let bearer = format!("Bearer {}", login.access);
    let change = json!({ "identifiers": [{ "type": "email", "value": "new@example.com" }] });
    let changed = bench.request("PUT", "/me/identifiers", &[("authorization", &bearer)], Some(change)).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let flow = &changed.body["data"]["identifiers"][0]["pending"]["flow"];
    let mut uses: Vec<(&str, Value)> =
        secrets(&changed, flow).into_iter().flat_map(|body| vec![(confirm, body); 2]).collect();
    let resets = secrets(&reset, &reset.body["data"]["flow"]);
    uses.extend(resets.iter().map(|secret| ("/password/reset", with(secret, "newPassword", OTHER))));
    let is_moved = winner(&at_once(&bench, &login.access, uses).await) == confirm;
    assert_eq!(bench.login_with("new@example.com", PASSWORD).await.status == 200, is_moved);
    assert_eq!(bench.login_with("anna@example.com", OTHER).await.status == 200, !is_moved);
    let late = with(&resets[0], "newPassword", OTHER);
    assert_eq!(bench.post("/password/reset", late).await.status, 401);
}

/// Registers by an address, and proves it.
async fn proves(bench: &Bench, name: &str, address: &str) {
    let asked = register(bench, name, address).await;
    assert_eq!(asked.handled.messages[0].to_json()["kind"], "verify", "{address}");
    let [secret, _] = secrets(&asked, &asked.body["data"]["flow"]);
    let confirmed = bench.post("/identifiers/confirm", with(&secret, "password", PASSWORD)).await;
    assert_eq!(confirmed.status, 200, "{address}: {}", confirmed.body);
}

/// Of addresses that sentri 5 kept apart by case the younger is stored by its spelling. Nobody who is asked to prove an
/// address learns afterwards that somebody else has it.
pub async fn an_address_that_is_free_can_be_proved(db: &Value) {
    let store = store_at(db);
    let bench = Bench::unmigrated(db, options(), Host::default(), Arc::clone(&store));
    bench.server.migrate().await.unwrap();
    proves(&bench, "squatter", "squatter@example.com").await;
    let found = store.find_credential("squatter", "squatter", &[]).await.unwrap().unwrap();
    let adopted = ["Free@example.com", "Held@example.com", "held@example.com"].map(|value| Identifier {
        id: make_id(),
        kind: "email".into(),
        value: value.into(),
        normalized: format!("\u{1}{value}"),
        verified_at: None,
    });
    let added = store.add_identifiers(&found.user_id, &adopted, &ChangeLimits::default(), 0).await.unwrap();
    assert_eq!(added, IdentifierChange::Done);
    for (name, address) in [("anna", "Free@example.com"), ("holder", "hElD@example.com")] {
        proves(&bench, name, address).await;
    }
    // The owner of the other spelling gives way, and the owner of the normal form does not.
    let added = store.add_identifiers(&found.user_id, &adopted[2..], &ChangeLimits::default(), 0).await.unwrap();
    assert_eq!(added, IdentifierChange::Done);
    for (name, address) in [("ben", "Held@example.com"), ("carla", "held@example.com")] {
        // An address gets a message a minute.
        bench.clock.advance(61_000);
        let asked = register(&bench, name, address).await;
        assert_eq!(asked.handled.messages[0].to_json()["kind"], "already-registered", "{address}");
    }
    store.close().await;
}
