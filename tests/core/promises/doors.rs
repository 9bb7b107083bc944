//! P66, one door: whichever way leads to a session or a token, it is worth what was proved. A way is a row of [`DOORS`]
//! with the level of what it gives to a user without a second factor and to one with an app; each is tried by users
//! with and without a role of `mfa.requiredFor`.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sentri_core::clock::Clock as _;
use sentri_core::factor::{base32, totp};
use sentri_core::failure::Failure;
use sentri_core::hook::{Operation, Overrides};
use sentri_core::http::decision::Admitted;
use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};

use crate::support::{Answer, Bench, Login, PASSWORD};

const LATER: &str = "a new password";
const KEY: &str = "an API key that nobody guesses";

/// A way that could lead to a session or a token.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Door {
    Password,
    AppCode,
    RecoveryCode,
    CodeWithoutPassword,
    SentCode,
    SentCodeAndApp,
    Reset,
    Confirmation,
    Invitation,
    Setup,
    Refresh,
    SilentRefresh,
    PasswordAgain,
    CodeAgain,
    StrongRefresh,
    StrongSilentRefresh,
    WordOfTheHost,
    WordOfTheHostInATransaction,
    SignedForTheSession,
    SignedForTheUser,
    OverrideWithNext,
    OverrideWithItsWord,
}

/// The result of a way: nothing, or a token of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Worth {
    Nothing,
    Weak,
    Strong,
}
use Worth::{Nothing, Strong, Weak};

/// Each way with what it gives to a user without a second factor, and to a user with one.
const DOORS: &[(Door, Worth, Worth)] = &[
    (Door::Password, Weak, Nothing),
    (Door::AppCode, Nothing, Strong),
    (Door::RecoveryCode, Nothing, Strong),
    (Door::CodeWithoutPassword, Nothing, Nothing),
    (Door::SentCode, Weak, Nothing),
    // A message is no factor beside the app (NIST SP 800-63B-4, 3.1.3.1).
    (Door::SentCodeAndApp, Nothing, Weak),
    (Door::Reset, Nothing, Nothing),
    (Door::Confirmation, Nothing, Nothing),
    (Door::Invitation, Nothing, Nothing),
    (Door::Setup, Nothing, Nothing),
    (Door::Refresh, Weak, Weak),
    (Door::SilentRefresh, Weak, Weak),
    (Door::PasswordAgain, Weak, Weak),
    (Door::CodeAgain, Nothing, Strong),
    (Door::StrongRefresh, Nothing, Strong),
    (Door::StrongSilentRefresh, Nothing, Strong),
    (Door::WordOfTheHost, Weak, Weak),
    (Door::WordOfTheHostInATransaction, Nothing, Nothing),
    (Door::SignedForTheSession, Weak, Weak),
    (Door::SignedForTheUser, Weak, Weak),
    (Door::OverrideWithNext, Weak, Nothing),
    (Door::OverrideWithItsWord, Weak, Weak),
];

fn options() -> Value {
    let page = |name: &str| format!("https://app.example.com/{name}");
    json!({
        "mfa": { "totp": { "issuer": "Example" }, "requiredFor": ["admin"] },
        "encryptionKey": "CANARY-key-of-32-bytes-for-factors",
        "messages": { "send": "[function]", "links": { "reset": page("r"), "verify": page("v"), "invite": page("i") } },
        "verification": {},
        "loginCode": true,
        "administration": true,
        "setup": true,
        "apiKey": KEY,
    })
}

/// A login by code of the application: by `next()`, or by `createSession()` of its own.
struct Own {
    asks_next: bool,
    server: OnceLock<AuthServer>,
}

#[async_trait]
impl Overrides for Own {
    fn has(&self, operation: Operation) -> bool {
        operation == Operation::Login
    }

    async fn call(&self, _: Operation, input: Value, context: Value) -> Result<Value, Failure> {
        let server = self.server.get().unwrap();
        if self.asks_next {
            return Ok(server.run_builtin("login", input, context).await?);
        }
        let user = server.call("findUser", json!([input["identifier"]])).await?;
        Ok(server.call("createSession", json!([user["id"]])).await?)
    }
}

async fn overridden(db: &Value, asks_next: bool, now: i64) -> Bench {
    let overrides = Arc::new(Own { asks_next, server: OnceLock::new() });
    let host = Host { overrides: Some(Arc::<Own>::clone(&overrides)), ..Host::default() };
    let mut options = options();
    options["router"] = json!({ "login": "[function]" });
    let bench = Bench::with_host(db, options, host).await;
    bench.clock.set(now);
    assert!(overrides.server.set(bench.server.clone()).is_ok());
    bench
}

/// A user with a session that the password opened before there was a second factor.
struct Visitor<'a> {
    db: &'a Value,
    bench: &'a Bench,
    address: String,
    session: Login,
    session_id: String,
    app: Option<(Vec<u8>, Vec<String>)>,
}

impl<'a> Visitor<'a> {
    async fn new(db: &'a Value, bench: &'a Bench, address: String, roles: &[&str], has_app: bool) -> Self {
        let identifiers = json!([{ "type": "email", "value": address }]);
        let registered = bench
            .server
            .call("register", json!([{ "identifiers": identifiers, "password": PASSWORD, "roles": roles }]));
        assert_eq!(registered.await.unwrap()["success"], true);
        let session = bench.login(&address).await;
        let session_id = payload(&session.access)["sessionId"].as_str().unwrap().to_owned();
        let mut visitor = Self { db, bench, address, session, session_id, app: None };
        visitor.prove_address().await;
        if has_app {
            visitor.app = Some(visitor.enrol().await);
        }
        visitor
    }

    async fn ask(&self, method: &str, path: &str, access: &str, body: Option<Value>) -> Answer {
        self.bench.request(method, path, &[("authorization", &format!("Bearer {access}"))], body).await
    }

    async fn own(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, &self.session.access, Some(body)).await
    }

    /// A verified address, so that no proof of control takes the account over.
    async fn prove_address(&self) {
        let me = self.bench.me(&self.session.access).await;
        let id = me.body["data"]["identifiers"][0]["id"].as_str().unwrap();
        let asked = self.own(&format!("/me/identifiers/{id}/verify"), json!({})).await;
        let token = &asked.handled.messages[0].to_json()["token"];
        let confirmed = self.own("/identifiers/confirm", json!({ "token": token })).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    }

    async fn enrol(&self) -> (Vec<u8>, Vec<String>) {
        let app = self.own("/me/factors/totp", json!({})).await;
        let secret = base32::decode(app.body["data"]["secret"].as_str().unwrap()).unwrap();
        let body = json!({ "id": app.body["data"]["id"], "code": self.code_of(&secret) });
        let confirmed = self.own("/me/factors/totp/confirm", body).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        self.bench.clock.advance(60_000);
        (secret, serde_json::from_value(confirmed.body["data"]["recoveryCodes"].clone()).unwrap())
    }

    fn code_of(&self, secret: &[u8]) -> String {
        totp::code_at(secret, totp::step_at(self.bench.clock.now()))
    }

    /// The code of the app; of a user who has none, one of nobody's.
    fn code(&self) -> String {
        self.app.as_ref().map_or_else(|| "123456".to_owned(), |(secret, _)| self.code_of(secret))
    }

    /// The second step of a login by `method`, after the password.
    async fn second_step(&self, method: &str, code: String) -> Answer {
        let first = self.bench.login_with(&self.address, PASSWORD).await;
        let flow = first.body["data"]["flow"].as_str().unwrap_or("none").to_owned();
        self.bench.post("/login/mfa", json!({ "flow": flow, "method": method, "code": code })).await
    }

    async fn message(&self, path: &str, address: &str) -> Value {
        self.bench.clock.advance(61_000);
        let asked = self.bench.post(path, json!({ "identifier": address })).await;
        let sent = asked.handled.messages.first().unwrap_or_else(|| panic!("{path}: {}", asked.body));
        json!({ "token": sent.to_json()["token"] })
    }

    /// A login by the code of a message.
    async fn sent_code(&self) -> Answer {
        let asked = self.bench.post("/login/code", json!({ "identifier": self.address })).await;
        let code = &asked.handled.messages[0].to_json()["code"];
        self.bench.post("/login/code/verify", json!({ "flow": asked.body["data"]["flow"], "code": code })).await
    }

    /// A strong session's refresh token, of a user who can have one.
    async fn strong(&self) -> String {
        let again = self.own("/me/reauthenticate", json!({ "method": "totp", "code": self.code() })).await;
        again.cookie("refresh_token").unwrap_or_else(|| "none".to_owned())
    }

    async fn silent(&self, refresh: &str) -> Vec<String> {
        let cookie = format!("refresh_token={refresh}");
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        tokens_of(&self.bench.request("GET", "/me", &headers, None).await)
    }

    /// Goes through a door: the access tokens that it gives.
    async fn go(&self, door: Door) -> Vec<String> {
        let (bench, user) = (self.bench, self.session.user_id.as_str());
        let answer = match door {
            Door::Password => bench.login_with(&self.address, PASSWORD).await,
            Door::AppCode => self.second_step("totp", self.code()).await,
            Door::RecoveryCode => {
                let code = self.app.as_ref().map_or("AAAAAA-AAAAAA-AAAAAA-AAAAAA", |(_, codes)| &codes[0]);
                self.second_step("recovery", code.to_owned()).await
            }
            Door::CodeWithoutPassword => {
                let flow = self.message("/password/forgot", &self.address).await;
                let body = json!({ "flow": flow["token"], "method": "totp", "code": self.code() });
                bench.post("/login/mfa", body).await
            }
            Door::SentCode => self.sent_code().await,
            Door::SentCodeAndApp => {
                let first = self.sent_code().await;
                let flow = first.body["data"]["flow"].as_str().unwrap_or("none");
                bench.post("/login/mfa", json!({ "flow": flow, "method": "totp", "code": self.code() })).await
            }
            Door::Reset => {
                let mut body = self.message("/password/forgot", &self.address).await;
                body["newPassword"] = LATER.into();
                bench.post("/password/reset", body).await
            }
            Door::Confirmation => {
                // A further address, since there is no message about one that is verified.
                let other = format!("other-{}", self.address);
                let new = json!([user, [{ "type": "email", "value": other }]]);
                assert_eq!(bench.server.call("bulkCreateIdentifiers", new).await.unwrap()["success"], true);
                let mut body = self.message("/identifiers/verify", &other).await;
                body["password"] = PASSWORD.into();
                bench.post("/identifiers/confirm", body).await
            }
            Door::Invitation => self.invitation().await,
            Door::Setup => setup().await,
            Door::Refresh => bench.refresh(&self.session.refresh).await,
            Door::SilentRefresh => return self.silent(&self.session.refresh).await,
            Door::PasswordAgain => self.own("/me/reauthenticate", json!({ "password": PASSWORD })).await,
            Door::CodeAgain => self.own("/me/reauthenticate", json!({ "method": "totp", "code": self.code() })).await,
            Door::StrongRefresh => bench.refresh(&self.strong().await).await,
            Door::StrongSilentRefresh => return self.silent(&self.strong().await).await,
            Door::WordOfTheHost => {
                let session = bench.server.call("createSession", json!([user])).await.unwrap();
                return vec![text(&session["accessToken"])];
            }
            Door::WordOfTheHostInATransaction => {
                assert!(bench.server.call_within(Some(1), "createSession", json!([user])).await.is_err());
                return Vec::new();
            }
            Door::SignedForTheSession => {
                let roles = ["user", "admin", "editor"];
                let claims = json!({ "id": user, "roles": roles, "sessionId": self.session_id });
                return vec![bench.server.sign_access_token(&claims).unwrap()];
            }
            Door::SignedForTheUser => {
                let me = bench.server.call("getUser", json!([user])).await.unwrap();
                let claims = json!({ "id": user, "roles": me["roles"] });
                return vec![bench.server.sign_access_token(&claims).unwrap()];
            }
            Door::OverrideWithNext | Door::OverrideWithItsWord => {
                let asks_next = door == Door::OverrideWithNext;
                let other = overridden(self.db, asks_next, bench.clock.now()).await;
                other.login_with(&self.address, PASSWORD).await
            }
        };
        tokens_of(&answer)
    }

    /// Somebody is invited with the same roles, and sets a password.
    async fn invitation(&self) -> Answer {
        let me = self.bench.server.call("getUser", json!([self.session.user_id])).await.unwrap();
        let identifiers = json!([{ "type": "email", "value": format!("invited-{}", self.address) }]);
        let body = json!({ "identifiers": identifiers, "roles": me["roles"] });
        let invited = self.bench.request("POST", "/users", &[("x-api-key", KEY)], Some(body)).await;
        assert_eq!(invited.status, 201, "{}", invited.body);
        let token = &invited.handled.messages[0].to_json()["token"];
        let set = self.bench.post("/password/reset", json!({ "token": token, "newPassword": LATER })).await;
        assert_eq!(set.status, 200, "{}", set.body);
        set
    }

    /// A token may do as much as its level says.
    async fn judge(&self, door: Door, access: &str, worth: Worth, has_role: bool) {
        let what = format!("{door:?} by {}", self.address);
        let (is_strong, claims) = (worth == Strong, payload(access));
        assert_eq!(claims["acr"] == "aal2", is_strong, "{what}: {claims}");
        let names = |value: &Value, role: &str| value.as_array().is_some_and(|roles| roles.contains(&role.into()));
        let in_effect = has_role && is_strong;
        assert!(names(&claims["roles"], "user"), "{what}: {claims}");
        assert_eq!(names(&claims["roles"], "admin"), in_effect, "{what}: {claims}");
        // The application may say what it likes of roles; the session knows better.
        let says_more = door == Door::SignedForTheSession;
        assert_eq!(names(&claims["withheld"], "admin"), (has_role || says_more) && !is_strong, "{what}: {claims}");

        let guarded = self.bench.guard(access).await;
        let principal = guarded.result.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(principal.roles.iter().any(|role| role == "admin"), in_effect, "{what}");
        let verified = self.bench.server.verify_access_token(access).unwrap();
        assert_eq!(verified.roles.iter().any(|role| role == "admin"), in_effect, "{what}");
        let (status, code) = match (has_role, is_strong) {
            (true, true) => (200, ""),
            (true, false) => (401, "STEP_UP_REQUIRED"),
            (false, _) => (403, "FORBIDDEN"),
        };
        let decision = self.bench.server.authorize(Some(Admitted::from(&principal)), &["admin".to_owned()]);
        let refusal = decision.error.map_or(String::new(), |error| error.code.to_string());
        assert_eq!(refusal, code, "{what}: authorize()");
        let users = self.ask("GET", "/users", access, None).await;
        assert_eq!((users.status, users.code()), (status, code), "{what}: {}", users.body);
        let me = self.bench.me(access).await;
        assert_eq!(names(&me.body["data"]["roles"], "admin"), in_effect, "{what}: {}", me.body);
    }
}

/// The first admin is made on a server of its own, since there is one already elsewhere.
async fn setup() -> Answer {
    let bench = Bench::new(&json!("sqlite::memory:"), options()).await;
    let token = bench.server.call("beginSetup", json!([])).await.unwrap()["token"].clone();
    let identifiers = json!([{ "type": "username", "value": "root" }]);
    let made = bench.post("/setup", json!({ "token": token, "identifiers": identifiers, "password": PASSWORD })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn payload(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Every access token in an answer. One that hands out none sets no cookie of a session either.
fn tokens_of(answer: &Answer) -> Vec<String> {
    let body = answer.body["data"]["accessToken"].as_str().map(str::to_owned);
    let header = answer.header("x-access-token").map(str::to_owned);
    let found: Vec<String> = body.into_iter().chain(header).collect();
    assert!(!found.is_empty() || answer.cookie("refresh_token").is_none_or(|token| token.is_empty()), "{answer:?}");
    found
}

/// Every way, by users with and without a second factor, with and without a role that wants one.
pub async fn one_door(db: &Value) {
    let mut bench = Bench::new(db, options()).await;
    let mut visitors = 0;
    for (number, (door, without, with)) in DOORS.iter().enumerate() {
        for (has_app, worth) in [(false, *without), (true, *with)] {
            for (has_role, roles) in [(false, &["user"][..]), (true, &["user", "admin"])] {
                let kind =
                    format!("{}-{}", if has_app { "app" } else { "none" }, if has_role { "role" } else { "plain" });
                let address = format!("{number}-{kind}@example.com");
                // Messages have a limit by the address that asks.
                visitors += 1;
                bench.address = format!("203.0.113.{visitors}");
                let visitor = Visitor::new(db, &bench, address, roles, has_app).await;
                let tokens = visitor.go(*door).await;
                assert_eq!(tokens.is_empty(), worth == Nothing, "{door:?} for {kind}");
                for access in tokens {
                    visitor.judge(*door, &access, worth, has_role).await;
                }
            }
        }
    }
}

/// Sessions and tokens of before the option have the role no more, from the first request to a server that has it.
pub async fn roles_wait_once_the_option_is_on(db: &Value) {
    let mut before = options();
    before["mfa"] = "[absent]".into();
    before["administration"] = "[absent]".into();
    let old = Bench::new(db, before).await;
    let identifiers = json!([{ "type": "email", "value": "boss@example.com" }]);
    let new = json!([{ "identifiers": identifiers, "password": PASSWORD, "roles": ["user", "admin"] }]);
    assert_eq!(old.server.call("register", new).await.unwrap()["success"], true);
    let session = old.login("boss@example.com").await;
    let signed = old.server.sign_access_token(&json!({ "id": "a service", "roles": ["admin"] })).unwrap();
    assert_eq!(payload(&session.access)["roles"], json!(["user", "admin"]));

    let now = Bench::new(db, options()).await;
    let ask = async |access: &str, path: &str| {
        now.request("GET", path, &[("authorization", &format!("Bearer {access}"))], None).await
    };
    for access in [&session.access, &signed] {
        assert!(!now.guard(access).await.result.unwrap().roles.contains(&"admin".to_owned()));
        assert!(!now.server.verify_access_token(access).unwrap().roles.contains(&"admin".to_owned()));
        let refused = ask(access, "/users").await;
        assert_eq!((refused.status, refused.code()), (401, "STEP_UP_REQUIRED"), "{}", refused.body);
    }
    let refreshed = now.refresh(&session.refresh).await.into_login();
    assert_eq!(payload(&refreshed.access)["withheld"], json!(["admin"]));
    assert_eq!(ask(&refreshed.access, "/users").await.code(), "STEP_UP_REQUIRED");
}
