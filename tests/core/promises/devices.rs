//! B9: what known devices give their owners, and what they give others.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sentri_core::failure::Failure;
use sentri_core::hook::{Operation, Overrides};
use sentri_core::store::{self, foreign::ForeignDatabase};
use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::node::{Driver, NodeDatabase};
use crate::support::{Answer, Bench, Database, Own, PASSWORD};

const WRONG: &str = "not the password";

fn on() -> Value {
    json!({ "knownDevices": true, "rateLimit": {} })
}

async fn bench() -> Arc<Bench> {
    let bench = Bench::new(&json!("sqlite::memory:"), on()).await;
    bench.register("rizz").await;
    Arc::new(bench)
}

async fn login(bench: &Bench, password: &str, device: &str) -> Answer {
    let cookie = format!("sentri_device={device}");
    let body = json!({ "identifier": "rizz", "password": password });
    bench.request("POST", "/login", &[("cookie", &cookie)], Some(body)).await
}

/// The statuses of `count` wrong guesses at once.
async fn guesses(bench: &Arc<Bench>, device: &str, count: usize) -> Vec<u16> {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let (bench, device) = (Arc::clone(bench), device.to_owned());
        all.spawn(async move { login(&bench, WRONG, &device).await.status });
    }
    all.join_all().await
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|one| **one == status).count()
}

/// A thief's copy of a device cookie is worth ten guesses beside those that strangers have, however many come at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stolen_device_is_worth_ten_guesses() {
    let bench = bench().await;
    let device = login(&bench, PASSWORD, "").await.cookie("sentri_device").unwrap();
    let before = bench.server.password_verifications();
    let statuses = guesses(&bench, &device, 60).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (10 + 5, 45));
    assert_eq!(bench.server.password_verifications() - before, 15);
    assert_eq!(login(&bench, PASSWORD, &device).await.status, 429);
}

/// Right passwords give a nonce no new attempts, neither that of its user nor that of another account.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_login_refreshes_a_spent_nonce() {
    let bench = bench().await;
    bench.register("mallory").await;
    let stolen = login(&bench, PASSWORD, "").await.cookie("sentri_device").unwrap();
    assert_eq!(count(&guesses(&bench, &stolen, 9).await, 401), 9);
    let own = json!({ "identifier": "mallory", "password": PASSWORD });
    let answer = bench.request("POST", "/login", &[("cookie", &format!("sentri_device={stolen}"))], Some(own)).await;
    let merged = answer.cookie("sentri_device").unwrap();
    let renewed = login(&bench, PASSWORD, &stolen).await.cookie("sentri_device").unwrap();
    // The tenth at the stolen nonce, then those of strangers.
    let statuses = guesses(&bench, &merged, 20).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (1 + 5, 14));
    assert_eq!(login(&bench, PASSWORD, &merged).await.status, 429);
    assert_eq!(
        login(&bench, PASSWORD, &renewed).await.status,
        200,
        "the owner's browser has the nonce of its last login"
    );
}

/// Who knew the password before it was changed may have collected any number of device cookies: together they have a
/// hundred guesses a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collected_devices_share_a_budget() {
    let bench = bench().await;
    let mut devices = Vec::new();
    for _ in 0..12 {
        devices.push(login(&bench, PASSWORD, "").await.cookie("sentri_device").unwrap());
    }
    for device in &devices[..10] {
        assert_eq!(count(&guesses(&bench, device, 10).await, 401), 10);
    }
    let statuses = guesses(&bench, &devices[10], 10).await;
    assert_eq!((count(&statuses, 401), count(&statuses, 429)), (5, 5), "those of strangers are left");
    assert_eq!(login(&bench, PASSWORD, &devices[11]).await.status, 429);
    bench.clock.advance(24 * 60 * 60 * 1000);
    assert_eq!(login(&bench, PASSWORD, &devices[11]).await.status, 200);
}

/// Overrides that call `next()`, which a host makes of the input and the context that it was handed.
#[derive(Default)]
struct Next(Mutex<Option<AuthServer>>);

#[async_trait]
impl Overrides for Next {
    fn has(&self, operation: Operation) -> bool {
        operation == Operation::Login
    }

    async fn call(&self, operation: Operation, input: Value, context: Value) -> Result<Value, Failure> {
        assert!(!context.to_string().contains("nonce"), "the host is handed no part of a cookie: {context}");
        let server = self.0.lock().unwrap().clone().unwrap();
        server.run_builtin(operation.as_str(), input, context).await.map_err(Failure::Refused)
    }
}

/// A device that is known stays so behind an override, and what the override completes makes one known.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_override_keeps_the_device() {
    let overrides = Arc::new(Next::default());
    let host = Host { overrides: Some(Arc::<Next>::clone(&overrides)), ..Host::default() };
    let options = json!({ "knownDevices": true, "rateLimit": {}, "router": { "login": "[function]" } });
    let bench = Arc::new(Bench::with_host(&json!("sqlite::memory:"), options, host).await);
    *overrides.0.lock().unwrap() = Some(bench.server.clone());
    bench.register("rizz").await;
    let device = login(&bench, PASSWORD, "").await.cookie("sentri_device").unwrap();
    assert_eq!(count(&guesses(&bench, "", 6).await, 401), 5);
    assert_eq!(login(&bench, PASSWORD, "").await.status, 429);
    assert_eq!(login(&bench, PASSWORD, &device).await.status, 200);
    overrides.0.lock().unwrap().take();
}

/// What a form of another site can make a browser send burns no attempts of its device.
#[tokio::test]
async fn a_form_of_another_site_burns_no_attempt() {
    let options = json!({
        "knownDevices": true, "rateLimit": {}, "cookie": { "sameSite": "none" }, "accessCookie": false,
    });
    for cookie in [json!({ "sameSite": "none" }), json!(false)] {
        let mut options = options.clone();
        options["cookie"] = cookie;
        let bench = Bench::new(&json!("sqlite::memory:"), options).await;
        bench.register("rizz").await;
        let device = login(&bench, PASSWORD, "").await.cookie("sentri_device").unwrap();
        let cookie = format!("sentri_device={device}");
        let before = bench.server.password_verifications();
        for site in ["cross-site", "same-site"] {
            let headers = [("cookie", cookie.as_str()), ("content-type", "text/plain"), ("sec-fetch-site", site)];
            let body = json!({ "identifier": "rizz", "password": WRONG });
            assert_eq!(bench.request("POST", "/login", &headers, Some(body)).await.status, 403);
        }
        assert_eq!(bench.server.password_verifications(), before);
    }
}

/// A database that notes what it is asked.
struct Noting {
    inner: Arc<NodeDatabase>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl ForeignDatabase for Noting {
    async fn run(&self, batch: String) -> Result<String, String> {
        self.asked.lock().unwrap().push(batch.clone());
        self.inner.run(batch).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// A refused login asks the database about the device's own users alone: the time of a refusal tells nobody who exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refusal_asks_about_nobody_else() {
    let own = Own::new(Database::Kysely("better-sqlite3")).await;
    let driver = Driver::BetterSqlite3;
    let inner = NodeDatabase::new(driver, own.option["place"].as_str().unwrap());
    let database = Arc::new(Noting { inner, asked: Mutex::default() });
    let store = store::over(Arc::<Noting>::clone(&database), driver.dialect());
    let options = json!({ "knownDevices": true, "rateLimit": { "maxLoginAttempts": 1 } });
    let bench = Bench::unmigrated(&own.option, options, Host::default(), store);
    bench.server.migrate().await.unwrap();
    bench.register("mallory").await;
    let rizz = json!({ "identifiers": [{ "type": "username", "value": "rizz" }], "password": PASSWORD });
    assert_eq!(bench.server.call("register", json!([rizz])).await.unwrap()["success"], true);
    let device = bench.login_with("mallory", PASSWORD).await.cookie("sentri_device").unwrap();
    for at in 0..10 {
        assert_eq!(bench.login_with(&format!("n{at}"), WRONG).await.status, 401);
    }
    let cookie = format!("sentri_device={device}");
    let mut asked = Vec::new();
    for name in ["rizz", "nobody"] {
        database.asked.lock().unwrap().clear();
        let body = json!({ "identifier": name, "password": WRONG });
        let answer = bench.request("POST", "/login", &[("cookie", &cookie)], Some(body)).await;
        assert_eq!(answer.status, 429, "{}", answer.body);
        asked.push(std::mem::take(&mut *database.asked.lock().unwrap()));
    }
    assert_eq!(asked[0].len(), 1, "{asked:?}");
    assert_eq!(asked[0], asked[1]);
    bench.server.close().await;
    own.drop().await;
}
