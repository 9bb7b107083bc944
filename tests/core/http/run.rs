//! Holds one conversation: every step is a request or a programmatic call, with what must come of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use sentri_core::assurance::Assurance;
use sentri_core::audit::{KEPT_FOR, Part};
use sentri_core::clock::{Clock as _, TestClock};
use sentri_core::event::{Event, EventName};
use sentri_core::failure::Failure;
use sentri_core::hook::{Notice, RevocationCheck};
use sentri_core::http::decision::Admitted;
use sentri_core::http::guard::{GuardRequest, Principal, ProtectResult};
use sentri_core::http::{Body, Handled, MAX_BODY, Request, Response};
use sentri_core::message::Message;
use sentri_core::server::{Decision, PermitVerdict};
use sentri_core::{AuthServer, Error, ErrorCode, Host};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::conversation::{Action, Conversation, Step};
use crate::pattern::Variables;
use crate::support::{Own, PASSWORD};

const HOST: &str = "127.0.0.1:3000";
const IP: &str = "203.0.113.7";
const USER_AGENT: &str = "golden/1";

/// Holds the conversation over an empty database; says which step went otherwise, and how.
pub async fn hold(conversation: &Conversation, own: &Own) -> Result<(), String> {
    let mut talk = Talk::begin(conversation, own).await?;
    let result = talk.run(conversation).await;
    talk.server.close().await;
    result
}

/// Holds the conversation with the audit on, and looks that it has what the log tells of changes.
pub async fn hold_audited(conversation: &Conversation, own: &Own) -> Result<Vec<EventName>, String> {
    let mut conversation = conversation.clone();
    conversation.options.entry("audit").or_insert_with(|| "changes".into());
    let mut talk = Talk::begin(&conversation, own).await?;
    let result = match talk.run(&conversation).await {
        Ok(()) => talk.compare_audit(&conversation).await,
        Err(wrong) => Err(wrong),
    };
    talk.server.close().await;
    result
}

/// Status, body and headers of an answer.
type Seen = (u16, String, Vec<(String, String)>);

struct Talk {
    server: AuthServer,
    clock: Arc<TestClock>,
    revoked: Arc<Revoked>,
    variables: Variables,
    /// Whether the mail server refuses what it gets.
    refuses_mail: bool,
    jars: HashMap<String, Jar>,
    answers: HashMap<String, Seen>,
    /// Entries of the log.
    told: Vec<Value>,
}

/// A browser's cookies: name and place to value and the instant of their end.
type Jar = BTreeMap<(String, String), (String, i64)>;

/// The host's `isTokenRevoked`: a list of session ids, or `"throws"`.
#[derive(Default)]
struct Revoked(Mutex<Value>);

#[async_trait]
impl RevocationCheck for Revoked {
    async fn is_revoked(&self, session_id: &str) -> Result<bool, Failure> {
        match &*self.0.lock() {
            Value::Array(ids) => Ok(ids.iter().any(|id| id == session_id)),
            Value::Null => Ok(false),
            _ => Err(ErrorCode::InternalError.into()),
        }
    }
}

/// A request as the wire has it.
#[derive(Clone)]
struct Sent {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
    ip: String,
}

impl Sent {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }
}

struct Answer {
    response: Response,
    events: Vec<Value>,
    hooks: Vec<Value>,
    messages: Vec<Value>,
}

impl Talk {
    async fn begin(conversation: &Conversation, own: &Own) -> Result<Self, String> {
        let clock = Arc::new(TestClock::at(conversation.clock));
        let revoked = Arc::new(Revoked::default());
        let mut options = conversation.options.clone();
        options.insert("db".to_owned(), own.option.clone());
        let host = Host {
            clock: Arc::<TestClock>::clone(&clock),
            revocation: options.contains_key("isTokenRevoked").then(|| Arc::<Revoked>::clone(&revoked) as _),
            ..Host::default()
        };
        let server = AuthServer::new(&Value::Object(options), host).map_err(|error| error.to_string())?;
        server.migrate().await.map_err(|error| error.to_string())?;
        let mut variables = Variables::default();
        for (name, value) in [
            ("host", HOST),
            ("origin", &format!("http://{HOST}")),
            ("ip", IP),
            ("userAgent", USER_AGENT),
            ("password", PASSWORD),
        ] {
            variables.set(name, value);
        }
        let (jars, answers) = (HashMap::new(), HashMap::new());
        let mut talk = Self { server, clock, revoked, variables, refuses_mail: false, jars, answers, told: Vec::new() };
        for (name, roles) in &conversation.given {
            talk.introduce(name, roles).await.map_err(|error| format!("given {name}: {error}"))?;
        }
        Ok(talk)
    }

    /// A user with the username `name`, the common password, and one session.
    async fn introduce(&mut self, name: &str, roles: &Value) -> Result<(), Error> {
        let input = json!({
            "identifiers": [{ "type": "username", "value": name }], "password": PASSWORD, "roles": roles,
        });
        let registered = self.server.call("register", json!([input])).await?;
        assert_eq!(registered["success"], true, "{registered}");
        let issued = self.server.call("createSession", json!([registered["user"]["id"]])).await?;
        // The events of these calls are no step's, as in the other runners.
        drop(self.server.take_events());
        for (member, value) in [
            ("id", &registered["user"]["id"]),
            ("identifier", &registered["user"]["identifiers"][0]["id"]),
            ("access", &issued["accessToken"]),
            ("refresh", &issued["refreshToken"]),
            ("session", &issued["sessionId"]),
        ] {
            self.variables.set(&format!("{name}.{member}"), value.as_str().expect("a string"));
        }
        Ok(())
    }

    async fn run(&mut self, conversation: &Conversation) -> Result<(), String> {
        for step in &conversation.steps {
            self.clock.advance(step.advance);
            self.variables.1 = self.clock.now();
            if let Some(revoked) = &step.revoked {
                *self.revoked.0.lock() = self.variables.fill_value(revoked)?;
            }
            if let Some(word) = &step.mail {
                assert!(matches!(word.as_str(), "refused" | "taken"), "{word} is no state of the mail");
                self.refuses_mail = word == "refused";
            }
            self.step(step).await.map_err(|wrong| format!("{}: {wrong}", step.name))?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let request = match &step.action {
            Action::Call { method, arguments } => return self.call(step, method, arguments).await,
            Action::Request(request) => request,
        };
        if step.parallel {
            let sent = self.prepare(request)?;
            let mut all = JoinSet::new();
            for _ in 0..step.repeat {
                let (server, sent) = (self.server.clone(), sent.clone());
                all.spawn(async move { send(&server, sent).await });
            }
            for answer in all.join_all().await {
                self.check(step, request, &answer)?;
            }
            return Ok(());
        }
        for _ in 0..step.repeat {
            let answer = send(&self.server, self.prepare(request)?).await;
            self.check(step, request, &answer)?;
        }
        Ok(())
    }

    fn prepare(&self, request: &Map<String, Value>) -> Result<Sent, String> {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let mut headers = vec![("host".to_owned(), HOST.to_owned()), ("user-agent".to_owned(), USER_AGENT.to_owned())];
        let body = match (request.get("body"), request.get("rawBody")) {
            (None, None) => Body::Empty,
            (Some(body), _) => Body::Raw(self.variables.fill_value(body)?.to_string().into_bytes()),
            (None, Some(raw)) => Body::Raw(raw_body(raw, &self.variables)?),
        };
        if !matches!(body, Body::Empty) {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if let Some(token) = text("as") {
            headers.push(("authorization".to_owned(), format!("Bearer {}", self.variables.fill(token)?)));
        }
        let jar = text("jar").map(|name| self.jars.get(name).map(|jar| cookie_header(jar, self.clock.now())));
        let mut cookies: Vec<String> = jar.flatten().filter(|cookies| !cookies.is_empty()).into_iter().collect();
        for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let value = self.variables.fill(value.as_str().expect("a header is a string"))?;
            match name.as_str() {
                "cookie" => cookies.push(value),
                _ => {
                    headers.retain(|(known, _)| known != name);
                    headers.push((name.clone(), value));
                }
            }
        }
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        Ok(Sent {
            method: text("method").unwrap_or("GET").to_owned(),
            path: self.variables.fill(text("path").expect("a request has a path"))?,
            headers,
            body,
            ip: text("ip").unwrap_or(IP).to_owned(),
        })
    }

    fn check(&mut self, step: &Step, request: &Map<String, Value>, answer: &Answer) -> Result<(), String> {
        let Answer { response, hooks, .. } = answer;
        let request_id = request.get("headers").and_then(|headers| headers.get("x-request-id"));
        let events = self.post(step, answer, request_id.and_then(Value::as_str))?;
        let jar = request.get("jar").and_then(Value::as_str);
        if let Some(jar) = jar {
            let now = self.clock.now();
            keep_cookies(self.jars.entry(jar.to_owned()).or_default(), response, now);
        }
        let body: Value = match response.status {
            204 if response.body.is_empty() => Value::Null,
            _ => serde_json::from_str(&response.body).map_err(|error| format!("{error}: {}", response.body))?,
        };
        self.check_response(step, response, &body)
            .map_err(|wrong| format!("{wrong}\n    in {} {body}\n    with {}", response.status, json!(events)))?;
        self.check_cookies(step.expect.get("cookies"), response)?;
        for (name, expected) in step.expect.get("tokens").and_then(Value::as_object).into_iter().flatten() {
            self.variables.check_token(name, expected)?;
        }
        if let Some(expected) = step.expect.get("events") {
            self.check_events(expected, &events, request_id)?;
        }
        if let Some(expected) = step.expect.get("hooks") {
            self.variables.check(expected, &Value::Array(hooks.clone()), "hooks")?;
        }
        let seen = (response.status, response.body.clone(), response.headers.clone());
        if let Some(other) = step.expect.get("sameAs").and_then(Value::as_str) {
            let other = self.answers.get(other).ok_or_else(|| format!("there was no step {other}"))?;
            if *other != seen {
                return Err(format!("sameAs: {seen:?} is not {other:?}"));
            }
        }
        self.answers.insert(step.name.clone(), seen);
        Ok(())
    }

    /// Sends the messages of a step, as a host does after the answer: the events of the step with those of the
    /// messages. The step says which ones arrive.
    fn post(&mut self, step: &Step, answer: &Answer, request_id: Option<&str>) -> Result<Vec<Value>, String> {
        let mut events = answer.events.clone();
        for message in &answer.messages {
            let text = |name: &str| message[name].as_str().expect("a text");
            let cause = self.refuses_mail.then_some("the mail server is away");
            let event = self.server.message_event(text("kind"), text("channel"), cause);
            events.push(logged(&self.server, &event, request_id));
        }
        self.told.extend(events.iter().map(|event| event[1].clone()));
        let arrived = if self.refuses_mail { Vec::new() } else { answer.messages.clone() };
        if let Some(expected) = step.expect.get("messages") {
            self.variables.check(expected, &Value::Array(arrived), "messages")?;
        }
        Ok(events)
    }

    /// The changes that the log tells of, each of which must be in the audit as often, and nothing else.
    async fn compare_audit(&mut self, conversation: &Conversation) -> Result<Vec<EventName>, String> {
        if self.clock.now() > conversation.clock + KEPT_FOR {
            // What is that old goes.
            return Ok(Vec::new());
        }
        let (mut kept, mut cursor) = (BTreeMap::<String, usize>::new(), Value::Null);
        loop {
            let page = json!([{ "limit": 100, "cursor": cursor }]);
            let page = self.server.call("listAudit", page).await.map_err(|error| error.to_string())?;
            for entry in page["entries"].as_array().expect("entries") {
                *kept.entry(entry["event"].as_str().expect("a name").to_owned()).or_default() += 1;
            }
            cursor = page["nextCursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        // The events of these are no step's.
        if let Some(registered) = kept.get_mut("auth.register.success") {
            *registered -= conversation.given.len();
        }
        let late: Vec<Value> =
            self.server.take_events().iter().map(|event| logged(&self.server, event, None)[1].clone()).collect();
        let (mut wrong, mut changes) = (Vec::new(), Vec::new());
        for name in EventName::ALL.iter().filter(|name| Part::of(**name) == Part::Change) {
            let is_of = |entry: &&Value| entry["event"] == name.as_str() && entry["count"] != 0;
            let mut told = self.told.iter().chain(&late).filter(is_of).count();
            let mut kept = kept.get(name.as_str()).copied().unwrap_or_default();
            if *name == EventName::UsersImported {
                // An entry for each of the batches that a call is written in.
                (told, kept) = (told.min(1), kept.min(1));
            }
            if *name == EventName::IdentifierVerified && told < kept {
                // By a login.
                let is_login = |entry: &&Value| entry["event"] == "auth.login.success";
                told += self.told.iter().filter(is_login).count().min(kept - told);
            }
            if *name == EventName::UserEnabled {
                // Of whoever is enabled already nothing changes.
                told = told.min(kept);
            }
            if told != kept {
                wrong.push(format!("{}: {told} times in the log, {kept} in the audit", name.as_str()));
            }
            changes.extend((kept > 0).then_some(*name));
        }
        if wrong.is_empty() { Ok(changes) } else { Err(wrong.join("; ")) }
    }

    fn check_response(&mut self, step: &Step, response: &Response, body: &Value) -> Result<(), String> {
        let expect = &step.expect;
        let wanted = if let Some(Value::Array(ok)) = expect.get("ok") {
            json!({ "error": false, "statusCode": ok[0], "message": ok[1], "data": ok[2] })
        } else if let Some(Value::Array(error)) = expect.get("error") {
            let message = error.get(2).cloned().unwrap_or_else(|| "$text".into());
            let data = error.get(3).cloned().unwrap_or_default();
            json!({ "error": true, "statusCode": error[1], "code": error[0], "message": message, "data": data })
        } else {
            expect.get("body").cloned().unwrap_or_else(|| "$any".into())
        };
        let status = expect.get("status").or(wanted.get("statusCode")).cloned().unwrap_or(Value::Null);
        if status != response.status {
            return Err(format!("status: expected {status}"));
        }
        self.variables.check(&wanted, body, "body")?;
        for (name, expected) in expect.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let actual = header(response, name).map_or(Value::Null, Value::from);
            self.variables.check(expected, &actual, name)?;
        }
        check_always(response, body)
    }

    fn check_cookies(&mut self, expected: Option<&Value>, response: &Response) -> Result<(), String> {
        let Some(expected) = expected.and_then(Value::as_object) else { return Ok(()) };
        let cookies = set_cookies(response);
        let keys: Vec<String> = (0..cookies.len()).map(|at| key_of(&cookies, at)).collect();
        let mut names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut wanted: Vec<&str> = expected.keys().map(String::as_str).collect();
        names.sort_unstable();
        wanted.sort_unstable();
        if names != wanted {
            return Err(format!("cookies: expected {wanted:?}, got {:?}", response.headers));
        }
        for (cookie, key) in cookies.into_iter().zip(&keys) {
            let pattern = expected[key].as_str().expect("a cookie's pattern is a string");
            let mut parts = pattern.split("; ");
            let value = parts.next().unwrap_or_default();
            let mut wanted: Vec<&str> = parts.collect();
            let mut attributes: Vec<&str> = cookie.attributes.iter().map(String::as_str).collect();
            if value == "cleared" {
                // Both say that it is over; old browsers know only one of them.
                attributes.retain(|attribute| *attribute != "Expires=Thu, 01 Jan 1970 00:00:00 GMT");
                wanted.push("Max-Age=0");
                self.variables.check(&"".into(), &cookie.value.as_str().into(), &cookie.name)?;
            } else {
                self.variables.check(&value.into(), &cookie.value.as_str().into(), &cookie.name)?;
            }
            wanted.sort_unstable();
            attributes.sort_unstable();
            if wanted != attributes {
                return Err(format!("cookie {}: expected {wanted:?}, got {attributes:?}", cookie.name));
            }
        }
        Ok(())
    }

    /// `[["info auth.login.success", {fields}]]`. Every entry names the service; durations are whole numbers.
    fn check_events(&mut self, expected: &Value, events: &[Value], request_id: Option<&Value>) -> Result<(), String> {
        let names = |list: &[Value]| list.iter().map(|event| event[0].to_string()).collect::<Vec<_>>().join(", ");
        let wanted = expected.as_array().expect("events is a list");
        if names(wanted) != names(events) {
            return Err(format!("events: expected {}, got {}", names(wanted), Value::Array(events.to_vec())));
        }
        for (wanted, event) in wanted.iter().zip(events) {
            let mut fields = event[1].as_object().expect("an entry is an object").clone();
            let name = wanted[0].as_str().expect("an event has a name");
            let bare = name.split(' ').nth(1).unwrap_or_default();
            self.variables.check(&json!("sentri"), &fields.remove("service").unwrap_or_default(), name)?;
            self.variables.check(&json!(bare), &fields.remove("event").unwrap_or_default(), name)?;
            let id = fields.remove("requestId").unwrap_or_default();
            self.variables.check(request_id.unwrap_or(&Value::Null), &id, &format!("{name}.requestId"))?;
            if let Some(duration) = fields.remove("duration_ms") {
                self.variables.check(&json!("$count"), &duration, &format!("{name}.duration_ms"))?;
            }
            let sorted =
                |map: &Map<String, Value>| map.clone().into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
            let (wanted, fields): (Map<_, _>, Map<_, _>) = (sorted(wanted[1].as_object().unwrap()), sorted(&fields));
            self.variables.check(&Value::Object(wanted), &Value::Object(fields), name)?;
        }
        Ok(())
    }

    async fn call(&mut self, step: &Step, method: &str, arguments: &[Value]) -> Result<(), String> {
        let arguments = self.variables.fill_value(&Value::Array(arguments.to_vec()))?;
        let text = |index: usize| arguments[index].as_str().unwrap_or_default();
        let server = &self.server;
        let result = match method {
            "signAccessToken" => server.sign_access_token(&arguments[0]).map(Value::from),
            "signRefreshToken" => server.sign_refresh_token(text(0)).map(Value::from),
            "verifyAccessToken" => server
                .verify_access_token(text(0))
                .map(|token| json!({ "id": token.id, "roles": token.roles, "sessionId": token.session_id })),
            "verifyRefreshToken" => server.verify_refresh_token(text(0)).map(|id| json!({ "sessionId": id })),
            "importUsers" => import(server, &arguments).await,
            _ => server.call(method, arguments.clone()).await,
        };
        match (result, step.expect.get("throws")) {
            (Ok(value), None) => self.variables.check(&step.expect["result"], &value, "result")?,
            (Err(error), Some(expected)) => {
                let actual = json!([error.code, error.status]);
                self.variables.check(expected, &actual, "throws")?;
            }
            (Ok(value), Some(_)) => return Err(format!("it should have thrown, but resolved to {value}")),
            (Err(error), None) => return Err(format!("it threw {error}")),
        }
        for (name, expected) in step.expect.get("tokens").and_then(Value::as_object).into_iter().flatten() {
            self.variables.check_token(name, expected)?;
        }
        let events = self.server.take_events().iter().map(|event| logged(&self.server, event, None)).collect();
        let messages = self.server.take_messages().as_array().expect("a list").clone();
        let answer = Answer { response: Response::default(), events, hooks: Vec::new(), messages };
        let events = self.post(step, &answer, None)?;
        match step.expect.get("events") {
            Some(expected) => self.check_events(expected, &events, None),
            None => Ok(()),
        }
    }
}

/// Imports records in one call, and reports as the hosts do.
async fn import(server: &AuthServer, arguments: &Value) -> Result<Value, Error> {
    let records = arguments[0].as_array().expect("records");
    let mut input = arguments[1].clone();
    input["lines"] = records.iter().map(Value::to_string).collect();
    let batch = server.call("importUsers", json!([input])).await?;
    Ok(json!({
        "lines": records.len(),
        "imported": batch["imported"],
        "present": batch["present"],
        "refused": batch["refused"].as_array().expect("refusals").len(),
        "refusals": batch["refused"],
    }))
}

/// The challenge of a step-up (RFC 9470, 3), before what it asks for.
const STEP_UP: &str = "Bearer error=\"insufficient_user_authentication\", ";

/// What holds for every answer, whatever the step is about.
fn check_always(response: &Response, body: &Value) -> Result<(), String> {
    let is = |name: &str, value: &str| header(response, name).as_deref() == Some(value);
    let content_type = (response.status != 204).then_some("application/json; charset=utf-8");
    if header(response, "content-type").as_deref() != content_type {
        return Err("the content type is not JSON, or that of no body".to_owned());
    }
    if response.status == 401 {
        let challenge = header(response, "www-authenticate").unwrap_or_default();
        let is_step_up = body["code"] == "STEP_UP_REQUIRED";
        if !(challenge == "Bearer" || is_step_up && challenge.starts_with(STEP_UP))
            || is_step_up == (challenge == "Bearer")
        {
            return Err("a 401 has WWW-Authenticate: Bearer, and what is missing where that is said".to_owned());
        }
    }
    let carries_token = body.pointer("/data/accessToken").is_some()
        || header(response, "set-cookie").is_some()
        || header(response, "x-access-token").is_some();
    if carries_token && !is("cache-control", "no-store") {
        return Err("what carries a token or a cookie has Cache-Control: no-store".to_owned());
    }
    let mut seen = HashSet::new();
    for (name, value) in &response.headers {
        let cookie = (name == "Set-Cookie").then(|| SetCookie::read(value)).map(|cookie| (cookie.place(), cookie.name));
        let shown = format!("{cookie:?}");
        if !seen.insert((name.to_ascii_lowercase(), cookie)) {
            return Err(format!("{name} {shown} stands twice"));
        }
    }
    let waits = matches!(response.status, 429 | 503);
    if waits != header(response, "retry-after").is_some() {
        return Err("429 and 503, and no other answer, have Retry-After".to_owned());
    }
    Ok(())
}

/// A request to an endpoint, or to one of the routes of the application.
async fn send(server: &AuthServer, sent: Sent) -> Answer {
    let request_id = sent.header("x-request-id");
    let handled = match sent.path.split('?').next().unwrap_or_default() {
        "/protected" => host_route(server, &sent, true, None).await,
        "/admin-only" => host_route(server, &sent, true, Some(&authorize_admin)).await,
        "/editors" => host_route(server, &sent, true, Some(&permit_editors)).await,
        "/fresh" => stepped_up(server, &sent, json!({ "maxAge": "10m" })).await,
        "/strong" => stepped_up(server, &sent, json!({ "acr": "aal2" })).await,
        "/strong-and-fresh" => stepped_up(server, &sent, json!({ "acr": "aal2", "maxAge": 60 })).await,
        "/unguarded-admin" => host_route(server, &sent, false, Some(&authorize_admin)).await,
        "/unguarded-editors" => host_route(server, &sent, false, Some(&permit_editors)).await,
        _ => endpoint(server, sent).await,
    };
    let events = handled.events.iter().map(|event| logged(server, event, request_id.as_deref())).collect();
    let hooks = handled.notices.into_iter().map(hook).collect();
    let messages = handled.messages.iter().map(Message::to_json).collect();
    Answer { response: handled.response, events, hooks, messages }
}

/// `["info auth.login.success", entry]`
fn logged(server: &AuthServer, event: &Event, request_id: Option<&str>) -> Value {
    let (level, entry) = server.log_entry(event, request_id);
    json!([format!("{} {}", level.as_str(), entry["event"].as_str().unwrap_or_default()), entry])
}

async fn endpoint(server: &AuthServer, sent: Sent) -> Handled {
    let request_id = sent.header("x-request-id");
    let (path, query) = sent.path.split_once('?').map_or((sent.path.as_str(), None), |(p, q)| (p, Some(q.to_owned())));
    let request = Request {
        method: sent.method.clone(),
        path: path.to_owned(),
        full_path: Some(format!("/auth{path}")),
        query,
        headers: sent.headers.clone(),
        body: match sent.body {
            Body::Raw(bytes) if bytes.len() > MAX_BODY => Body::TooLarge,
            body => body,
        },
        client_ip: Some(sent.ip),
        request_id,
        ..Request::default()
    };
    server.handle(request).await
}

/// What stands between `protect()` and the handler.
type Check<'a> = &'a (dyn Fn(&AuthServer, Option<&Principal>) -> Decision + Send + Sync);

fn authorize_admin(server: &AuthServer, user: Option<&Principal>) -> Decision {
    server.authorize(user.map(Admitted::from), &["admin".to_owned()])
}

/// `permit({roles: ["admin"], check})`, whose check looks for the role editor.
fn permit_editors(server: &AuthServer, user: Option<&Principal>) -> Decision {
    let has = |role: &str| user.is_some_and(|user| user.roles.iter().any(|known| known == role));
    let outcome = match user {
        None => PermitVerdict::Unauthenticated,
        Some(_) if has("admin") => PermitVerdict::Bypass("admin".to_owned()),
        Some(_) if has("editor") => PermitVerdict::Passed,
        Some(user) if user.withheld.iter().any(|role| role == "admin") => PermitVerdict::Withheld,
        Some(_) => PermitVerdict::Denied,
    };
    server.permit(user.map(Admitted::from), &outcome)
}

/// A route of the application: `protect()` if it is guarded, then a check, then a handler that answers with the user.
/// `protect({acr, maxAge})`: what every host does with what the core tells it.
async fn stepped_up(server: &AuthServer, sent: &Sent, asked: Value) -> Handled {
    let need = server.requirement(&asked).expect("the route is for conversations with mfa");
    let check = move |server: &AuthServer, user: Option<&Principal>| {
        let user = user.expect("behind protect()");
        let held = user.assurance.clone().unwrap_or_else(Assurance::none);
        if held.meets(need, server.leeway_seconds(), server.now()) {
            return Decision { error: None, event: None };
        }
        server.step_up(&user.id, need)
    };
    host_route(server, sent, true, Some(&check)).await
}

async fn host_route(server: &AuthServer, sent: &Sent, guarded: bool, check: Option<Check<'_>>) -> Handled {
    let (mut events, mut headers, mut user, mut error) = (Vec::new(), Vec::new(), None, None);
    if guarded {
        let guarded = protect(server, sent).await;
        if let Some(response) = guarded.answer {
            return Handled { response, events: guarded.events, notices: Vec::new(), messages: Vec::new() };
        }
        (events, headers) = (guarded.events, guarded.headers);
        match guarded.result {
            Ok(principal) => user = Some(principal),
            Err(refusal) => error = Some(refusal),
        }
    }
    if let (None, Some(check)) = (&error, check) {
        let decision = check(server, user.as_ref());
        events.extend(decision.event);
        error = decision.error;
    }
    let mut response = match error {
        Some(error) => server.error_response(&error),
        None => Response {
            status: 200,
            headers: vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())],
            body: user.map_or(Value::Null, |user| json!({ "id": user.id, "roles": user.roles })).to_string(),
        },
    };
    // As an adapter would: ours replace what is there of the same name.
    response.headers.retain(|(name, _)| name == "Set-Cookie" || headers.iter().all(|(ours, _)| ours != name));
    response.headers.extend(headers);
    Handled { response, events, notices: Vec::new(), messages: Vec::new() }
}

async fn protect(server: &AuthServer, sent: &Sent) -> ProtectResult {
    let request = GuardRequest {
        method: sent.method.clone(),
        authorization: sent.header("authorization"),
        cookie: sent.header("cookie"),
        origin: sent.header("origin"),
        sec_fetch_site: sent.header("sec-fetch-site"),
        host: sent.header("host"),
        upgrade: sent.header("upgrade"),
        client_ip: Some(sent.ip.clone()),
        user_agent: sent.header("user-agent"),
        access_control_request_method: sent.header("access-control-request-method"),
        access_control_request_headers: sent.header("access-control-request-headers"),
        ..GuardRequest::default()
    };
    match server.guard_now(&request) {
        Some(guarded) => guarded,
        None => server.guard(&request).await,
    }
}

fn hook(notice: Notice) -> Value {
    let (name, subject, context) = match notice {
        Notice::Login { user_id, roles, context } => ("onLogin", json!({ "id": user_id, "roles": roles }), context),
        Notice::FailedLogin { identifier, context } => ("onFailedLogin", json!(identifier), context),
        Notice::Logout { user_id, context } => ("onLogout", json!(user_id), context),
    };
    let context = json!({
        "ip": context.ip, "userAgent": context.user_agent, "requestId": context.request_id,
        "sessionId": context.session_id, "errorCode": context.error_code,
    });
    json!([name, subject, context])
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

struct SetCookie {
    name: String,
    value: String,
    attributes: Vec<String>,
}

impl SetCookie {
    fn read(line: &str) -> Self {
        let mut parts = line.split("; ");
        let (name, value) =
            parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie has a name and a value");
        Self { name: name.to_owned(), value: value.to_owned(), attributes: parts.map(str::to_owned).collect() }
    }

    /// Domain and path: a browser keeps a cookie for each.
    fn place(&self) -> String {
        let attribute = |name: &str| self.attributes.iter().find_map(|one| one.strip_prefix(name)).unwrap_or_default();
        format!("{}{}", attribute("Domain="), attribute("Path="))
    }
}

fn set_cookies(response: &Response) -> Vec<SetCookie> {
    let lines = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    lines.map(|(_, line)| SetCookie::read(line)).collect()
}

/// What an expectation calls a cookie: the last one of a name by the name, those before it with their place behind it.
fn key_of(cookies: &[SetCookie], at: usize) -> String {
    let cookie = &cookies[at];
    let is_last = cookies[at + 1..].iter().all(|later| later.name != cookie.name);
    if is_last { cookie.name.clone() } else { format!("{} {}", cookie.name, cookie.place()) }
}

fn keep_cookies(jar: &mut Jar, response: &Response, now: i64) {
    for cookie in set_cookies(response) {
        let age = cookie.attributes.iter().find_map(|attribute| attribute.strip_prefix("Max-Age="));
        let ends = age.map_or(i64::MAX, |seconds| now + seconds.parse::<i64>().expect("Max-Age is a number") * 1000);
        jar.insert((cookie.name.clone(), cookie.place()), (cookie.value, ends));
    }
}

fn cookie_header(jar: &Jar, now: i64) -> String {
    let live = jar.iter().filter(|(_, (_, ends))| *ends > now);
    live.map(|((name, _), (value, _))| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// A text, or `{before, fill, times, after}` for a long one.
fn raw_body(raw: &Value, variables: &Variables) -> Result<Vec<u8>, String> {
    if let Some(text) = raw.as_str() {
        return variables.fill(text).map(String::into_bytes);
    }
    if let Some(encoded) = raw["base64url"].as_str() {
        return URL_SAFE_NO_PAD.decode(encoded).map_err(|error| error.to_string());
    }
    let text = |name: &str| raw[name].as_str().unwrap_or_default();
    let times = usize::try_from(raw["times"].as_u64().expect("times is a number")).expect("it fits");
    Ok(format!("{}{}{}", text("before"), text("fill").repeat(times), text("after")).into_bytes())
}
