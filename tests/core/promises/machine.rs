//! P53: whatever happens in whatever order, the server answers as a small model of it does.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sentri_core::clock::Clock as _;
use sentri_core::factor::{base32, totp};
use serde_json::{Value, json};

use crate::model::{AccessToken, Expected, HOUR, MINUTE, Model, OK, Proof, RefreshToken, SECOND, SENT, Secret, Tokens};
use crate::support::{Answer, Bench, Database, Own, rounds};

/// The next event. A token or a flow is chosen among all that were ever handed out, the latest ones first.
#[derive(Debug, Clone)]
enum Event {
    Login { is_right: bool },
    Refresh(Index),
    Silent(Index),
    Protect(Index),
    Logout(Index),
    LogoutAll(Index),
    ChangePassword(Index, bool),
    Enrol(Index),
    RemoveFactor(Index),
    FinishLogin(Index, Proof),
    Reauthenticate(Index, Proof),
    Forgot,
    Reset(Index, Secret),
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let code = || {
        prop_oneof![
            4 => Just(Proof::Totp),
            1 => Just(Proof::WrongTotp),
            2 => (0..CODES + 1).prop_map(Proof::Recovery),
        ]
    };
    let proof = prop_oneof![3 => Just(Proof::Password), 1 => Just(Proof::WrongPassword), 5 => code()];
    let secret = prop_oneof![Just(Secret::Link), Just(Secret::Code), Just(Secret::WrongCode)];
    let wait = prop_oneof![
        4 => 1..12 * SECOND,
        4 => 12 * SECOND..2 * MINUTE,
        4 => 2 * MINUTE..16 * MINUTE,
        1 => 16 * MINUTE..3 * HOUR,
    ];
    prop_oneof![
        4 => prop::bool::weighted(0.9).prop_map(|is_right| Event::Login { is_right }),
        8 => any::<Index>().prop_map(Event::Refresh),
        3 => any::<Index>().prop_map(Event::Silent),
        8 => any::<Index>().prop_map(Event::Protect),
        1 => any::<Index>().prop_map(Event::Logout),
        1 => any::<Index>().prop_map(Event::LogoutAll),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(at, is_right)| Event::ChangePassword(at, is_right)),
        3 => any::<Index>().prop_map(Event::Enrol),
        1 => any::<Index>().prop_map(Event::RemoveFactor),
        6 => (any::<Index>(), code()).prop_map(|(at, proof)| Event::FinishLogin(at, proof)),
        4 => (any::<Index>(), proof).prop_map(|(at, proof)| Event::Reauthenticate(at, proof)),
        2 => Just(Event::Forgot),
        2 => (any::<Index>(), secret).prop_map(|(at, secret)| Event::Reset(at, secret)),
        9 => wait.prop_map(|length| Event::Wait(length / SECOND * SECOND)),
    ]
}

/// Recovery codes of a user.
const CODES: usize = 3;

fn options() -> Value {
    json!({
        "mfa": { "totp": { "issuer": "Example" }, "recoveryCodes": CODES },
        "encryptionKey": "a-key-of-32-bytes-for-factors-of-a-model",
        "messages": { "send": "[function]", "links": { "reset": "https://app.example.com/reset" } },
        "verification": {},
        "refreshExpiresIn": "2h",
        "sessionMaxAge": "5h",
    })
}

/// A flow as its client knows it; the secrets of a message are missing where none was sent.
struct Begun {
    flow: Value,
    code: Value,
    token: Value,
}

/// A user of the server, and the model of them.
struct World<'a> {
    bench: &'a Bench,
    model: Model,
    email: String,
    passwords: u32,
    secret: Vec<u8>,
    recovery: Vec<Value>,
    refresh: Vec<(String, RefreshToken)>,
    access: Vec<(String, AccessToken)>,
    flows: Vec<Begun>,
}

/// The latest are chosen more often.
fn choose<'v, T>(all: &'v [T], index: &Index) -> Option<(usize, &'v T)> {
    let latest = all.len().min(4);
    let at = match index.index(3) {
        0 => all.len().checked_sub(1)?,
        1 => all.len() - latest + index.index(latest.max(1)),
        _ => index.index(all.len().max(1)),
    };
    Some((at, all.get(at)?))
}

impl<'a> World<'a> {
    async fn new(bench: &'a Bench, number: u64) -> Self {
        let email = format!("u{number}@example.com");
        let mut world = Self {
            bench,
            model: Model::at(bench.clock.now()),
            email,
            passwords: 0,
            secret: Vec::new(),
            recovery: Vec::new(),
            refresh: Vec::new(),
            access: Vec::new(),
            flows: Vec::new(),
        };
        let identifiers = json!([{ "type": "email", "value": world.email }]);
        let body = json!({ "identifiers": identifiers, "password": world.password() });
        let answer = world.bench.post("/register", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        world.apply(&Event::Login { is_right: true }).await.unwrap();
        world
    }

    fn password(&self) -> String {
        format!("correct horse {}", self.passwords)
    }

    fn presented(&self, proof: Proof) -> Value {
        let step = totp::step_at(self.model.now);
        match proof {
            Proof::Password => json!({ "password": self.password() }),
            Proof::WrongPassword => json!({ "password": "wrong horse" }),
            Proof::Totp => json!({ "method": "totp", "code": totp::code_at(&self.secret, step) }),
            Proof::WrongTotp => json!({ "method": "totp", "code": totp::code_at(&self.secret, step + 1000) }),
            Proof::Recovery(at) => {
                let none = json!("AAAAAA-AAAAAA-AAAAAA-AAAAAA");
                json!({ "method": "recovery", "code": self.recovery.get(at).unwrap_or(&none) })
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, access: &str, body: Option<Value>) -> Answer {
        self.bench.request(method, path, &[("authorization", &format!("Bearer {access}"))], body).await
    }

    /// Keeps the tokens of an answer, if the model expects some.
    fn keep(&mut self, answer: &Answer, tokens: Option<Tokens>) {
        let Some((refresh, access)) = tokens else { return };
        self.refresh.push((answer.cookie("refresh_token").expect("a refresh token"), refresh));
        let text = answer.body["data"]["accessToken"].as_str().expect("an access token");
        self.access.push((text.to_owned(), access));
    }

    /// Lets an event happen in both.
    async fn apply(&mut self, event: &Event) -> Result<(), TestCaseError> {
        let (answer, expected) = match event {
            Event::Wait(length) => {
                self.model.now += length;
                self.bench.clock.set(self.model.now);
                return Ok(());
            }
            Event::Login { is_right } => self.login(*is_right).await,
            Event::Refresh(index) => {
                let Some((_, (text, token))) = choose(&self.refresh, index) else { return Ok(()) };
                let (answer, (expected, tokens)) = (self.bench.refresh(text).await, self.model.refresh(*token, false));
                if answer.status == 200 {
                    self.keep(&answer, tokens);
                }
                (answer, expected)
            }
            Event::Silent(index) => {
                let Some((_, (text, token))) = choose(&self.refresh, index) else { return Ok(()) };
                let cookie = format!("refresh_token={text}");
                let answer = self.bench.request("GET", "/me", &[("cookie", &cookie)], None).await;
                (answer, self.model.refresh(*token, true).0)
            }
            Event::Logout(index) => {
                let Some((_, (text, token))) = choose(&self.refresh, index) else { return Ok(()) };
                let cookie = format!("refresh_token={text}");
                (self.bench.request("POST", "/logout", &[("cookie", &cookie)], None).await, self.model.logout(*token))
            }
            Event::Forgot => self.forgot().await,
            Event::FinishLogin(index, proof) => {
                let Some((at, begun)) = choose(&self.flows, index) else { return Ok(()) };
                let mut body = self.presented(*proof);
                body["flow"] = begun.flow.clone();
                let answer = self.bench.post("/login/mfa", body).await;
                let (expected, tokens) = self.model.finish_login(at, *proof);
                if answer.status == 200 {
                    self.keep(&answer, tokens);
                }
                (answer, expected)
            }
            Event::Reset(index, by) => {
                let Some((at, _)) = choose(&self.flows, index) else { return Ok(()) };
                self.reset(at, *by).await
            }
            Event::Protect(index)
            | Event::LogoutAll(index)
            | Event::ChangePassword(index, _)
            | Event::Enrol(index)
            | Event::RemoveFactor(index)
            | Event::Reauthenticate(index, _) => {
                let Some((_, (text, token))) = choose(&self.access, index) else { return Ok(()) };
                let (text, token) = (text.clone(), *token);
                self.in_session(event, &text, token).await
            }
        };
        let seen = (answer.status, answer.code());
        prop_assert_eq!(seen, expected, "{:?}: {} {:?}", event, answer.body, self.model);
        Ok(())
    }

    async fn login(&mut self, is_right: bool) -> (Answer, Expected) {
        let password = if is_right { self.password() } else { "wrong horse".to_owned() };
        let answer = self.bench.login_with(&self.email, &password).await;
        let (expected, tokens) = self.model.login(is_right);
        if answer.status == 200 {
            self.keep(&answer, tokens);
        } else if answer.code() == "MFA_REQUIRED" {
            let flow = answer.body["data"]["flow"].clone();
            self.flows.push(Begun { flow, code: Value::Null, token: Value::Null });
        }
        (answer, expected)
    }

    async fn forgot(&mut self) -> (Answer, Expected) {
        let answer = self.bench.post("/password/forgot", json!({ "identifier": self.email })).await;
        let is_sent = self.model.forgot();
        assert_eq!(answer.handled.messages.len(), usize::from(is_sent), "messages: {:?}", self.model);
        if let Some(message) = answer.handled.messages.first().map(|message| message.to_json()) {
            let flow = answer.body["data"]["flow"].clone();
            self.flows.push(Begun { flow, code: message["code"].clone(), token: message["token"].clone() });
        }
        (answer, SENT)
    }

    async fn reset(&mut self, at: usize, by: Secret) -> (Answer, Expected) {
        let Begun { flow, code, token } = &self.flows[at];
        let new = format!("correct horse {}", self.passwords + 1);
        let wrong = if *code == json!("000000") { "111111" } else { "000000" };
        let code = code.as_str().unwrap_or("222222");
        let token = token.as_str().unwrap_or("no token at all, but as long as one is");
        let body = match by {
            Secret::Link => json!({ "token": token, "newPassword": new }),
            Secret::Code => json!({ "flow": flow, "code": code, "newPassword": new }),
            Secret::WrongCode => json!({ "flow": flow, "code": wrong, "newPassword": new }),
        };
        let answer = self.bench.post("/password/reset", body).await;
        self.passwords += u32::from(answer.status == 200);
        (answer, self.model.reset(at, by))
    }

    async fn in_session(&mut self, event: &Event, text: &str, token: AccessToken) -> (Answer, Expected) {
        match event {
            Event::LogoutAll(_) => (self.ask("POST", "/logout-all", text, None).await, self.model.logout_all(token)),
            Event::ChangePassword(_, is_right) => {
                let new = format!("correct horse {}", self.passwords + 1);
                let current = if *is_right { self.password() } else { "wrong horse".to_owned() };
                let body = json!({ "currentPassword": current, "newPassword": new });
                let answer = self.ask("PATCH", "/me/password", text, Some(body)).await;
                self.passwords += u32::from(answer.status == 200);
                (answer, self.model.change_password(token, *is_right))
            }
            Event::Enrol(_) if !self.model.has_factor() => self.enrol(text, token).await,
            Event::RemoveFactor(_) if self.model.has_factor() => {
                let listed = self.ask("GET", "/me/factors", text, None).await;
                let id = listed.body["data"]["factors"][0]["id"].as_str().unwrap_or("none").to_owned();
                let answer = self.ask("DELETE", &format!("/me/factors/{id}"), text, None).await;
                (answer, self.model.remove_factor(token))
            }
            Event::Reauthenticate(_, proof) => {
                let answer = self.ask("POST", "/me/reauthenticate", text, Some(self.presented(*proof))).await;
                let (expected, tokens) = self.model.reauthenticate(token, *proof);
                if answer.status == 200 {
                    self.keep(&answer, tokens);
                }
                (answer, expected)
            }
            _ => (self.ask("GET", "/me", text, None).await, self.model.protect(token)),
        }
    }

    async fn enrol(&mut self, text: &str, token: AccessToken) -> (Answer, Expected) {
        let pending = self.ask("POST", "/me/factors/totp", text, Some(json!({}))).await;
        let expected = self.model.enrol(token, CODES);
        if expected != OK || pending.status != 201 {
            return (pending, expected);
        }
        self.secret = base32::decode(pending.body["data"]["secret"].as_str().unwrap()).unwrap();
        let mut body = self.presented(Proof::Totp);
        body["id"] = pending.body["data"]["id"].clone();
        let answer = self.ask("POST", "/me/factors/totp/confirm", text, Some(body)).await;
        self.recovery = answer.body["data"]["recoveryCodes"].as_array().cloned().unwrap_or_default();
        (answer, expected)
    }
}

/// Runs sequences of events, each with a user of its own.
fn hold(kind: Database, sequences: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let own = runtime.block_on(Own::new(kind));
    let mut bench = runtime.block_on(Bench::new(&own.option, options()));
    let mut number = 0_u64;
    let cell = std::cell::RefCell::new((&mut bench, &mut number));
    let config = Config {
        cases: u32::try_from(sequences).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&prop::collection::vec(event(), 10..40), |events| {
        let mut cell = cell.borrow_mut();
        *cell.1 += 1;
        let number = *cell.1;
        // An address of their own, since an address may ask for so many messages alone.
        cell.0.address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
        let bench = &*cell.0;
        runtime.block_on(async {
            let mut world = World::new(bench, number).await;
            for event in &events {
                world.apply(event).await?;
            }
            Ok(())
        })
    });
    runtime.block_on(own.drop());
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn p53_soak_the_server_does_as_its_model_in_memory() {
    hold(Database::Memory, rounds(300, 20_000));
}

#[test]
fn p53_soak_the_server_does_as_its_model_on_sqlite() {
    hold(Database::SqliteFile, rounds(60, 2_000));
}

#[test]
fn p53_soak_the_server_does_as_its_model_on_postgres() {
    hold(Database::Postgres, rounds(60, 2_000));
}
