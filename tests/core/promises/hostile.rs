//! P39: whatever the types and contents of a request, never a 5xx, and never a row of somebody else's.

use std::sync::Arc;

use sentri_core::crypto::make_id;
use sentri_core::http::{Body, Request, router};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::support::{Answer, Bench, Database, Own, PASSWORD};

/// To both databases together.
const REQUESTS: u64 = 20_000;
/// Requests with the same tokens: some of them end their sessions.
const PER_SESSION: usize = 200;
/// Few enough that none is refused because the machine is busy.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p39_on_sqlite() {
    let own = Own::new(Database::SqliteFile).await;
    hostile_input(&own.option).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p39_on_postgres() {
    let own = Own::new(Database::Postgres).await;
    hostile_input(&own.option).await;
    own.drop().await;
}

/// Requests that are drawn from hostile parts, the same ones in every run.
async fn hostile_input(db: &Value) {
    let bench = Arc::new(Bench::new(db, json!({ "accessCookie": true })).await);
    let victim = person(&bench, "victim", json!([])).await;
    let attacker = Arc::new([
        person(&bench, "attacker", json!([])).await,
        person(&bench, "leaver", json!([])).await,
        person(&bench, "boss", json!(["admin"])).await,
    ]);
    let before = bench.server.call("getUser", json!([victim.id])).await.unwrap();
    let (mut registered, mut accepted, mut statuses) = (0, 0, std::collections::BTreeMap::<u16, u32>::new());
    for first in (0..REQUESTS / 2).step_by(PER_SESSION) {
        let access = Arc::new(attacker_tokens(&bench, &attacker).await);
        let doors = Arc::new(Semaphore::new(AT_ONCE));
        let tasks = (first..).take(PER_SESSION).map(|number| {
            let (bench, access, victim) = (Arc::clone(&bench), Arc::clone(&access), victim.clone());
            let doors = Arc::clone(&doors);
            tokio::spawn(async move {
                let _door = doors.acquire().await.unwrap();
                let (request, by_admin) = draw(&mut Dice(number), &access, &victim);
                let shown = format!("{number}: {request:?}");
                (request.path.clone(), by_admin, shown, Answer::from(bench.server.handle(request).await))
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            let (path, by_admin, shown, answer) = task.await.unwrap();
            assert!((200..500).contains(&answer.status), "{shown}\n{}", answer.body);
            let text = answer.body.to_string();
            assert!(by_admin || !text.contains(&victim.value), "{shown}\n{text}");
            *statuses.entry(answer.status).or_default() += 1;
            registered += u32::from(path == "/register" && answer.status == 201);
            accepted += u32::from(answer.status < 300);
        }
    }
    // The draw is worth something only when requests get past the doors.
    assert!(accepted > 200 && statuses[&400] > 1_000 && statuses[&404] > 50, "{statuses:?}");
    assert_eq!(bench.server.call("getUser", json!([victim.id])).await.unwrap(), before, "the victim's rows");
    assert!(bench.guard(&victim.access).await.result.is_ok(), "and session are as they were");
    assert_eq!(bench.login("victim").await.user_id, victim.id, "and so is the password");
    let mut users = 0;
    let mut page = bench.server.call("listUsers", json!([{ "limit": 100 }])).await.unwrap();
    loop {
        for user in page["users"].as_array().unwrap() {
            users += 1;
            assert!(user["id"] == attacker[2].id.as_str() || user["roles"] != json!(["admin"]), "{user}");
        }
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        page = bench.server.call("listUsers", json!([{ "limit": 100, "cursor": cursor }])).await.unwrap();
    }
    assert_eq!(users, 4 + registered, "no user came or went but by registration");
}

#[derive(Clone)]
struct Person {
    id: String,
    /// The value of an identifier that nothing here ever names.
    value: String,
    identifier_id: String,
    session_id: String,
    access: String,
}

async fn person(bench: &Bench, name: &str, roles: Value) -> Person {
    let value = format!("{}@example.com", make_id());
    let identifiers = json!([{ "type": "email", "value": value }, { "type": "username", "value": name }]);
    let input = json!({ "identifiers": identifiers, "password": PASSWORD, "roles": roles });
    let made = bench.server.call("register", json!([input])).await.unwrap();
    let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let (id, identifier_id) = (text("/user/id"), text("/user/identifiers/0/id"));
    let session = bench.server.call("createSession", json!([id])).await.unwrap();
    let own = |member: &str| session[member].as_str().unwrap().to_owned();
    Person { id, value, identifier_id, session_id: own("sessionId"), access: own("accessToken") }
}

/// Sessions of those whom the requests come from; the last ones may have ended theirs.
async fn attacker_tokens(bench: &Bench, people: &[Person; 3]) -> [String; 3] {
    let mut tokens = Vec::new();
    for person in people {
        let session = bench.server.call("createSession", json!([person.id])).await.unwrap();
        tokens.push(session["accessToken"].as_str().unwrap().to_owned());
    }
    tokens.try_into().unwrap()
}

/// Numbers that look random and are the same in every run (`splitmix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// A request, and whether it has an admin's token.
fn draw(dice: &mut Dice, access: &[String; 3], victim: &Person) -> (Request, bool) {
    let route = dice.one(router::ROUTES);
    let ends_a_session = ["/logout", "/logout-all", "/me/password"].contains(&route.pattern);
    let who = match route.access {
        _ if ends_a_session => 1,
        router::Access::Admin if dice.roll(3) > 0 => 2,
        _ => 0,
    };
    let owned = [victim.id.as_str(), &victim.identifier_id, &victim.session_id];
    // An admin may do as he likes with the victim; a stranger with the victim's ids is what this is about.
    let id = match dice.roll(3) {
        0 if who != 2 => (*dice.one(&owned)).to_owned(),
        _ => (*dice.one(&PATHS)).to_owned(),
    };
    let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", access[who]))];
    if dice.roll(12) == 0 {
        headers = vec![((*dice.one(&HEADERS)).to_owned(), text(dice))];
    }
    if dice.roll(12) == 0 {
        headers.push(((*dice.one(&HEADERS)).to_owned(), text(dice)));
    }
    let request = Request {
        method: route.method.to_owned(),
        path: route.pattern.replace(":userId", &id).replace(":id", &id),
        query: (dice.roll(4) == 0).then(|| format!("{}={}&{}", dice.one(&QUERY), dice.one(&PATHS), text(dice))),
        headers,
        body: body(dice, route.pattern, &owned),
        client_ip: Some("203.0.113.7".to_owned()),
        ..Request::default()
    };
    (request, who == 2)
}

/// A body as the endpoint wants it, changed in one to three places, sometimes in its bytes.
fn body(dice: &mut Dice, pattern: &str, owned: &[&str]) -> Body {
    let mut value = match pattern {
        "/register" => {
            json!({ "identifiers": [{ "type": "username", "value": "newcomer" }], "password": PASSWORD, "roles": ["user"] })
        }
        "/login" => json!({ "identifier": "victim", "password": "not the victim's" }),
        "/refresh" | "/logout" => json!({ "refreshToken": "a.b.c" }),
        "/me/password" => json!({ "currentPassword": "not the password", "newPassword": "another password" }),
        "/users/:userId/password" => json!({ "newPassword": "another password" }),
        "/users/:userId/roles" => json!({ "roles": ["user"] }),
        "/me/identifiers" | "/users/:userId/identifiers" => json!({
            "ids": [dice.one(owned)],
            "identifiers": [{ "id": dice.one(owned), "type": "username", "value": "one more" }],
        }),
        _ => json!({}),
    };
    for _ in 0..=dice.roll(3) {
        mutate(dice, &mut value, owned);
    }
    let mut bytes = value.to_string().into_bytes();
    match dice.roll(12) {
        0 => bytes.truncate(dice.roll(bytes.len())),
        1 => {
            let at = dice.roll(bytes.len());
            bytes[at] = u8::try_from(dice.roll(256)).unwrap();
        }
        2 => bytes = bytes.repeat(2),
        3 => return Body::Parsed(value.to_string()),
        4 => bytes.clear(),
        _ => {}
    }
    Body::Raw(bytes)
}

/// Goes down to a random place and puts something hostile there.
fn mutate(dice: &mut Dice, value: &mut Value, owned: &[&str]) {
    match value {
        Value::Object(members) if !members.is_empty() && dice.roll(4) > 0 => {
            let place = dice.roll(members.len());
            mutate(dice, members.values_mut().nth(place).unwrap(), owned);
        }
        Value::Array(items) if !items.is_empty() && dice.roll(4) > 0 => {
            let place = dice.roll(items.len());
            mutate(dice, &mut items[place], owned);
        }
        Value::Object(members) if dice.roll(2) == 0 => {
            let name =
                *dice.one(&["__proto__", "constructor", "prototype", "userId", "roles", "id", "\u{0}", "trusted"]);
            members.insert(name.to_owned(), hostile(dice, owned));
        }
        other => *other = hostile(dice, owned),
    }
}

fn hostile(dice: &mut Dice, owned: &[&str]) -> Value {
    match dice.roll(14) {
        0 => Value::Null,
        1 => json!(dice.roll(2) == 0),
        2 => dice.one(&[json!(0), json!(-1), json!(1.5), json!(u64::MAX), json!(1e308), json!(i64::MIN)]).clone(),
        3 => json!([]),
        4 => json!({}),
        5 => json!([hostile(dice, owned)]),
        6 => json!({ "__proto__": { "roles": ["admin"], "id": dice.one(owned) } }),
        7 => json!({ "$ne": null, "$gt": "" }),
        8 => json!(vec![text(dice); 60]),
        9 => json!(dice.one(owned)),
        10 => (0..200)
            .fold(Value::Null, |inner, _| if dice.roll(2) == 0 { json!([inner]) } else { json!({ "a": inner }) }),
        11 => Value::Object(Map::from_iter((0..100).map(|i| (format!("m{i}"), json!(i))))),
        _ => Value::String(text(dice)),
    }
}

fn text(dice: &mut Dice) -> String {
    let part = |dice: &mut Dice| (*dice.one(&TEXTS)).to_owned();
    match dice.roll(6) {
        0 => part(dice) + &part(dice),
        1 => part(dice).repeat(1 + dice.roll(400)),
        2 => format!("victim{}", part(dice)),
        _ => part(dice),
    }
}

const HEADERS: [&str; 8] =
    ["authorization", "cookie", "x-api-key", "content-type", "x-forwarded-for", "origin", "host", "idempotency-key"];

const QUERY: [&str; 5] = ["limit", "cursor", "identifier", "__proto__", "userId"];

const PATHS: [&str; 14] = [
    "%00",
    "%ff",
    "%zz",
    "..%2f..%2fetc",
    "'%20OR%20'1'%3D'1",
    "1;DROP%20TABLE%20sentri_users",
    "%25",
    "_",
    "null",
    "-1",
    "__proto__",
    "%F0%9F%98%80",
    "0197a0e0-0000-7000-8000-000000000000",
    "%E2%80%AE",
];

const TEXTS: [&str; 30] = [
    "",
    " ",
    "\u{0}",
    "a\u{0}b",
    "\u{1f}",
    "\r\n",
    "' OR '1'='1",
    "'; DROP TABLE sentri_users; --",
    "\" OR 1=1 --",
    "\\' OR 1=1 #",
    "') UNION SELECT password_hash FROM sentri_users --",
    "$1",
    "?1",
    ":id",
    "%",
    "_",
    "*",
    "${x}",
    "{{7*7}}",
    "admin",
    "ADMIN",
    "ad\u{200b}min",
    "user",
    "\u{202e}abc",
    "\u{fffd}",
    "\u{1F600}",
    "\u{e9}",
    "e\u{301}",
    "Bearer x.y.z",
    "refresh_token=a; refresh_token=b",
];
