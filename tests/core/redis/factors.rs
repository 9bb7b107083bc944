//! Logins that wait for a second factor count as failed ones in every process, until one of them is finished in any.

use sentri_core::clock::Clock as _;
use sentri_core::crypto::{make_id, make_random};
use sentri_core::factor::{base32, totp};
use serde_json::{Value, json};

use crate::redis_url;
use crate::support::{Bench, Database, Own, PASSWORD};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_login_clears_the_unfinished_ones_of_every_process() {
    let own = Own::new(Database::SqliteFile).await;
    let options = json!({
        "redisUrl": redis_url(),
        "rateLimit": {},
        "mfa": { "totp": { "issuer": "Example" } },
        "encryptionKey": "a-key-of-32-bytes-for-the-tests--",
    });
    let mut here = Bench::new(&own.option, options.clone()).await;
    let mut there = Bench::new(&own.option, options).await;
    // Others count by the same name and address in the same Redis.
    let (name, [a, b, c]) = (make_id(), make_random());
    for bench in [&mut here, &mut there] {
        bench.address = format!("10.{a}.{b}.{c}");
    }
    assert_eq!(here.register(&name).await.status, 201);
    let bearer = format!("Bearer {}", here.login(&name).await.access);
    let headers = [("authorization", bearer.as_str())];
    let app = here.request("POST", "/me/factors/totp", &headers, Some(json!({}))).await.body;
    let secret = base32::decode(app["data"]["secret"].as_str().unwrap()).unwrap();
    let code = |bench: &Bench| totp::code_at(&secret, totp::step_at(bench.clock.now()));
    let confirmation = json!({ "id": app["data"]["id"], "code": code(&here) });
    let confirmed = here.request("POST", "/me/factors/totp/confirm", &headers, Some(confirmation)).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    for _ in 0..2 {
        for bench in [&here, &there] {
            bench.clock.advance(60_000);
        }
        let mut flow = Value::Null;
        for at in 0..5 {
            let asked = if at % 2 == 0 { &here } else { &there }.login_with(&name, PASSWORD).await;
            assert_eq!(asked.code(), "MFA_REQUIRED", "{at}: {}", asked.body);
            flow = asked.body["data"]["flow"].clone();
        }
        for bench in [&here, &there] {
            assert_eq!(bench.login_with(&name, PASSWORD).await.status, 429);
        }
        let answer = json!({ "flow": flow, "method": "totp", "code": code(&there) });
        assert_eq!(there.post("/login/mfa", answer).await.status, 200);
    }
    own.drop().await;
}
