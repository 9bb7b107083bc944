//! P50: nothing that is secret turns up in what is logged, refused or printed, and every log line is one JSON object.

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::config::Config;
use sentri_core::crypto::make_id;
use sentri_core::http::guard::GuardRequest;
use sentri_core::http::{Body, Request};
use sentri_core::{AuthServer, Host, store};
use serde_json::{Value, json};

use crate::support::{Answer, Bench, Database, Own, PASSWORD, START, options, store_at};

const FLOWS: usize = 10_000;
/// Fewer than the queue of the hashing pool takes.
const AT_ONCE: usize = 50;

const API_KEY: &str = "CANARY-api-key";
const SECRET: &str = "CANARY-secret of at least thirty-two bytes";

/// What one flow made known, and what of it must be found nowhere.
struct Flow {
    lines: Vec<String>,
    shown: String,
    secrets: Vec<String>,
}

/// 10,000 flows, each with secrets of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p50_no_secret_in_logs_errors_or_debug() {
    let more =
        json!({ "apiKey": API_KEY, "secret": SECRET, "accessCookie": true, "rateLimit": { "maxLoginAttempts": 3 } });
    let bench = Arc::new(Bench::new(&json!("sqlite::memory:"), more).await);
    let mut events = std::collections::HashSet::new();
    for first in (0..FLOWS).step_by(AT_ONCE) {
        let tasks: Vec<_> =
            (first..first + AT_ONCE).map(|number| tokio::spawn(flow(Arc::clone(&bench), number))).collect();
        for task in tasks {
            let Flow { lines, shown, secrets } = task.await.unwrap();
            for line in &lines {
                let entry: Value = serde_json::from_str(line).unwrap();
                assert!(entry.is_object() && !line.contains('\n'), "{line}");
                events.insert(entry["event"].as_str().unwrap().to_owned());
            }
            let everything = lines.join("\n") + &shown;
            for secret in secrets.iter().map(String::as_str).chain([API_KEY, SECRET]) {
                assert!(!everything.contains(secret), "{secret} stands in\n{everything}");
            }
        }
    }
    for event in ["login.success", "login.failure", "register.failure", "refresh.failure", "protect.failure", "logout"]
    {
        assert!(events.contains(&format!("auth.{event}")), "the flows were logged at all: {events:?}");
    }
    assert!(events.len() >= 12, "{events:?}");
    let db = json!("postgres://u:CANARY-database@127.0.0.1:1/x");
    let stored = json!({ "secret": "[absent]", "keys": { "encryptionKey": "CANARY-wrapping-key-of-32-bytes--" } });
    for more in [json!({ "apiKey": API_KEY, "secret": SECRET }), stored] {
        let config = Config::from_options(&options(&db, more)).unwrap();
        let mut printed = format!("{config:?}");
        let unreachable = AuthServer::with_store(config, Host::default(), store::open(&db).unwrap()).unwrap();
        let refusal = unreachable.ready().await.unwrap_err();
        printed += &format!("{unreachable:?} {refusal:?} {refusal}");
        assert!(!printed.contains("CANARY"), "{printed}");
    }
}

/// A life of one user, gone wrong in one of several ways.
async fn flow(bench: Arc<Bench>, number: usize) -> Flow {
    let unique = make_id();
    let (password, email) = (format!("CANARY-{unique}"), format!("canary-{unique}@example.com"));
    let mut told = Told { ip: format!("10.0.{}.{}", number / 250, number % 250), ..Told::default() };
    told.secrets.extend([password.clone(), email.clone(), email.to_uppercase()]);
    let user = json!({ "identifiers": [{ "type": "email", "value": email }], "password": password });
    let key = ("x-api-key", API_KEY);
    told.send(&bench, "POST", "/register", &[key], user.clone()).await;
    let login = json!({ "identifier": email, "password": password });
    let answer = told.send(&bench, "POST", "/login", &[], login).await;
    let access = answer.body["data"]["accessToken"].as_str().unwrap().to_owned();
    let refresh = answer.cookie("refresh_token").unwrap();
    told.secrets.extend([&access, &refresh].into_iter().flat_map(|token| token.split('.').skip(1).map(str::to_owned)));
    let bearer = format!("Bearer {access}");
    let auth = ("authorization", bearer.as_str());
    match number % 10 {
        0 => drop(told.send(&bench, "POST", "/register", &[key], user).await),
        1 => drop(told.send(&bench, "POST", "/register", &[("x-api-key", "CANARY-api-key-not")], user).await),
        2 => {
            for _ in 0..4 {
                told.send(&bench, "POST", "/login", &[], json!({ "identifier": email, "password": access })).await;
            }
        }
        3 => {
            let swapped = json!({ "identifier": password, "password": email });
            told.send(&bench, "POST", "/login", &[], swapped).await;
            told.send(&bench, "POST", "/login", &[], json!([password, email])).await;
            told.send(&bench, "POST", "/login", &[], json!({ "identifier": email, "password": [password] })).await;
        }
        4 => {
            let cookie = format!("refresh_token={refresh}x");
            told.send(&bench, "POST", "/refresh", &[("cookie", &cookie)], json!({})).await;
            told.send(&bench, "POST", "/refresh", &[], json!({ "refreshToken": access })).await;
            told.send(&bench, "POST", "/refresh", &[], json!({ "refreshToken": [refresh] })).await;
        }
        5 => {
            let change = json!({ "currentPassword": email, "newPassword": password });
            told.send(&bench, "PATCH", "/me/password", &[auth], change).await;
            let short = json!({ "currentPassword": password, "newPassword": &password[..7] });
            told.send(&bench, "PATCH", "/me/password", &[auth], short).await;
            let long = json!({ "currentPassword": password, "newPassword": password.repeat(9) });
            told.send(&bench, "PATCH", "/me/password", &[auth], long).await;
        }
        6 => {
            let wrong = json!({ "identifiers": [{ "type": "username", "value": email }, { "type": email, "value": password }] });
            told.send(&bench, "POST", "/me/identifiers", &[auth], wrong.clone()).await;
            told.send(&bench, "PUT", "/me/identifiers", &[auth], wrong).await;
            told.send(&bench, "DELETE", "/me/identifiers", &[auth], json!({ "ids": [email] })).await;
        }
        7 => {
            told.raw(&bench, format!("{{\"identifier\":\"{email}\",\"password\":\"{password}\"")).await;
            told.raw(&bench, format!("{{\"{password}\":1,\"{password}\":2}}")).await;
            told.raw(&bench, format!("{password} {email}")).await;
        }
        8 => {
            told.guard(&bench, Some(format!("Bearer {access}x")), None).await;
            told.guard(&bench, Some(format!("Basic {password}")), None).await;
            told.guard(&bench, None, Some(format!("access_token={access}; access_token={refresh}"))).await;
            told.guard(&bench, None, Some(format!("refresh_token={refresh}"))).await;
        }
        _ => {
            let cookie = format!("refresh_token={refresh}");
            let next = told.send(&bench, "POST", "/refresh", &[("cookie", &cookie)], json!({})).await;
            let cookie = format!("refresh_token={}", next.cookie("refresh_token").unwrap());
            told.send(&bench, "POST", "/logout", &[("cookie", &cookie)], json!({})).await;
            told.send(&bench, "POST", "/refresh", &[("cookie", &cookie)], json!({})).await;
            told.guard(&bench, Some(bearer), None).await;
        }
    }
    Flow { lines: told.lines, shown: told.shown, secrets: told.secrets }
}

#[derive(Default)]
struct Told {
    /// An address of its own, so that no flow uses up the attempts of another.
    ip: String,
    lines: Vec<String>,
    shown: String,
    secrets: Vec<String>,
}

impl Told {
    async fn send(&mut self, bench: &Bench, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut request = Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() };
        request.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        request.body = Body::Raw(body.to_string().into_bytes());
        self.serve(bench, request).await
    }

    async fn raw(&mut self, bench: &Bench, text: String) {
        for body in [Body::Raw(text.clone().into_bytes()), Body::Parsed(text)] {
            let request = Request { method: "POST".into(), path: "/login".into(), body, ..Request::default() };
            assert_eq!(self.serve(bench, request).await.status, 400);
        }
    }

    async fn serve(&mut self, bench: &Bench, mut request: Request) -> Answer {
        request.client_ip = Some(self.ip.clone());
        self.shown += &format!("{request:?}\n");
        let answer = Answer::from(bench.server.handle(request).await);
        // An answer that is a success is for its user; a refusal is for anybody.
        if answer.status >= 400 {
            self.shown += &answer.body.to_string();
        }
        self.shown += &format!("{:?}\n", answer.handled);
        self.lines.extend(answer.events.iter().map(Value::to_string));
        answer
    }

    async fn guard(&mut self, bench: &Bench, authorization: Option<String>, cookie: Option<String>) {
        let request = GuardRequest { method: "GET".to_owned(), authorization, cookie, ..GuardRequest::default() };
        let guarded = bench.server.guard(&request).await;
        self.shown += &format!("{request:?} {guarded:?}\n");
        self.lines.extend(guarded.events.iter().map(|event| event.to_log_entry("sentri", None).to_string()));
    }
}

/// Cheap hashes are made in tests alone.
#[tokio::test]
async fn the_cost_of_a_hash_is_that_of_the_options_but_for_tests() {
    let clock = || Host { clock: Arc::new(TestClock::at(START)), ..Host::default() };
    let production = json!({ "production": true });
    for (more, host, cost) in [
        (json!({}), clock(), "$2b$04$"),
        (json!({ "saltRounds": 10 }), clock(), "$2b$10$"),
        (production.clone(), clock(), "$2b$12$"),
        (json!({}), Host::default(), "$2b$12$"),
        (production, Host::default(), "$2b$12$"),
    ] {
        let own = Own::new(Database::SqliteFile).await;
        let server = AuthServer::new(&options(&own.option, more.clone()), host).unwrap();
        server.migrate().await.unwrap();
        let input = json!({ "identifiers": [{ "type": "username", "value": "anna" }], "password": PASSWORD });
        let registered = server.call("register", json!([input])).await.unwrap();
        let user_id = registered["user"]["id"].as_str().unwrap();
        let credential = store_at(&own.option).credential_of(user_id).await.unwrap().unwrap();
        let hash = credential.password_hash.unwrap();
        assert!(hash.expose().starts_with(cost), "{more} {}", &hash.expose()[..7]);
        server.close().await;
        own.drop().await;
    }
}
