//! A code of a second factor is good once, however many use it at the same time, and whatever it is used for.

use std::sync::Arc;

use sentri_core::clock::Clock as _;
use sentri_core::factor::{base32, totp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Bench, PASSWORD};

/// The option, with keys that seal secrets.
fn options() -> Value {
    json!({
        "mfa": { "totp": { "issuer": "Example" } },
        "encryptionKey": "CANARY-key-of-32-bytes-for-factors",
        "accessExpiresIn": "2h",
    })
}

struct Enrolled {
    bench: Arc<Bench>,
    access: String,
    secret: Vec<u8>,
    recovery: Vec<String>,
}

impl Enrolled {
    async fn new(db: &Value) -> Self {
        let bench = Arc::new(Bench::new(db, options()).await);
        assert_eq!(bench.register("rizz").await.status, 201);
        let access = bench.login("rizz").await.access;
        let bearer = format!("Bearer {access}");
        let headers = [("authorization", bearer.as_str())];
        let app = bench.request("POST", "/me/factors/totp", &headers, Some(json!({}))).await;
        assert_eq!(app.status, 201, "{}", app.body);
        let secret = base32::decode(app.body["data"]["secret"].as_str().unwrap()).unwrap();
        let code = totp::code_at(&secret, totp::step_at(bench.clock.now()));
        let confirmation = json!({ "id": app.body["data"]["id"], "code": code });
        let confirmed = bench.request("POST", "/me/factors/totp/confirm", &headers, Some(confirmation)).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        let recovery = serde_json::from_value(confirmed.body["data"]["recoveryCodes"].clone()).unwrap();
        bench.clock.advance(60_000);
        Self { bench, access, secret, recovery }
    }

    fn code(&self) -> String {
        totp::code_at(&self.secret, totp::step_at(self.bench.clock.now()))
    }

    async fn flow(&self) -> Value {
        let asked = self.bench.login_with("rizz", PASSWORD).await;
        assert_eq!((asked.status, asked.code()), (401, "MFA_REQUIRED"), "{}", asked.body);
        asked.body["data"]["flow"].clone()
    }

    async fn at_once(&self, bodies: Vec<(&'static str, Value)>) -> Vec<Answer> {
        let mut all = JoinSet::new();
        for (path, body) in bodies {
            let (bench, bearer) = (Arc::clone(&self.bench), format!("Bearer {}", self.access));
            all.spawn(async move { bench.request("POST", path, &[("authorization", &bearer)], Some(body)).await });
        }
        all.join_all().await
    }
}

pub async fn codes_are_good_once(db: &Value) {
    let user = Enrolled::new(db).await;
    let mut uses = Vec::new();
    // Five flows, two uses of each, and three in a session: no budget stops the tenth.
    for _ in 0..3 {
        let flow = user.flow().await;
        let body = json!({ "flow": flow, "method": "totp", "code": user.code() });
        uses.extend([("/login/mfa", body.clone()), ("/login/mfa", body)]);
    }
    let body = json!({ "method": "totp", "code": user.code() });
    uses.extend(vec![("/me/reauthenticate", body); 4]);
    let answers = user.at_once(uses).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let codes: Vec<(u16, &str)> = answers.iter().map(|answer| (answer.status, answer.code())).collect();
    assert_eq!(done, 1, "{codes:?}");
    assert!(codes.iter().all(|code| *code == (200, "") || *code == (401, "CODE_INVALID")), "{codes:?}");

    user.bench.clock.advance(16 * 60_000);
    let mut uses = Vec::new();
    for _ in 0..3 {
        let flow = user.flow().await;
        let body = json!({ "flow": flow, "method": "recovery", "code": user.recovery[0] });
        uses.extend([("/login/mfa", body.clone()), ("/login/mfa", body)]);
    }
    let answers = user.at_once(uses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);

    user.bench.clock.advance(16 * 60_000);
    let flow = user.flow().await;
    let uses =
        (1..6).map(|at| ("/login/mfa", json!({ "flow": flow, "method": "recovery", "code": user.recovery[at] })));
    let answers = user.at_once(uses.collect()).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "a flow opens one session");
    let headers = [("authorization", &*format!("Bearer {}", user.access))];
    let listed = user.bench.request("GET", "/me/factors", &headers, None).await;
    assert_eq!(listed.body["data"]["recoveryCodesLeft"], 8, "and the codes that opened none are good still");
}

/// A process that knows a session from before its second factor looks again, though the clock stands still.
pub async fn a_factor_counts_in_other_processes_at_once(db: &Value) {
    let user = Enrolled::new(db).await;
    let other = Bench::new(db, options()).await;
    other.clock.set(user.bench.clock.now());
    let ask = async |bench: &Bench, method: &str, path: &str, access: &str, body: Value| {
        bench.request(method, path, &[("authorization", &format!("Bearer {access}"))], Some(body)).await
    };
    let again = async |body: Value| {
        let answer = ask(&user.bench, "POST", "/me/reauthenticate", &user.access, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["data"]["accessToken"].as_str().unwrap().to_owned()
    };
    let by_password = again(json!({ "password": PASSWORD })).await;
    let refused = ask(&other, "POST", "/me/recovery-codes", &by_password, json!({})).await;
    assert_eq!((refused.status, refused.code()), (401, "STEP_UP_REQUIRED"));
    let by_code = again(json!({ "method": "totp", "code": user.code() })).await;
    let renewed = ask(&other, "POST", "/me/recovery-codes", &by_code, json!({})).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
}

/// The rows in the database open nothing, and another key opens nothing of them.
pub async fn secrets_are_sealed(db: &Value) {
    let user = Enrolled::new(db).await;
    let secret = base32::encode(&user.secret);
    let with = |key: &Value| {
        let mut options = options();
        options["encryptionKey"] = key.clone();
        options
    };
    let rotated =
        Bench::new(db, with(&json!(["another key of 32 bytes for tests", "CANARY-key-of-32-bytes-for-factors"])));
    let rotated = rotated.await;
    rotated.clock.advance(60_000);
    let lost = Bench::new(db, with(&json!("another key of 32 bytes for tests"))).await;
    lost.clock.advance(60_000);
    for (bench, wanted) in [(&lost, (500, "INTERNAL_ERROR")), (&rotated, (200, ""))] {
        let asked = bench.login_with("rizz", PASSWORD).await;
        let body = json!({ "flow": asked.body["data"]["flow"], "method": "totp", "code": user.code() });
        let answer = bench.post("/login/mfa", body).await;
        assert_eq!((answer.status, answer.code()), wanted, "{}", answer.body);
        let shown = format!("{answer:?}");
        assert!(!shown.contains(&secret) && !shown.contains("CANARY"), "{shown}");
    }
}
